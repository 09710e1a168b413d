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


def test_an_optional_argument_may_stand_anywhere():
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
    parse("wall", "--side-length", "5", "--print-config")
    config = tmp_path / "draw.yaml"
    config.write_text("# drawn well at five pixels\n" + capsys.readouterr().out)

    assert parse("--config", str(config)) == ("wall", Shape(side_length=5), "here", False, None, None)
    assert parse("door", "--side-length", "6", "--config", str(config))[:2] == ("door", Shape(side_length=6))


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], r"PAPER is missing .*; the form is: foveate draw PAPER"),
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


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("side_lenght: 3", "there is no flag 'side_lenght'; did you mean 'side_length'?"),
        ("side-length: 3", "there is no flag 'side-length'; did you mean 'side_length'?"),
        ("zzz: 3", "there is no flag 'zzz'"),
        ("paper: [wall", "line 1: not valid YAML (expected ',' or ']', but got '<stream end>')"),
        ("- wall\n- door", "holds no flags; write one a line, such as 'epochs: 20'"),
        ("side_length: long", "side_length: expected a whole number, got 'long'"),
        ("count: 2.5", "count: expected a whole number, got '2.5'"),
        ("twice: maybe", "twice: expected true or false, got 'maybe'"),
        ("limits: [1]", "limits: expected 2 values, got '[1]'"),
        ("arms: 5", "arms: expected a list, got '5'"),
    ],
)
def test_errors_in_a_config_name_the_file_the_key_and_the_value(text, words, tmp_path):
    config = tmp_path / "draw.yaml"
    config.write_text(text)
    with pytest.raises(UserError) as error:
        parse("wall", "--config", str(config))
    assert str(error.value) == f"--config: {config}{', ' if words.startswith('line') else ': '}{words}"


def test_a_wrong_flag_on_the_line_is_not_blamed_on_the_config(tmp_path):
    config = tmp_path / "draw.yaml"
    config.write_text("side_length: 4\n")
    with pytest.raises(UserError, match=r"^--side-length: expected a whole number, got 'long'"):
        parse("wall", "--side-length", "long", "--config", str(config))


def test_an_empty_config_changes_nothing(tmp_path):
    config = tmp_path / "draw.yaml"
    config.write_text("# nothing yet\n")
    assert parse("wall", "--config", str(config))[1] == Shape()


def test_help_shows_groups_defaults_and_the_example(capsys):
    assert parse("--help") in (0, None)
    output = capsys.readouterr().out
    assert output.startswith("usage: foveate draw PAPER [INK] [--flag value ...]\n\nDraw a shape.\n")
    assert "--side-length LENGTH" in output
    assert "in pixels (default: 3)" in output
    assert "\nshape:\n" in output
    assert "--limits LOW HIGH" in output
    assert "example:\n  foveate draw wall --twice" in output
    assert "type:" not in output
