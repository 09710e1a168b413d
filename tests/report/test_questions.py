"""Comparisons with another judge, reference and margin, with contrasts, and with more seeds for some arms."""

import csv
import re
from dataclasses import replace

import numpy as np
import pytest

from foveate.experiments.gallery import Exhibit
from foveate.experiments.result import OpeningPoint
from foveate.report.curves import curves, opening_curves
from foveate.report.forest import forest
from foveate.report.page import render
from foveate.report.scales import fit_scale
from foveate.report.sentences import headline, summary_lines
from foveate.report.tables import by_measure
from foveate.report.view import arm_views

from .conftest import draw_comparison, draw_gallery

SKILL = {"none": 0.80, "cbam@decoder": 0.86, "se@decoder": 0.801, "eca@decoder": 0.80}
SEEDS = {"none": (0, 1, 2, 3), "cbam@decoder": (0, 1, 2, 3), "se@decoder": (0, 1, 2, 3)}


@pytest.fixture(scope="module")
def asked():
    """B is the reference, D has three seeds and the others four, and the judge is the Dice of a class."""
    return draw_comparison(
        SKILL,
        {},
        ("host", "B", "C", "D"),
        SEEDS,
        baseline="cbam@decoder",
        contrasts=[("se@decoder", "eca@decoder")],
        judge="dice:road",
        margin=0.03,
    )


@pytest.fixture(scope="module")
def page(asked):
    return re.sub(r"<wbr>", "", render(asked, tuple(draw_gallery(SKILL))))


def test_the_judge_is_named_and_pictures_and_curves_show_mean_iou(asked, page):
    assert "<dd>Dice of road</dd>" in page
    assert "points of Dice of road" in page
    assert '<th scope="col">Dice of road, %</th>' in page
    assert "Prediction, mean IoU" in page
    assert "points of this image&#39;s mean IoU" in page
    assert curves(asked, arm_views(asked))[0]["title"] == "Validation mean IoU, %"


def test_another_reference_takes_the_hosts_place(asked, page):
    assert headline(asked).startswith("Against B: ")
    assert "Paired differences to B" in page
    assert "host" not in headline(asked)
    views = arm_views(asked)
    assert [(view["name"], view["note"]) for view in views.values()][:2] == [
        ("host", "the bare host, 4 seeds"),
        ("B", "the reference, 4 seeds"),
    ]
    assert views["cbam@decoder"]["color"] == 0
    assert len({view["color"] for view in views.values()}) == 4
    assert "Lowers Dice of road by" in page
    assert "against B (95% interval" in page
    assert "Compared with B, it costs" in page
    assert re.search(r'<th scope="col">Class</th><th scope="col">B, %</th><th scope="col">host, points', page)


def test_a_comparison_without_other_arms_is_not_judged(asked):
    alone = replace(asked, contenders=asked.contenders[:2])
    assert headline(alone) == "B is the reference; give other arms to set against it."


def test_contrasts_have_a_card_a_table_and_a_row_in_the_forest_plot(asked, page):
    (contrast,) = asked.findings.contrasts
    section = page.split('<section id="contrasts">')[1].split("</section>")[0]
    assert re.sub(r"<[^>]*>", " ", section.split("<tbody>")[1]).split()[:3] == ["C", "vs", "D"]
    assert f"{100 * contrast.difference.mean:+.2f}".replace("-", "−") in section
    assert section.count("<td>3</td>") == 1
    rows = forest(asked, arm_views(asked))["rows"]
    assert [row["arm"]["name"] for row in rows] == ["C", "D", "host", "C"]
    assert rows[-1]["reference"]["name"] == "D"
    assert np.mean(rows[-1]["marks"][0].seeds) == pytest.approx(rows[-1]["marks"][0].at, abs=0.02)
    assert summary_lines(asked)[-1].startswith("  C vs D: Changes Dice of road by ")
    assert page.count('<article class="card') == 3


def test_without_contrasts_there_is_no_section(comparison):
    assert 'id="contrasts"' not in render(comparison)


def test_arms_may_have_different_numbers_of_seeds(asked, page):
    assert "4 arms × 3 to 4 seeds" in page
    assert "mean over 3 to 4 seeds" in page
    rows = forest(asked, arm_views(asked))["rows"]
    assert [len(row["marks"][0].seeds) for row in rows] == [4, 3, 4, 3]
    thin = [line["arm"]["name"] for line in curves(asked, arm_views(asked))[0]["lines"][:-4]]
    assert {name: thin.count(name) for name in thin} == {"host": 4, "B": 4, "C": 4, "D": 3}
    assert ", 3 seeds)" in next(line for line in summary_lines(asked) if line.startswith("  D: "))


