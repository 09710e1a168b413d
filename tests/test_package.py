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
    assert set(dir(foveate)) == {*foveate.__all__, "__version__"}


def test_what_is_no_module_and_no_image_is_told_in_a_sentence():
    said = run_python(
        "import foveate, numpy\n"
        "from foveate.prediction.predictor import Predictor\n"
        "predict = Predictor(foveate.create_model('unet'), 'cpu').predict\n"
        "empty = numpy.zeros((0, 4, 3), numpy.uint8)\n"
        "calls = lambda: foveate.attach('hi', 'se@0'), lambda: predict([1]), lambda: predict(empty)\n"
        "for call in calls:\n"
        "    try:\n"
        "        call()\n"
        "    except foveate.UserError as error:\n"
        "        print(error)"
    ).splitlines()
    assert said[0] == "attention is attached to an nn.Module, and 'hi' is a str"
    assert said[1].startswith("list is not an image; give a path, a PIL image or an array")
    assert said[2] == "an array of shape (0, 4, 3) holds no pixels; give one of at least 1x1"


def test_another_name_is_told_what_there_is():
    with pytest.raises(AttributeError, match=r"no attribute 'atach'; it has doctor, fit"):
        _ = foveate.atach


def test_the_version_is_that_of_the_distribution():
    assert foveate.__version__ == version("foveate")
