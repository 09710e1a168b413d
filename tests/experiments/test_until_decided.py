"""A comparison that adds seeds until its arms are decided, on a tiny host."""

import json
from dataclasses import replace

import pytest

from foveate.errors import UserError
from foveate.experiments import compare as comparing
from foveate.experiments.compare import compare
from foveate.experiments.course import Course, Stop
from foveate.experiments.looking import note_on_next_look
from foveate.experiments.plan import Forecast, make_plan, note_on_budget
from foveate.verdicts.looks import LookPlan, Looks
from foveate.verdicts.outlook import can_decide, half_width_with
from foveate.verdicts.statistics import IntervalEstimate

UNDECIDED = IntervalEstimate(0.03, -0.01, 0.07, 0.1, 1e-4, 2.0, 1e-6, 59.0, seeds=3, images=60)


@pytest.fixture(scope="module")
def spec(small_spec):
    """An arm that is far from decided after 2 seeds of one epoch, and no placebo."""
    return replace(small_spec, placebo=False, until_decided=True, max_seeds=3, margin=0.001)


@pytest.fixture(scope="module")
def decided(spec, tmp_path_factory):
    out = tmp_path_factory.mktemp("until") / "c"
    events = []
    return out, compare(spec, out, events.append), events


def test_seeds_are_added_one_look_at_a_time(decided, spec):
    out, comparison, events = decided
    looks = json.loads((out / "looks.json").read_text())["looks"]["plans"]
    assert looks == [{"planned": [2, 3], "taken": list(comparison.findings.looks)}]
    assert comparison.findings.looks[0] == 2
    assert note_on_next_look(make_plan(spec, out), out, jobs=1) == ""
    trained = list(dict.fromkeys((e.seed, e.arm) for e in events if e.stage == "train"))
    assert trained[:4] == [(0, "none"), (0, "cbam@decoder"), (1, "none"), (1, "cbam@decoder")]
    shares = [event.share for event in events if event.stage == "train"]
    assert shares == sorted(shares)
    assert all(item.seeds == tuple(range(len(item.scores["miou"]))) for item in comparison.contenders)


def test_the_same_call_returns_what_is_finished_and_arms_and_contrasts_can_be_added(decided, spec):
    out, comparison, _ = decided
    again = []
    assert repr(compare(spec, out, again.append)) == repr(comparison)
    assert again == []
    arms, contrasts = ("cbam@decoder", "se@decoder"), ("se@decoder vs cbam@decoder",)
    more = compare(replace(spec, arms=(*spec.arms, arms[1]), contrasts=contrasts), out, again.append)
    trained = {event.arm for event in again if event.stage == "train"}
    assert "se@decoder" in trained
    both = range(min(len(item.seeds) for item in more.arms))
    cbam, se = (more.result(arm).seed_differences for arm in arms)
    (contrast,) = more.findings.contrasts
    assert contrast.seed_differences == pytest.approx([se[s] - cbam[s] for s in both])


def test_a_budget_that_is_used_up_ends_after_a_look(spec, tmp_path):
    short = replace(spec, training=replace(spec.training, epochs=1), margin=3, max_seeds=9)
    comparison = compare(short, tmp_path / "c", budget=1e-3)
    assert comparison.findings.looks == (2,)
    assert len(comparison.baseline.seeds) == 2
    note = note_on_next_look(make_plan(short, tmp_path / "c"), tmp_path / "c", jobs=1)
    assert "The next look, at 3 seeds, takes about" in note


def test_an_arm_that_was_to_go_on_when_the_comparison_ended_keeps_its_seeds(spec, tmp_path, monkeypatch):
    stops = {2: {"cbam@decoder": Stop(2, "undecidable", 3)}, 3: {}}

    def look_at(plan, out, course, look, *others):
        return Course(course.looks.take(look), stops[look])

    monkeypatch.setattr(comparing, "look_at", look_at)
    two = replace(spec, arms=("cbam@decoder", "se@decoder"))
    comparison = compare(two, tmp_path / "c")
    seeds = {item.arm: len(item.seeds) for item in comparison.arms}
    assert seeds == {"cbam@decoder": 2, "se@decoder": 3}
    assert repr(compare(two, tmp_path / "c")) == repr(comparison)


def test_another_margin_is_refused(decided, spec):
    out, _, _ = decided
    with pytest.raises(UserError, match=r"margin: 0\.001, now 2"):
        make_plan(replace(spec, margin=2), out)


def test_a_budget_below_one_run_is_refused():
    expected = Forecast(3600, 4, 0, 20, 60, "all fit in memory", 0.04)
    with pytest.raises(
        UserError, match=r"10 minutes is too short for a single run; its 4 runs .* 15 minutes"
    ):
        note_on_budget(600, expected)
    assert "30 minutes ends before the first look" in note_on_budget(1800, expected)
    assert note_on_budget(7200, expected) == ""


def test_arms_stop_when_decided_and_their_references_go_on(spec):
    plan = make_plan(replace(spec, arms=("A=cbam@decoder", "B=se@decoder"), contrasts=("B vs A",)))
    course = Course(Looks((LookPlan((2, 3)),)), {"cbam@decoder": Stop(2, "decided")})
    runs = [(arm.arm, seed) for arm, seed in course.runs(plan, 3)]
    assert runs[-3:] == [("none", 2), ("cbam@decoder", 2), ("se@decoder", 2)]
    both = Course(course.looks, dict.fromkeys(("cbam@decoder", "se@decoder"), Stop(2, "decided")))
    assert max(seed for _, seed in both.runs(plan, 3)) == 1
    assert both.is_over(plan)
    assert not course.is_over(plan)


def test_an_undecidable_arm_goes_on_if_more_seeds_are_allowed(spec, tmp_path):
    looks = Looks((LookPlan((2, 3)),)).take(2)
    Course(looks, {"cbam@decoder": Stop(2, "undecidable", 3), "se@decoder": Stop(2, "decided")}).save(
        tmp_path
    )
    assert set(Course.open(spec, tmp_path).stopped) == {"cbam@decoder", "se@decoder"}
    assert set(Course.open(replace(spec, max_seeds=9), tmp_path).stopped) == {"se@decoder"}


def test_a_finished_comparison_without_a_record_of_looks_was_looked_at_once(decided, spec):
    out, _, _ = decided
    record = (out / "looks.json").read_text()
    (out / "looks.json").unlink()
    try:
        assert Course.open(spec, out).looks.plans[0].taken == (2,)
    finally:
        (out / "looks.json").write_text(record)


def test_whether_more_seeds_can_decide_depends_on_what_they_reduce():
    assert can_decide(UNDECIDED, 20, 0.006, margin=0.01)
    few_images = replace(UNDECIDED, image_variance=1e-2, mean=0.0)
    assert not can_decide(few_images, 20, 0.006, margin=0.01)
    assert half_width_with(UNDECIDED, 20, 0.006) < half_width_with(UNDECIDED, 5, 0.006)
