from dataclasses import replace

import pytest
import yaml

from foveate.errors import UserError
from foveate.plain import from_plain, to_plain
from foveate.specs.data import DataSpec
from foveate.specs.model import ModelSpec
from foveate.specs.run import RunSpec
from foveate.specs.training import TrainingSpec

FULL = RunSpec(
    DataSpec("photos", size=(192, 256), classes=("road", "sky"), crop_schedule=((0.5, (96, 128)),), batch=8),
    ModelSpec("fpn", arm="smooth@encoder5(threshold=0.4)", options={"decoder_channels": [64, 32], "x": None}),
    TrainingSpec(epochs=7, lr=1e-4, class_weights="enet", patience=3, monitor="loss"),
    seed=5,
)


@pytest.mark.parametrize("spec", [FULL, RunSpec(DataSpec("synthetic"))], ids=["full", "defaults"])
def test_yaml_gives_back_an_equal_spec(spec, tmp_path):
    assert RunSpec.from_yaml(spec.to_yaml()) == spec
    spec.save(tmp_path / "spec.yaml")
    assert RunSpec.load(tmp_path / "spec.yaml") == spec


def test_plain_types_are_those_of_json():
    def kinds(value):
        if isinstance(value, dict):
            return set().union({type(k) for k in value}, *map(kinds, value.values()))
        return set().union(*map(kinds, value)) if isinstance(value, list) else {type(value)}

    assert kinds(to_plain(FULL)) <= {str, int, float, bool, type(None)}


def test_keys_left_out_have_their_defaults_and_numbers_are_forgiving():
    spec = RunSpec.from_yaml("data: {source: a, scale: [1, 2]}\ntraining: {lr: 1e-3}")
    assert spec.training == TrainingSpec(lr=0.001)
    assert spec.data.scale == (1.0, 2.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("data: {source: a}\nmodle: {}", "^unknown key 'modle'; did you mean 'model'"),
        (
            "data: {source: a}\ntraining: {epohcs: 3}",
            "^training: unknown key 'epohcs'; did you mean 'epochs'",
        ),
        ("seed: 1", "the key 'data' is missing; it has no default"),
        ("data: {source: a}\nseed: many", "^seed is 'many'; expected int"),
        (
            "data: {source: a, size: [1, 2, 3]}",
            r"data.size is \[1, 2, 3\]; expected tuple\[int, int\] or nothing",
        ),
        ("data: {source: a}\ntraining: {epochs: true}", "training.epochs is True; expected int"),
        ("data: 3", "data is 3; expected a mapping of keys to values"),
        ("a: [", "is not valid YAML"),
        (
            "data: {source: a}\ntraining: {optimizer: rmsprob}",
            "unknown optimizer 'rmsprob'; did you mean 'rmsprop'",
        ),
        ("data: {source: a}\ntraining: {warmup: 2.0}", r"warmup is 2.0; it must be a share of all steps"),
    ],
)
def test_errors_name_the_key(text, words):
    with pytest.raises(UserError, match=words):
        RunSpec.from_yaml(text)


def test_errors_name_the_file(tmp_path):
    path = tmp_path / "spec.yaml"
    with pytest.raises(UserError, match=r"spec\.yaml: there is no such file"):
        RunSpec.load(path)
    path.write_text("data: {source: a}\nseeds: 3")
    with pytest.raises(UserError, match=r"spec\.yaml: unknown key 'seeds'; did you mean 'seed'"):
        RunSpec.load(path)


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 0},
        {"lr": 0.0},
        {"lr": float("inf")},
        {"lr": float("nan")},
        {"weight_decay": float("inf")},
        {"encoder_lr_factor": float("nan")},
        {"auxiliary_weight": float("inf")},
        {"auxiliary_weight": float("nan")},
        {"ema": 1.0},
        {"clip": -1.0},
        {"clip": float("inf")},
        {"patience": 0},
        {"label_smoothing": 1.0},
        {"milestones": (0.5, 0.25)},
        {"milestones": (0.0,)},
        {"milestones": (10, 30)},
        {"milestones": (10.5,)},
        {"milestones": (0.6, 15)},
        {"lr_factor": 1.0},
        {"lr_factor": 0.0},
        {"lr_patience": -1},
    ],
)
def test_values_out_of_range_are_reported(change):
    (name,) = change
    with pytest.raises(UserError, match=f"{name} is .*; it must be"):
        replace(TrainingSpec(), **change)


@pytest.mark.parametrize("milestones", [(), (0.5,), (1, 29), (0.3, 10, 0.5)])
def test_milestones_are_shares_or_epochs(milestones):
    assert TrainingSpec(milestones=milestones).milestones == milestones


def test_options_have_names():
    spec = ModelSpec()
    spec.options[1] = 2  # as a mapping from elsewhere has it; here the constructor's types are checked first
    with pytest.raises(UserError, match="options has the key 1; options of a host have names"):
        spec.__post_init__()


def test_a_string_stays_a_string_in_a_union():
    assert from_plain(float | str, "3") == "3"
    assert from_plain(bool | int, 1) == 1
    with pytest.raises(UserError, match="cannot be written as plain YAML"):
        to_plain({"a": object()})


def test_spec_file_reads_well():
    assert yaml.safe_load(FULL.to_yaml())["data"]["size"] == [192, 256]
    assert FULL.to_yaml().startswith("data:\n  source: photos\n")


def test_policies_do_not_change_what_numbers_stand_for():
    numbers = DataSpec(
        "a", scale=(0.75, 1.5), rotation=0.0, shear=0.0, flip=0.5, flip_vertical=0.0, color=0.2
    )
    runs = [RunSpec(data) for data in (numbers, DataSpec("a"), DataSpec("a", augment="light"))]
    assert {run.digest for run in runs} == {"954545bb605b"}, "as before there were policies"
    assert (
        RunSpec(DataSpec("a", augment="none")).digest
        == RunSpec(DataSpec("a", color=0.0, scale=(1.0, 1.0), flip=0.0)).digest
    )


def test_an_unknown_policy_is_named():
    with pytest.raises(UserError, match=r"unknown augmentation 'strng'; did you mean 'strong'"):
        DataSpec("a", augment="strng")
