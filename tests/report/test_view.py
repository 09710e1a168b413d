from dataclasses import replace

import numpy as np
import pytest

from foveate.inspection.inspect import Drawing, Inspection
from foveate.report.forest import forest
from foveate.report.inspection import render as render_inspection
from foveate.report.notes import detectable
from foveate.report.view import arm_views


def test_drawn_intervals_are_clipped_to_100_points(comparison):
    arm = comparison.arms[0].arm
    wide = replace(comparison.result(arm).difference, mean=0.1, low=-4.0, high=4.2)
    arms = [
        replace(found, difference=wide) if found.arm == arm else found for found in comparison.findings.arms
    ]
    changed = replace(comparison, findings=replace(comparison.findings, arms=tuple(arms)))
    drawn = forest(changed, arm_views(changed))
    first, *_, last = (tick["at"] for tick in drawn["ticks"])
    (mark,) = drawn["rows"][0]["marks"]
    assert [drawn["ticks"][place]["label"] for place in (0, -1)] == ["−100", "+100"]
    assert (mark.low, mark.high) == (first, last)


def test_without_differing_predictions_the_detectable_difference_is_unknown(comparison):
    arms = [replace(found, detectable=0.0) for found in comparison.findings.arms]
    assert detectable(comparison) > 0
    assert detectable(replace(comparison, findings=replace(comparison.findings, arms=tuple(arms)))) is None


def test_the_dots_of_the_seeds_average_to_the_tested_difference(comparison):
    """Also where another score of the same name counts classes that the test images lack."""
    other = tuple(
        replace(arm, scores={"miou": (0.1 * k,) * 3}) for k, arm in enumerate(comparison.contenders)
    )
    for changed in (comparison, replace(comparison, contenders=other)):
        rows = forest(changed, arm_views(changed))["rows"]
        assert len(rows) == len(changed.contenders) - 1
        for row in rows:
            (mark,) = row["marks"]
            assert len(mark.seeds) == len(changed.seeds)
            assert np.mean(mark.seeds) == pytest.approx(mark.at, abs=0.02)


def test_the_title_of_an_inspection_names_the_arm_or_the_hosts_own_attention(tmp_path):
    (tmp_path / "a").mkdir()
    picture = tmp_path / "a" / "mask.png"
    picture.write_bytes(b"")
    inside = tmp_path / "residual@stage1" / "a"
    inside.mkdir(parents=True)
    (inside / "mask.png").write_bytes(b"")
    own = Drawing(inside / "mask.png", "mask", "residual@stage1", "factors")
    plain = Drawing(picture, "panels", "", "the image")
    page = render_inspection(Inspection("runs/a", "none", tmp_path, 1, {"a": [plain, own]}))
    assert "What the host&#39;s own attention does" in page
    assert "What none does" not in page
    assert "What the bare host does" in render_inspection(
        Inspection("runs/a", "none", tmp_path, 1, {"a": [plain]})
    )
    assert "What se@decoder does" in render_inspection(Inspection("runs/a", "se@decoder", tmp_path, 1, {}))
