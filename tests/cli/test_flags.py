"""Flags are the fields of the specs, with their defaults and help."""

from dataclasses import fields

import pytest

from foveate.cli.flags import DataFlags, ModelFlags, TrainingFlags, build_settings, described_arguments
from foveate.cli.main import main
from foveate.data.open import open_dataset
from foveate.errors import UserError
from foveate.specs.data import DataSpec
from foveate.specs.model import ModelSpec
from foveate.specs.training import TrainingSpec


@pytest.mark.parametrize("spec", [DataSpec, ModelSpec, TrainingSpec])
def test_every_field_of_a_spec_is_described(spec):
    output = described_arguments(spec)
    assert list(output) == [field.name for field in fields(spec)]
    assert all(text.endswith(".") for text in output.values())


def test_flags_and_their_help_are_those_of_the_specs(capsys):
    assert main(["fit", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for spec, left_out in ((DataSpec, "source"), (ModelSpec, "arm"), (TrainingSpec, "epochs")):
        for name, text in described_arguments(spec).items():
            if name != left_out:
                assert f"--{name.replace('_', '-')} " in shown
                assert text.rstrip(".") in shown


def test_defaults_are_those_of_the_specs():
    assert DataFlags().spec("photos") == DataSpec("photos")
    output = build_settings("photos", DataFlags(), ModelFlags(), TrainingFlags())
    assert output.host(ModelSpec()) == ModelSpec()
    assert output.schedule(30) == TrainingSpec(epochs=30)


def host(model: ModelFlags, usual: ModelSpec) -> ModelSpec:
    return build_settings("photos", DataFlags(), model, TrainingFlags()).host(usual)


def test_without_an_arch_the_host_is_the_one_for_the_data():
    usual = ModelSpec("classifier", "resnet18", options={"stem": "small"})
    assert host(ModelFlags(), usual) == ModelSpec("classifier", "resnet18", options={"stem": "small"})
    assert host(ModelFlags(options={"a": 1}), usual).options == {"stem": "small", "a": 1}
    assert host(ModelFlags(arch="fpn", encoder="resnet34"), usual) == ModelSpec("fpn", "resnet34")


def test_values_are_read_as_people_write_them():
    data = DataFlags(
        size="192x256",
        classes=["sky,road", "car"],
        crop="96",
        crop_schedule=["0:96x128", "0.5:192x256"],
        split="80 / 20",
    ).spec("photos")
    assert data.split == (80, 20)
    assert data.size == (192, 256)
    assert data.crop == (96, 96)
    assert data.classes == ("sky", "road", "car")
    assert data.crop_schedule == ((0.0, (96, 128)), (0.5, (192, 256)))


def test_one_number_is_a_square_size_for_flags_and_data():
    square = open_dataset("synthetic:4:32")
    assert DataFlags(size="32").spec("photos").size == square.size_of(square.index("train")[0]) == (32, 32)


@pytest.mark.parametrize("text", ["", "192x", "x256", "0x32", "192*256", "-4x4", "wide"])
def test_flags_and_data_refuse_the_same_invalid_sizes(text):
    with pytest.raises(UserError, match="is not a size; write height x width in pixels, such as 192x256"):
        DataFlags(size=text).spec("photos")
    with pytest.raises(UserError, match="is not a size"):
        open_dataset(f"synthetic:4:{text or '0'}")
