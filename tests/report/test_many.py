"""The report of seven arms and more: one table, one forest plot, colours by group, names that users give."""

from dataclasses import replace

import pytest

from foveate.report import curves, forest, sentences, view
from foveate.report.page import render

from .conftest import MANY, NAMES, draw_comparison, draw_gallery


@pytest.fixture(scope="module")
def comparison():
    return draw_comparison(MANY, {}, NAMES)


def test_colours_tell_groups_apart_and_none_is_used_twice(comparison):
    views, groups = view.arm_views(comparison), view.group_legend(comparison)
    assert [group["name"] for group in groups] == ["cbam", "se", "smooth", "cbam + two_branch", "eca"]
    assert len({group["color"] for group in groups}) == len(groups)
    assert views["cbam@decoder"]["color"] == views["cbam@encoder5"]["color"]
    assert views["cbam@decoder"]["color"] != views["eca@decoder"]["color"]


def test_more_mechanisms_than_colours_are_told_apart_by_place_or_share_one():
    names = ("cbam", "se", "eca", "scse", "bam", "simam", "coord", "triplet")
    by_place = draw_comparison(
        {"none": 0.8} | {f"{n}@decoder": 0.8 for n in names[:7]} | {"se@skip1": 0.8}, {}
    )
    assert [group["name"] for group in view.group_legend(by_place)] == ["decoder", "skip1"]
    alike = draw_comparison({"none": 0.8} | {f"{n}@decoder": 0.8 for n in names}, {})
    groups = view.group_legend(alike)
    assert [group["name"] for group in groups][-1] == "other"
    assert len({group["color"] for group in groups}) == len(groups) == view.ARM_COLORS


def test_a_sortable_table_replaces_the_cards(comparison):
    page = render(comparison, tuple(draw_gallery(MANY)))
    assert '<article class="card' not in page
    assert page.count("<button") == 8
    assert page.count("<script>") == 1
    assert 'src="http' not in page


def test_few_arms_have_cards_and_no_script(comparison):
    few = draw_comparison()
    assert not view.has_many_arms(few)
    page = render(few, tuple(draw_gallery()))
    assert '<article class="card' in page
    assert "<script>" not in page


def test_the_forest_is_sorted_by_the_difference(comparison):
    rows = forest.forest(comparison, view.arm_views(comparison))["rows"]
    means = [
        comparison.result(next(a.arm for a in comparison.arms if a.label == row["arm"]["name"]))
        for row in rows
    ]
    values = [found.difference.mean for found in means]
    assert values == sorted(values, reverse=True)


def test_the_users_names_replace_arms_everywhere(comparison):
    assert {one["name"] for one in view.arm_views(comparison).values()} == set(NAMES)
    assert view.arm_views(comparison)["cbam@decoder"]["text"] == "cbam@decoder"
    page = render(comparison, tuple(draw_gallery(MANY)))
    assert "cbam_<wbr>and_<wbr>head" in page
    assert "A: +12.00 points of this image&#39;s mean IoU" in page
    two = replace(comparison, contenders=comparison.contenders[:2])
    assert "A helps" in sentences.headline(two)


def test_images_without_differences_are_not_called_those_that_differ_most(comparison):
    same, other = (
        replace(one, change=change) for one, change in zip(draw_gallery(MANY), (0.0, 0.1), strict=False)
    )
    page = render(comparison, (same, other))
    assert "Where the arms differ most" in page
    assert "scene_0000" not in page
    page = render(comparison, (same,))
    assert "Where the arms differ most" not in page
    assert "scene_0000" in page


def test_curves_of_one_epoch_are_not_drawn(comparison):
    one = tuple(point for point in comparison.curves if point.epoch == 0)
    assert curves.curves(replace(comparison, curves=one), view.arm_views(comparison)) == []
