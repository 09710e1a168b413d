import pytest

from foveate.errors import UserError
from foveate.specs.data import DataSpec
from foveate.specs.model import ModelSpec
from foveate.specs.placement import PlacementSpec, shortened
from foveate.specs.training import TrainingSpec


def placed(**fields) -> PlacementSpec:
    return PlacementSpec(DataSpec("synthetic:8"), **fields)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"latency_budget": 0.9}, "latency_budget is 0.9: .* give 1 or more, such as 1.1"),
        ({"latency_budget": float("nan")}, "latency_budget is nan"),
        ({"latency_budget": float("inf")}, "latency_budget is inf"),
        ({"attention": ("cbam@decoder",)}, "'cbam@decoder' says where the attention sits"),
        ({"attention": ("cbam+se",)}, "'cbam\\+se' says where|name the mechanism alone|at most one head"),
        ({"attention": ("cbam+augment=strong",)}, "has an augmentation of its own; --augment"),
        ({"attention": ("none",)}, "'none' is the bare host"),
        ({"attention": (",",)}, "there is no attention to place"),
        ({"attention": ("cbam(",)}, "cbam\\("),
        ({"attention": ("placebo",)}, "takes its size from the arm beside it; --placebo"),
        ({"screen": "luck"}, "screen is 'luck'; there are: none, signal, gradient, trial"),
        ({"survivors": 0}, "survivors is 0; give 1 or more"),
        ({"trial_seeds": 0}, "trial_seeds is 0"),
        ({"seeds": 1}, "seeds is 1: no verdict is possible"),
        ({"margin": 0.0}, "margin is 0"),
        ({"model": ModelSpec(arm="se@decoder")}, "placed on the bare host"),
    ],
)
def test_wrong_specs_are_refused_in_words(fields, words):
    with pytest.raises(UserError, match=words):
        placed(**fields)


def test_the_final_comparison_has_seeds_that_no_round_has_used():
    spec = placed(trial_seeds=2, seeds=3, first_seed=5)
    rounds, final = spec.trials(["se@decoder"], epochs=2), spec.final(["se@decoder"])
    assert spec.trial_seed_numbers == (5, 6)
    assert not set(spec.trial_seed_numbers) & set(final.seed_numbers)
    assert (rounds.training.epochs, final.training.epochs) == (2, 30)


def test_a_spec_survives_its_file(tmp_path):
    spec = placed(attention=("cbam", "smooth(threshold=0.4)"), places=("encoder*",), latency_budget=1.1)
    spec.save(tmp_path / "placement.yaml")
    assert PlacementSpec.load(tmp_path / "placement.yaml") == spec


def test_milestones_in_epochs_shrink_with_a_shorter_run():
    training = TrainingSpec(epochs=20, schedule="step", milestones=(10, 15), validate_every=5)
    assert shortened(training, 4).milestones == (0.5, 0.75)
