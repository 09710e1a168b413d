import inspect

import pytest
from torch import nn

from foveate.attention import registry
from foveate.attention.registry import (
    attention_class,
    attention_names,
    attention_options,
    create_attention,
    describe_attention,
    register,
)
from foveate.errors import UserError


def test_finds_every_mechanism_without_a_list():
    assert {"smooth", "nonlocal", "cbam", "se", "eca", "scse", "placebo"} <= set(attention_names())
    assert list(attention_names()) == sorted(attention_names())


def test_a_name_is_taken_once():
    with pytest.raises(ValueError, match="attention 'se' is already registered, by SqueezeExcitation"):
        register("se")(nn.Identity)


def test_an_unknown_attention_offers_the_nearest():
    with pytest.raises(UserError, match="unknown attention 'smoth'; did you mean 'smooth'"):
        create_attention("smoth", 8)


def test_an_unknown_option_offers_the_nearest():
    with pytest.raises(UserError, match="unknown smooth option 'treshold'; did you mean 'threshold'"):
        create_attention("smooth", 8, treshold=0.5)
    with pytest.raises(UserError, match="unknown smooth option 'name'"):
        create_attention("smooth", 8, **{"name": "se"})


def test_channels_are_given_by_position_or_by_name():
    by_name, by_position = (
        create_attention("cbam", channels=8, reduction=4),
        create_attention("cbam", 8, reduction=4),
    )
    assert str(by_name) == str(by_position)


@pytest.mark.parametrize("channels", [0, -1, 8.0, True, "8"])
def test_channels_are_a_positive_whole_number(unchecked: None, channels: object):
    with pytest.raises(UserError, match=r"channels=.*expected a whole number of at least 1"):
        create_attention("se", channels)


@pytest.mark.parametrize(
    ("name", "option", "value", "expected"),
    [
        ("smooth", "threshold", 0, "a finite number above 0"),
        ("smooth", "threshold", "0.4", "a finite number above 0"),
        ("smooth", "threshold", float("nan"), "a finite number above 0"),
        ("smooth", "threshold", True, "a finite number above 0"),
        ("cbam", "reduction", 0, "a whole number of at least 1"),
        ("cbam", "reduction", 1.5, "a whole number of at least 1"),
        ("cbam", "kernel_size", 4, "an odd whole number"),
        ("bam", "reduction", 0, "a whole number of at least 1"),
        ("bam", "dilation", 0, "a whole number of at least 1"),
        ("coord", "reduction", 0, "a whole number of at least 1"),
        ("simam", "regularization", 0, "a finite number above 0"),
        ("gate", "reduction", 0, "a whole number of at least 1"),
        ("gate", "context", 4, "an odd whole number"),
        ("triplet", "kernel_size", 2, "an odd whole number"),
        ("strip", "kernel_size", 2, "an odd whole number"),
        ("external", "slots", 0, "a whole number of at least 1"),
        ("global_context", "reduction", 0, "a whole number of at least 1"),
        ("se", "reduction", -2, "a whole number of at least 1"),
        ("eca", "kernel_size", 2, "an odd whole number"),
        ("scse", "reduction", 0, "a whole number of at least 1"),
        ("placebo", "parameters", 0, "a whole number of at least 1"),
    ],
)
def test_a_wrong_value_says_what_was_expected(
    unchecked: None, name: str, option: str, value: object, expected: str
):
    with pytest.raises(UserError, match=rf"{option}=.*expected {expected}"):
        create_attention(name, 8, **{option: value})


@pytest.mark.parametrize(
    ("name", "option", "value", "choices"),
    [
        ("cbam", "gates", "sigmoid_than", "did you mean 'sigmoid_tanh'. There are: sigmoid, sigmoid_tanh"),
        ("bam", "form", "papers", "did you mean 'paper'. There are: code, paper"),
        ("simam", "variance", None, "There are: population, sample"),
        ("global_context", "fusion", "added", "did you mean 'add'. There are: add, scale"),
    ],
)
def test_a_wrong_word_offers_the_choices(
    unchecked: None, name: str, option: str, value: object, choices: str
):
    with pytest.raises(UserError, match=f"unknown {option} '{value}'.*{choices}"):
        create_attention(name, 8, **{option: value})


@pytest.mark.parametrize("name", attention_names())
def test_describes_itself_in_two_lines(name: str):
    summary, options = describe_attention(name).split("\n")
    assert summary.startswith(f"{name}: ")
    assert summary.endswith(".")
    assert all(option in options for option in attention_options(name))


@pytest.mark.parametrize("name", attention_names())
def test_what_is_read_of_a_file_is_what_its_class_has(name: str):
    cls = attention_class(name)
    parameters = [p for p in inspect.signature(cls).parameters.values() if p.kind is not p.POSITIONAL_ONLY]
    options = {p.name: p.default for p in parameters if p.default is not p.empty}
    assert attention_options(name) == options
    assert describe_attention(name).startswith(f"{name}: {inspect.getdoc(cls).splitlines()[0]}\n")


def test_a_mechanism_from_elsewhere_is_known_by_all_that_is_told_of_it(monkeypatch):
    monkeypatch.setattr(registry, "_classes", dict(registry._classes))

    @register("dimmer")
    class Dimmer(nn.Module):
        """Dimmer: everything times `factor`."""

        def __init__(self, channels: int, factor: float = 0.5):
            super().__init__()
            self.factor = factor

    assert "dimmer" in attention_names()
    assert describe_attention("dimmer") == "dimmer: Dimmer: everything times `factor`.\n  options: factor=0.5"
    assert create_attention("dimmer", 8, factor=0.25).factor == 0.25
    with pytest.raises(UserError, match="unknown dimmer option 'facto'; did you mean 'factor'"):
        create_attention("dimmer", 8, facto=1)
