"""One small search for all tests: stopped by Ctrl-C in its round, and continued."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path

import pytest

from foveate.api.place import PlacementResult
from foveate.errors import UserError
from foveate.evaluation.slowdown import slowdown
from foveate.experiments.overheads import Overheads
from foveate.experiments.placing import plan as planning
from foveate.experiments.placing.forecast import Pace, PlacementForecast, forecast_placement
from foveate.experiments.placing.place import load_if_finished, place
from foveate.experiments.placing.placement import Placement, pareto_front
from foveate.experiments.placing.plan import PlacementPlan, make_placement_plan
from foveate.experiments.placing.progress import PlacementEvent
from foveate.experiments.placing.rounds import Rounds, plan_rounds
from foveate.experiments.result import Comparison
from foveate.report.placement import render, summary_lines
from foveate.specs.data import DataSpec
from foveate.specs.model import ModelSpec
from foveate.specs.placement import PlacementSpec
from foveate.specs.training import TrainingSpec
from foveate.training.run import Interrupted

CPU = {"accelerator": "cpu"}


@pytest.fixture(scope="module")
def spec() -> PlacementSpec:
    options = {"encoder_depth": 1, "decoder_channels": [8]}
    return PlacementSpec(
        DataSpec("synthetic:search:8/4/4:16x16", size=(16, 16), batch=4),
        ModelSpec("unet", "tu-test_resnet", "none", options=options),
        TrainingSpec(epochs=1, precision="32"),
        attention=("simam",),
        screen="trial",
        survivors=1,
        trial_seeds=1,
        seeds=2,
    )


@dataclass(frozen=True)
class Searched:
    """A search that was stopped and continued. first, second: what was reported before and after the stop."""

    plan: PlacementPlan
    expected: PlacementForecast
    out: Path
    first: list[PlacementEvent]
    second: list[PlacementEvent]
    stop: str
    placement: Placement
    comparison: Comparison


@pytest.fixture(scope="module", autouse=True)
def timed_briefly() -> Iterator[None]:
    """Candidates are timed in as few turns as it takes: the results are used and kept as any others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planning, "slowdown", partial(slowdown, seconds=0.0))
        yield


@pytest.fixture(scope="module")
def searched(spec, tmp_path_factory) -> Searched:
    out = tmp_path_factory.mktemp("placing") / "search"
    plan = make_placement_plan(spec, out, CPU)
    arms = tuple(candidate.arm for candidate in plan.candidates)
    rounds = Rounds(arms, plan_rounds(2, 1, 1, plan.steps_per_epoch))
    stages = {"host": 1.0, "scores": 1.0, "round 1": 1.0, "comparison": 1.0}
    expected = PlacementForecast(rounds, stages)
    first: list[PlacementEvent] = []
    second: list[PlacementEvent] = []

    def interrupt(event: PlacementEvent) -> None:
        first.append(event)
        if "run 2 of" in event.text:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as stop:
        place(plan, out, expected, interrupt, "foveate place")
    again = make_placement_plan(spec, out, CPU)
    placement, comparison = place(again, out, expected, second.append, "foveate place")
    return Searched(again, expected, out, first, second, str(stop.value), placement, comparison)


def test_a_stop_is_told_and_the_same_call_goes_on_from_there(searched):
    assert (
        searched.stop == f"the search so far is kept in {searched.out}; run the same command again to go on"
    )
    assert {event.stage for event in searched.first} == {"host", "scores", "round 1"}
    assert {event.stage for event in searched.second} == {"round 1", "comparison"}


def test_what_was_measured_is_kept_over_the_stop(searched):
    assert make_placement_plan(searched.plan.spec, searched.out, CPU).slowdowns == searched.plan.slowdowns


def test_a_screen_and_a_round_lead_to_the_survivor_that_is_compared_on_new_seeds(searched):
    candidates = {one.arm: one for one in searched.placement.candidates}
    assert set(candidates) == {"simam@encoder1", "simam@decoder", "simam@logits"}
    assert all("trial" in one.scores for one in candidates.values())
    trained = [one for one in candidates.values() if one.rounds]
    assert len(trained) == 2
    (survivor,) = searched.placement.survivors
    assert survivor.rounds == (max(one.rounds[0] for one in trained),)
    assert {item.arm for item in searched.comparison.contenders} == {"none", survivor.arm}
    assert searched.comparison.seeds == (1, 2)


