"""The control beside a comparison: drawn data of the same sizes, where a mechanism is known to help."""

from dataclasses import replace

import pytest

from foveate.experiments.compare import compare
from foveate.experiments.control import compare_control, control_spec
from foveate.experiments.plan import make_plan
from foveate.experiments.result import control_folder, load_control


@pytest.fixture(scope="module")
def plan(small_spec):
    return make_plan(replace(small_spec, placebo=False, seeds=2, arms=("cbam@encoder2",)))


def test_the_control_has_the_sizes_host_and_schedule_of_the_comparison(plan, tmp_path):
    spec = control_spec(plan, tmp_path, seeds=2)
    assert spec.data.source == "synthetic:search:8/3/3:32x48"
    assert (spec.data.size, spec.data.batch, spec.data.color) == (plan.data.size, plan.data.batch, 0.0)
    assert (spec.model, spec.training) == (plan.spec.model, plan.spec.training)
    assert (spec.seeds, spec.first_seed) == (2, plan.spec.first_seed)
    (arm,) = spec.arms
    assert arm.startswith("global_context@encoder2")


def test_a_control_is_run_once_into_its_own_folder(plan, tmp_path):
    out = tmp_path / "c"
    compare(plan.spec, out, plan=plan)
    assert load_control(out) is None
    control = compare_control(plan, out)
    assert len(control.baseline.seeds) == 2
    events = []
    assert repr(compare_control(plan, out, events.append)) == repr(control)
    assert events == []
    assert repr(load_control(out)) == repr(control)
    assert (control_folder(out) / "runs" / "none" / "seed1").is_dir()
