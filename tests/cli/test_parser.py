from dataclasses import dataclass

import pytest

from foveate.cli.parser import call
from foveate.errors import UserError


@dataclass(frozen=True)
class Shape:
    """Shape.

    Args:
        side_length: in pixels.
        names: of the sides.
        limits: smallest and largest.
        closed: whether the last side meets the first.
    """

    side_length: int = 3
    names: list[str] | None = None
    limits: tuple[float, float] = (0.5, 2.0)
    closed: bool = True


def draw(
    paper: str,
    shape: Shape,
    ink: str | None = None,
    *,
    out: str = "here",
    twice: bool = False,
    arms: list[str] | None = None,
    count: int | None = None,
):
    """Draw a shape.

    Args:
        paper: what to draw on.
        ink: what to draw with.
        out: where to put it.
        twice: once more.
        arms: what it holds.
        count: how often.

    Example:
      foveate draw wall --twice
    """
    return paper, shape, out, twice, arms, ink


def parse(*argv: str):
    return call(draw, "foveate draw", argv)


def test_defaults_are_those_of_the_signature():
    assert parse("wall") == ("wall", Shape(), "here", False, None, None)


def test_a_flag_may_be_written_with_dashes_or_underscores_and_with_equals():
    for words in (["--side-length", "7"], ["--side_length", "7"], ["--side-length=7"]):
        assert parse("wall", *words)[1] == Shape(side_length=7)


def test_only_names_of_flags_are_rewritten():
    assert parse("my-wall", "--out", "run-a/b-c")[2] == "run-a/b-c"
    assert parse("my-wall", "--out=run-a")[2] == "run-a"


def test_a_switch_needs_no_value_and_can_be_turned_off():
    assert parse("--twice", "wall")[3] is True
    assert parse("--twice", "false", "wall")[3] is False
    assert parse("wall", "--no-closed")[1].closed is False


def test_a_list_takes_the_words_that_follow_as_they_are():
    arms = ["none", "cbam@decoder", "smooth@encoder5(threshold=0.4, heads=[1,2])"]
    assert parse("wall", "--arms", *arms, "--twice")[3:5] == (True, arms)
    assert parse("wall", "--names", "1", "true", "null")[1].names == ["1", "true", "null"]


def test_an_argument_that_may_follow_stands_where_it_is_expected():
    for words in (
        ["wall", "red", "--out", "x"],
        ["wall", "--out", "x", "red"],
        ["--out=x", "wall", "--ink", "red"],
    ):
        assert parse(*words) == ("wall", Shape(), "x", False, None, "red")


def test_limits_take_two_numbers():
    assert parse("wall", "--limits", "0.25", "4")[1].limits == (0.25, 4.0)
    with pytest.raises(UserError, match="--limits"):
        parse("wall", "--limits", "0.25")


def test_a_config_gives_flags_and_the_line_wins(tmp_path, capsys):
    parse("wall", "--side-length", "5", "--print_config")
    config = tmp_path / "draw.yaml"
    config.write_text("# drawn well at five pixels\n" + capsys.readouterr().out)

    assert parse("--config", str(config)) == ("wall", Shape(side_length=5), "here", False, None, None)
    assert parse("door", "--side-length", "6", "--config", str(config))[:2] == ("door", Shape(side_length=6))


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], r"PAPER is missing; the form is: foveate draw PAPER"),
        (["wall", "red", "door"], r"'door' is one value too many"),
        (["wall", "--side-lenght", "3"], r"no flag --side-lenght; did you mean --side-length\?"),
        (["wall", "--out", "a", "--zzz"], r"no flag --zzz\. All are listed by foveate draw --help"),
        (["wall", "--side-length", "long"], r"--side-length: expected a whole number, got 'long'"),
        (["wall", "--side-length"], r"side_length|--side-length"),
        (["wall", "--count", "2.5"], r"--count: expected a whole number, got '2.5'"),
        (["wall", "--config", "missing.yaml"], r"missing.yaml"),
    ],
)
def test_errors_name_the_flag_and_what_was_expected(argv, words):
    with pytest.raises(UserError, match=words):
        parse(*argv)


def test_a_config_with_an_unknown_key_or_broken_yaml_is_an_error(tmp_path):
    config = tmp_path / "draw.yaml"
    config.write_text("paper: wall\nside: 3\n")
    with pytest.raises(UserError, match="side"):
        parse("--config", str(config))
    config.write_text("paper: [wall")
    with pytest.raises(UserError, match=r"--config: .*line 1"):
        parse("--config", str(config))


def test_help_shows_groups_defaults_and_the_example(capsys):
    assert parse("--help") in (0, None)
    said = capsys.readouterr().out
    assert said.startswith("usage: foveate draw PAPER [INK] [--flag value ...]\n\nDraw a shape.\n")
    assert "--side-length LENGTH" in said
    assert "in pixels (default: 3)" in said
    assert "\nshape:\n" in said
    assert "--limits LOW HIGH" in said
    assert "example:\n  foveate draw wall --twice" in said
    assert "type:" not in said