def test_runs_of_rounds_leave_no_weights(searched):
    assert list((searched.out / "round1").rglob("result.json"))
    assert not list((searched.out / "round1").rglob("best.safetensors"))
    assert not list(searched.out.rglob("last.ckpt"))


def test_progress_rises_and_says_how_long_it_will_take(searched):
    shares = [event.share for event in searched.second]
    assert shares == sorted(shares)
    assert 0 < shares[0] <= shares[-1] <= 1
    assert all(event.seconds_left is not None for event in searched.second)


def test_a_finished_search_is_returned_as_it_is(searched):
    events: list[PlacementEvent] = []
    found = place(searched.plan, searched.out, searched.expected, events.append)
    assert repr(found) == repr(load_if_finished(searched.out))
    assert found[0] == searched.placement
    assert not events


def test_another_search_in_the_same_folder_is_refused(searched):
    other = replace(searched.plan.spec, attention=("se",), seeds=3)
    with pytest.raises(UserError, match=r"holds a search with another spec \(attention.*; seeds: 2, now 3\)"):
        make_placement_plan(other, searched.out, CPU)


def test_the_front_has_the_host_and_its_sentences_claim_no_help_without_a_verdict(searched):
    front = pareto_front(searched.placement, searched.comparison)
    assert {point.arm for point in front} == {"none", searched.placement.survivors[0].arm}
    assert any(point.on_front for point in front)
    assert searched.comparison.arms[0].arm in "\n".join(
        summary_lines(searched.placement, searched.comparison)
    )
    assert summary_lines(searched.placement, searched.comparison)[0].startswith(
        "At no place was attention shown"
    )


def test_the_page_names_every_candidate_and_how_far_it_came(searched):
    page = render(searched.placement, searched.comparison)
    for one in searched.placement.candidates:
        assert one.arm in page
    assert "left out by the score" in page
    assert "compared with the host" in page


def test_a_search_opens_again_from_its_folder(searched):
    found = PlacementResult(searched.out)
    survivor = searched.placement.survivors[0].arm
    assert list(found.verdicts) == [survivor]
    assert {row["arm"]: row["verdict"] is not None for row in found.rows()} == {
        one.arm: one.survived for one in searched.placement.candidates
    }
    assert found.report.read_text().count(survivor) >= 2
    assert repr(found).endswith(str(searched.out))
    with pytest.raises(UserError, match="no search has finished there"):
        _ = PlacementResult(searched.out / "round1").placement


def test_the_table_has_a_row_for_each_candidate(searched):
    with (searched.out / "placement.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["arm"] for row in rows] == [one.arm for one in searched.placement.candidates]
    assert all(float(row["latency"]) > 0 and row["trial"] for row in rows)


def test_a_budget_that_nothing_fits_names_the_fastest(spec):
    with pytest.raises(UserError, match=r"no candidate is within 1 times .* the fastest are nonlocal@"):
        make_placement_plan(
            replace(spec, attention=("nonlocal",), places=("decoder",), latency_budget=1.0), None, CPU
        )


def test_validation_images_that_are_the_test_images_are_refused(spec):
    data = replace(spec.data, split=(80.0, 20.0))
    with pytest.raises(UserError, match=r"are the test images, too.* such as --split 70/15/15"):
        make_placement_plan(replace(spec, data=data), None, CPU)


def test_a_search_that_goes_on_counts_what_is_left_and_no_budget_refuses_it(searched):
    pace = Pace(searched.plan, 1.0, Overheads(*[1.0] * len(fields(Overheads))))
    begun = Rounds.load(searched.out)
    assert begun is not None
    expected = forecast_placement(pace, budget=1.0, begun=begun)
    assert list(expected.stages) == ["comparison"]
    assert expected.rounds == begun
    ahead = forecast_placement(pace, budget=1.0, begun=replace(begun, finished=()))
    assert list(ahead.stages) == ["round 1", "comparison"]
    with pytest.raises(UserError, match="is too short: the search takes at least"):
        forecast_placement(pace, budget=1.0)


def test_a_host_with_attention_of_its_own_is_refused_unless_it_is_asked_for(spec):
    model = ModelSpec("smooth_unet", encoder_weights="none")
    with pytest.raises(
        UserError, match=r"smooth_unet .*attention of its own \(smooth@encoder5\).*--beside-own"
    ):
        make_placement_plan(replace(spec, model=model), None, CPU)
