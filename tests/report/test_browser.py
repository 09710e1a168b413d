"""The report in a real browser. Needs Playwright's Python package and an installed Chromium."""

import os
import shutil
from typing import NoReturn

import pytest

from foveate.report.page import render, write_report

from .conftest import MANY, NAMES, draw_comparison, draw_gallery

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPEN = "document.querySelectorAll('details').forEach(one => one.open = true)"
A4 = 688  # CSS pixels between margins of 14 mm
SECTIONS = (
    "verdicts",
    "scores",
    "differences",
    "classes",
    "curves",
    "openings",
    "gallery",
    "meaning",
    "made",
)


def missing(what: str) -> NoReturn:
    """Where CI runs, a report that nobody can look at is a failure."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(what)


@pytest.fixture(scope="module")
def browser():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("Playwright is missing: pip install playwright to look at the report")
    if CHROMIUM is None:
        missing("no Chromium here: apt-get install chromium (or google-chrome) to look at the report")
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def address(comparison_folder):
    return write_report(comparison_folder).as_uri()


@pytest.fixture(params=[1280, 390], ids=["desktop", "phone"])
def page(request, browser, address):
    page = browser.new_page(viewport={"width": request.param, "height": 900})
    page.requests, page.complaints = [], []
    page.on("request", lambda sent: page.requests.append(sent.url))
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(address, wait_until="networkidle")
    yield page
    page.close()


def test_no_request_leaves_the_page_and_nothing_goes_wrong(page, address):
    assert [url for url in page.requests if not url.startswith("data:")] == [address]
    assert page.complaints == []
    assert page.evaluate("document.querySelectorAll('script, iframe, object, embed').length") == 0


def test_every_section_is_visible(page):
    for section in SECTIONS:
        assert page.locator(f"#{section}").is_visible(), section
    assert page.locator("#answer").inner_text().startswith("Yes: cbam@decoder helps")


def test_every_picture_is_drawn(page):
    widths = page.eval_on_selector_all("img", "images => images.map(image => image.naturalWidth)")
    assert len(widths) == 4 * (2 + 2 * 5 + 4)
    assert min(widths) > 0
    drawn = page.eval_on_selector_all("svg", "all => all.map(one => one.getBoundingClientRect().width)")
    assert min(drawn) > 100


def test_tables_by_class_open_with_a_click(page):
    table = page.locator("#classes details table").first
    assert not table.is_visible()
    page.locator("#classes summary", has_text="Dice").click()
    assert table.is_visible()


def test_the_band_lies_around_zero_within_its_strip(page):
    inside = """all => all.map(band => {
        const strip = band.closest("svg"), [inner, outer] = [band, strip].map(e => e.getBoundingClientRect());
        const zero = strip.querySelector(".zero").getBoundingClientRect();
        const middle = (inner.left + inner.right) / 2;
        return inner.width > 5 && inner.left >= outer.left && inner.right <= outer.right
            && Math.abs(middle - zero.left - zero.width / 2) < 1.5;
    })"""
    bands = page.eval_on_selector_all(".band", inside)
    assert bands == [True] * 4


def test_nothing_is_wider_than_the_window(page):
    page.evaluate(OPEN)
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def test_texts_do_not_overlap(page):
    """Labels of axes and of rows keep clear of their neighbours."""
    page.evaluate(OPEN)
    overlapping = """selector => {
        const boxes = [...document.querySelectorAll(selector)].map(e => e.getBoundingClientRect());
        return boxes.flatMap((a, i) => boxes.slice(i + 1).filter(b =>
            a.left < b.right - 1 && b.left < a.right - 1 &&
            a.top < b.bottom - 1 && b.top < a.bottom - 1)).length;
    }"""
    for selector in (
        ".axis span",
        ".plot .left span",
        ".forest .label",
        ".forest .value",
        ".wall .title",
        "td",
    ):
        assert page.evaluate(overlapping, selector) == 0, selector


def test_names_of_arms_break_between_their_parts_alone(browser, address):
    page = browser.new_page(viewport={"width": 500, "height": 900})
    page.goto(address, wait_until="networkidle")
    broken = page.eval_on_selector_all(
        ".arm",
        """arms => arms.flatMap(arm => [...arm.childNodes]).filter(node => {
            if (node.nodeType !== Node.TEXT_NODE) return false
            const range = document.createRange()
            range.selectNodeContents(node)
            return range.getClientRects().length > 1
        }).map(node => node.textContent)""",
    )
    page.close()
    assert broken == []


def test_the_page_prints(browser, address):
    page = browser.new_page(viewport={"width": A4, "height": 1000})
    page.emulate_media(media="print")
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth") <= A4
    printed = page.pdf(format="A4")
    page.close()
    assert printed.startswith(b"%PDF")
    assert 2 <= printed.count(b"/Type /Page\n") <= 12


def test_the_dark_page_is_dark(browser, address):
    page = browser.new_page(color_scheme="dark")
    page.goto(address)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.close()
    assert background == "rgb(20, 22, 26)"


def test_many_arms_are_sorted_by_a_click_and_fit_the_window(browser, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(render(draw_comparison(MANY, {}, NAMES), tuple(draw_gallery(MANY))), encoding="utf-8")
    page = browser.new_page(viewport={"width": 390, "height": 900})
    requests, complaints = [], []
    page.on("request", lambda sent: requests.append(sent.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(path.as_uri(), wait_until="networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    def column(number):
        cells = f"#arms tbody td:nth-child({number})"
        return page.eval_on_selector_all(cells, "cells => cells.map(cell => +cell.dataset.by)")

    page.locator("#arms th:nth-child(3) button").click()
    assert column(3) == sorted(column(3))
    page.locator("#arms th:nth-child(3) button").click()
    assert column(3) == sorted(column(3), reverse=True)
    assert page.locator("#arms th:nth-child(3)").get_attribute("aria-sort") == "descending"
    page.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith("data:")] == [path.as_uri()]
