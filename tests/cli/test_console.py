import os
import subprocess
import sys

import pytest


def run(*words: str, **environment: str) -> tuple[str, int]:
    """What a command prints on both streams, in a console that `environment` describes."""
    done = subprocess.run(
        [sys.executable, "-m", "foveate", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONUTF8": "0", **environment},
    )
    return done.stdout.decode(environment.get("PYTHONIOENCODING", "ascii").partition(":")[0]), done.returncode


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "cp1252"},
        {"PYTHONIOENCODING": "ascii:strict"},
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "cp437"},
        {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=str,
)
def test_any_console_shows_the_findings_of_the_doctor(make, environment):
    root = make.pairs()
    (root / "images" / "05.png").write_bytes(b"no image")
    output, code = run("doctor", str(root), **environment)
    assert code == 1
    assert "\nx error: 1 file cannot be read" in output
    assert "bug" not in output


def test_class_names_are_escaped_where_they_cannot_be_shown(make):
    root = make.class_folders(猫=8, été=8)
    output, code = run("doctor", str(root), PYTHONIOENCODING="ascii")
    assert code in (0, 1)
    assert r"\u732b" in output
    output, _ = run("doctor", str(root), PYTHONIOENCODING="utf-8")
    assert "猫" in output
    assert "été" in output


def test_a_name_that_is_no_text_can_be_printed(tmp_path):
    name = os.fsdecode(b"caf\xe9.png")
    output, code = run("predict", str(tmp_path), str(tmp_path / name), PYTHONIOENCODING="utf-8")
    assert code == 2
    assert r"caf\udce9.png: there is no such image" in output
