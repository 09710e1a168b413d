import html
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from foveate.errors import UserError
from foveate.experiments.gallery import load_gallery
from foveate.experiments.result import load_comparison
from foveate.report.page import render, write_report


class Outline(HTMLParser):
    """The tags and addresses of a page, as a browser would find them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href")]
        if tag not in ("meta", "link", "img", "br", "wbr", "line", "circle", "polyline", "rect"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("line", "circle", "polyline", "rect"):
            assert self.open.pop() == tag


@pytest.fixture
def page(comparison_folder):
    return write_report(comparison_folder).read_text(encoding="utf-8")


def test_the_page_is_well_formed_and_needs_no_other_file(page):
    outline = Outline(page)
    assert outline.open == []
    assert "script" not in outline.tags
    assert "a" not in outline.tags
    assert outline.addresses
    assert all(address.startswith("data:") for address in outline.addresses)
    assert "url(" not in page
    assert "@import" not in page


def test_names_from_the_users_files_are_text_and_not_markup(page):
    assert "<script" not in page
    assert "<img src=x>" not in page
    assert html.escape("<script>alert(1)</script>") in page
    assert "<b>box</b>" not in page


def test_every_arm_has_its_verdict_placebo_and_cost_in_sentences(page, comparison):
    text = _text(page)
    assert "Yes: cbam@decoder helps; no effect is shown for smooth@encoder5(threshold=0.4)." in text
    found = comparison.result("cbam@decoder")
    size = f"{100 * found.difference.mean:.2f}"
    assert f"Raises mean IoU by {size} points (95% interval" in text
    assert f"Compared with the placebo, the arm changes it by +{100 * found.versus_placebo.mean:.2f}" in text
    assert "chance alone could do this" in text
    assert "Costs +290 parameters and no measurable change in latency (×1.02)." in text


def test_an_arm_that_hurts_is_reported_as_hurting(comparison):
    worse = {"cbam@decoder": "hurts", "smooth@encoder5(threshold=0.4)": "hurts"}
    arms = tuple(replace(arm, verdict=worse.get(arm.arm, arm.verdict)) for arm in comparison.findings.arms)
    text = _text(render(replace(comparison, findings=replace(comparison.findings, arms=arms))))
    assert "No: cbam@decoder and smooth@encoder5(threshold=0.4) hurt." in text
    assert "Lowers mean IoU by" in text


def test_a_gain_that_a_placebo_shares_is_not_credited_to_attention(comparison):
    over = replace(comparison.result("cbam@decoder").versus_placebo, low=-0.01)
    arms = tuple(
        replace(arm, versus_placebo=over if arm.versus_placebo else None) for arm in comparison.findings.arms
    )
    text = _text(render(replace(comparison, findings=replace(comparison.findings, arms=arms))))
    assert "so the gain may come from more parameters rather than from attention" in text


def test_the_error_table_has_the_rates_of_the_host_and_the_differences_of_every_arm(page, comparison):
    table = page.split('<section id="errors">')[1].split("</section>")[0]
    rows = comparison.result("none").errors
    assert table.count("<tr><td>") == len(rows) == 5
    assert "<td>Objects found, 0.05 to 0.2% of the image</td>" in table
    added = 100 * comparison.result("cbam@decoder").errors[-1].difference.mean
    assert added < -0.3
    assert f"<td>{added:+.2f}<small>".replace("-", "−") in table


def test_the_page_shows_command_environment_and_seeds(page, comparison):
    text = _text(page)
    for part in (comparison.command, comparison.finished, "45 min 12 s", "torch", "2.15.0", "0, 1, 2"):
        assert part in text


def test_every_run_has_a_line_and_every_arm_a_mean(page, comparison):
    section = page.split('<section id="curves">')[1].split("</section>")[0]
    lines = re.findall(r'<polyline class="c\d (thin|thick)', section)
    assert lines.count("thin") == 3 * len(comparison.contenders) * len(comparison.seeds)
    assert lines.count("thick") == 3 * len(comparison.contenders)


def test_without_pictures_and_curves_the_sections_are_left_out(comparison):
    page = render(replace(comparison, curves=()))
    assert 'id="curves"' not in page
    assert 'id="gallery"' not in page
    assert 'id="scores"' in page


def test_a_classification_shows_labels_and_probabilities(comparison, comparison_folder):
    labelled = replace(comparison, task="classification", score="miou", class_score="recall")
    exhibit = load_gallery(comparison_folder)[0]
    panels = tuple(replace(p, prediction=None, label=k % 2, score=0.75) for k, p in enumerate(exhibit.panels))
    exhibit = replace(exhibit, truth=None, label=1, panels=panels, change=-2 / 3)
    text = _text(render(labelled, (exhibit,)))
    assert "true class: building" in text
    assert "sky, 75.0% sure: wrong" in text
    assert "building, 75.0% sure: right" in text
    assert "right in 2 seeds fewer than the host" in text


def test_a_comparison_is_read_back_as_it_was_written(comparison, comparison_folder):
    again = load_comparison(comparison_folder)
    assert again.contenders == comparison.contenders
    assert again.curves == comparison.curves
    assert again.openings == comparison.openings
    assert again.result("cbam@decoder").difference == comparison.result("cbam@decoder").difference
    assert render(again) == render(comparison)


def test_pictures_are_read_back_as_they_were_written(comparison_folder):
    exhibits = load_gallery(comparison_folder)
    assert [len(exhibit.panels) for exhibit in exhibits] == [5, 5, 5, 5]
    assert exhibits[0].truth.shape == (96, 128)
    assert exhibits[0].panels[0].attention is None
    assert exhibits[0].panels[1].attention.shape == (6, 8)


def test_a_folder_without_a_finished_comparison_is_named(tmp_path):
    with pytest.raises(UserError, match=r"holds no comparison\.json.*run the same `foveate compare` again"):
        write_report(tmp_path)


def test_a_comparison_of_another_version_is_refused(comparison_folder):
    path = comparison_folder / "comparison.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    with pytest.raises(UserError, match="written by another version of foveate"):
        write_report(comparison_folder)
    path.write_text("{")
    with pytest.raises(UserError, match=r"comparison\.json: is not JSON"):
        write_report(comparison_folder)


def _text(page):
    body = page.partition("<body>")[2]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", body.replace("<wbr>", ""))).split())
