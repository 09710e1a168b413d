import errno
import os
import subprocess
import sys

import pytest

from foveate.cli import main as command_line
from foveate.cli.commands import data
from foveate.cli.main import COMMANDS, main


def test_without_a_command_it_lists_the_commands(capsys):
    for argv in ([], ["--help"], ["help"]):
        assert main(argv) == 0
        output = capsys.readouterr().out
        assert all(f"\n  {name} " in output for name in COMMANDS)


def test_the_version_is_printed(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("foveate 0.")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["compar", "photos"], "unknown command 'compar'; did you mean 'compare'?"),
        (["--seed", "3", "fit"], "'--seed' comes before the command"),
        (["fit", "photos", "--epoch", "3"], "there is no flag --epoch; did you mean --epochs?"),
        (["fit", "photos", "--learning-rate", "3"], "there is no flag --learning-rate; did you mean --lr?"),
        (["fit", "photos", "--image-size", "3"], "there is no flag --image-size; did you mean --size?"),
        (["fit", "photos", "--height", "3"], "there is no flag --height. All are listed"),
        (["fit", "photos", "--lernrate", "3"], "there is no flag --lernrate. All are listed"),
        (["fit", "photos", "--epochs", "three"], "--epochs: expected a whole number, got 'three'"),
        (["list", "hots"], "unknown kind of list 'hots'; did you mean 'hosts'?"),
    ],
)
def test_mistakes_are_one_message_and_exit_code_2(argv, words, capsys):
    assert main(argv) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("foveate: error: ")
    assert words in output.err
    assert "Traceback" not in output.err


@pytest.mark.parametrize(
    ("load", "given", "then"),
    [
        (0.1, {}, {"GOMP_SPINCOUNT": "10000"}),
        (1.5, {}, {"OMP_WAIT_POLICY": "PASSIVE"}),
        (1.5, {"OMP_WAIT_POLICY": "ACTIVE"}, {"OMP_WAIT_POLICY": "ACTIVE"}),
        (1.5, {"GOMP_SPINCOUNT": "7"}, {"GOMP_SPINCOUNT": "7"}),
    ],
    ids=["an idle machine", "a shared one", "the user's policy", "the user's count"],
)
def test_threads_sleep_on_a_busy_machine(load, given, then, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1}, raising=False)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0), raising=False)
    monkeypatch.setattr(os, "environ", given.copy())
    assert main(["--version"]) == 0
    assert os.environ == then


def test_threads_sleep_if_the_load_is_unknown(monkeypatch):
    def unknown() -> None:
        raise OSError("unobtainable")

    monkeypatch.setattr(os, "getloadavg", unknown, raising=False)
    monkeypatch.setattr(os, "environ", {})
    assert main(["--version"]) == 0
    assert os.environ == {"OMP_WAIT_POLICY": "PASSIVE"}


EVERY = [*(COMMANDS.keys() - {"data"}), *(f"data {name}" for name in data.COMMANDS)]


@pytest.mark.parametrize("command", sorted(EVERY))
def test_every_command_has_help_with_an_example(command, capsys):
    assert not main([*command.split(), "--help"])
    output = capsys.readouterr().out
    assert output.startswith(f"usage: foveate {command} ")
    assert f"example:\n  foveate {command}" in output
    assert "--config FILE" in output


@pytest.mark.parametrize(
    ("trouble", "code", "words"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "runs/a/last.ckpt"),
            2,
            "runs/a/last.ckpt: No space",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "/runs"), 2, "/runs: Permission denied"),
        (KeyboardInterrupt("stopped after epoch 3; go on with --resume"), 130, "stopped after epoch 3"),
        (KeyboardInterrupt(), 130, "stopped"),
        (
            RuntimeError("shapes differ\nand more"),
            1,
            "RuntimeError: shapes differ\nThis is a bug in foveate",
        ),
    ],
)
def test_exceptions_end_with_one_message(trouble, code, words, capsys, monkeypatch):
    def trip(argv):
        raise trouble

    monkeypatch.setattr(command_line, "_run", trip)
    assert main([]) == code
    output = capsys.readouterr().err
    assert words in output
    assert "Traceback" not in output

    monkeypatch.setenv("FOVEATE_DEBUG", "1")
    assert main([]) == code
    assert "Traceback" in capsys.readouterr().err


def test_a_closed_pipe_is_not_an_error():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "foveate", "--help"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    os.close(writer)
    assert done.stderr == ""


@pytest.mark.parametrize("words", [["data"], ["data", "--help"]])
def test_a_group_shows_its_commands(words, capsys):
    assert main(words) == 0
    output = capsys.readouterr().out
    assert all(f"\n  {name} " in output for name in data.COMMANDS)


def test_an_unknown_command_of_a_group_suggests_the_nearest(capsys):
    assert main(["data", "gte"]) == 2
    assert "unknown command of foveate data 'gte'; did you mean 'get'?" in capsys.readouterr().err