def test_right_labels_are_counted_over_the_seeds_that_arm_and_host_share(asked):
    exhibit: Exhibit = replace(draw_gallery(SKILL)[0], arm="eca@decoder", change=2 / 3, label=0, truth=None)
    panels = tuple(replace(panel, prediction=None, label=0) for panel in exhibit.panels)
    labelled = replace(asked, task="classification", class_score="recall")
    exhibit = replace(exhibit, panels=panels)
    assert "right in 2 seeds more than the host" in render(labelled, (exhibit,))
    first = render(replace(labelled, folds=5), (replace(exhibit, change=1.0),))
    assert "right in 1 seed more than the host" in first


def test_folds_are_explained_and_the_gallery_names_the_seed(asked):
    folded = render(replace(asked, folds=5), tuple(draw_gallery(SKILL)))
    assert "Each seed tests another of 5 folds" in folded
    assert "gains and losses, of seed 0." in folded
    assert "averaged over the seeds" not in folded
    usual = render(asked, tuple(draw_gallery(SKILL)))
    assert "gains and losses, averaged over the seeds." in usual
    assert "folds" not in usual


def test_the_margin_is_a_band_around_zero(asked, page):
    drawn = forest(asked, arm_views(asked))
    low, high = drawn["rows"][0]["band"]
    zero = drawn["rows"][0]["zero"]
    assert high - zero == pytest.approx(zero - low, abs=0.02)
    tick = next(tick for tick in drawn["ticks"] if tick["label"] == "−2")
    assert (zero - low) / (zero - tick["at"]) == pytest.approx(1.5, abs=0.01)
    assert page.count('<rect class="band"') == len(drawn["rows"])
    assert "The band is the margin of 3 points on either side of zero." in page


def test_openings_are_drawn_by_arm_and_seed(asked, page):
    gates, changes = opening_curves(asked, arm_views(asked))
    assert (gates["title"], changes["title"]) == ("Gate", "Change of the features, %")
    for plot in (gates, changes):
        weights = [line["weight"] for line in plot["lines"]]
        assert (weights.count("thin"), weights.count("thick")) == (4 + 4 + 3, 3)
    assert 'id="openings"' in page
    assert 'id="openings"' not in render(replace(asked, openings=()))


def test_of_several_attentions_the_widest_is_drawn_and_without_gates_only_the_change(asked):
    points = tuple(
        OpeningPoint("cbam@decoder", 0, epoch, label, float("nan"), change * epoch)
        for label, change in (("cbam@decoder", 0.02), ("cbam@encoder2", 0.01))
        for epoch in range(3)
    )
    (plot,) = opening_curves(replace(asked, openings=points), arm_views(asked))
    assert plot["title"] == "Change of the features, %"
    assert plot["ticks"][-1]["label"] == "4"
    (line,) = plot["lines"]
    top = 100 - fit_scale([0.0, 4.0], 5, 0.0)(4.0)
    assert line["points"].split()[-1] == f"100.0,{round(top, 2)}"


def test_dice_precision_and_recall_have_tables_by_class(asked, page):
    tables = by_measure(asked)
    assert [table["title"] for table in tables] == [
        "Dice (F1) by class",
        "Precision by class",
        "Recall by class",
    ]
    detail = asked.result("se@decoder").measures["dice"][3]
    row = tables[0]["rows"][3]
    assert row["name"] == "road"
    cell = row["cells"][1]
    assert cell["value"] == f"{100 * detail.score:.1f}"
    assert cell["interval"].startswith(f"{100 * detail.difference.mean:+.2f} (".replace("-", "−"))
    assert page.count("<details>") == 3
    labelled = by_measure(replace(asked, task="classification", class_score="recall"))
    assert [table["title"] for table in labelled] == ["F1 (Dice) by class", "Precision by class"]


def test_the_csv_has_values_and_differences_of_every_measure_and_class(asked, tmp_path):
    asked.save(tmp_path)
    with (tmp_path / "comparison.csv").open() as file:
        rows = {
            (row["arm"], row["quantity"], row["class"]): row["value"]
            for row in csv.DictReader(file)
            if not row["seed"]
        }
    for measure, details in asked.result("se@decoder").measures.items():
        for detail in details:
            value = rows["se@decoder", measure, detail.name]
            assert float(value) == pytest.approx(detail.score)
            change = rows["se@decoder", f"{measure}_difference_low", detail.name]
            assert float(change) == pytest.approx(detail.difference.low)


def test_many_arms_have_their_sentences_below_the_table(asked):
    many = draw_comparison(
        {"none": 0.8}
        | {f"se@encoder{k}": 0.8 for k in range(1, 5)}
        | {f"eca@encoder{k}": 0.8 for k in (1, 2, 3)},
        {},
        contrasts=[("se@encoder1", "eca@encoder1")],
    )
    page = re.sub(r"<wbr>|<[^>]*>", "", render(many).split("<summary>Every verdict in sentences")[1])
    for arm in many.arms:
        assert f"{arm.label}: Changes mean IoU" in page
    assert "eca@encoder1: Changes mean IoU by" in page
