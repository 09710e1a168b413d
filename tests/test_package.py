import subprocess
import sys
from importlib.metadata import version

import pytest

import foveate


def run_python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    ).stdout


def test_importing_foveate_loads_nothing_heavy():
    said = run_python(
        "import sys, foveate\n"
        "print([m for m in ('torch', 'numpy', 'PIL', 'lightning', 'jsonargparse') if m in sys.modules])"
    )
    assert said.strip() == "[]"


@pytest.mark.parametrize(
    "argv", [[], ["--help"], ["fit", "--help"], ["compare", "--help"], ["list", "--help"]]
)
def test_help_does_not_load_torch(argv):
    said = run_python(
        "import sys\n"
        "from foveate.cli.main import main\n"
        f"assert not main({argv!r})\n"
        "print([m for m in ('torch', 'numpy', 'lightning') if m in sys.modules])"
    )
    assert said.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", foveate.__all__)
def test_every_public_name_resolves_and_is_documented(name):
    assert getattr(foveate, name).__doc__
    assert name in dir(foveate)


def test_another_name_is_told_what_there_is():
    with pytest.raises(AttributeError, match=r"no attribute 'atach'; it has create_model"):
        _ = foveate.atach


def test_the_version_is_that_of_the_distribution():
    assert foveate.__version__ == version("foveate")
