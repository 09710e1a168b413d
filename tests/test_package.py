import ast
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import foveate
from foveate.experiments.capacity import GPU_FILES
from foveate.models.checkpoints import save_model

GPU = any(Path(file).exists() for file in GPU_FILES)


def run_python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=300
    ).stdout


def test_importing_foveate_loads_nothing_heavy():
    output = run_python(
        "import sys, foveate\n"
        "print([m for m in ('torch', 'numpy', 'PIL', 'lightning', 'jsonargparse') if m in sys.modules])"
    )
    assert output.strip() == "[]"


@pytest.mark.parametrize(
    "argv", [[], ["--help"], ["fit", "--help"], ["compare", "--help"], ["list", "--help"]]
)
def test_help_does_not_load_torch(argv):
    output = run_python(
        "import sys\n"
        "from foveate.cli.main import main\n"
        f"assert not main({argv!r})\n"
        "print([m for m in ('torch', 'numpy', 'lightning') if m in sys.modules])"
    )
    assert output.splitlines()[-1] == "[]"


NETWORKS = ("torch", "torchvision", "timm", "segmentation_models_pytorch")
TRAINING = ("lightning", "lightning.pytorch", "torchmetrics", "tensorboard", "foveate.training.run")
OTHERS = ("matplotlib", "scipy.stats", "pandas", "datasets", "foveate.verdicts")


@pytest.fixture(scope="module")
def things(tmp_path_factory):
    """A folder with `photos`, images and masks, and `run`, a model that was never trained."""
    folder = tmp_path_factory.mktemp("things")
    draw = np.random.default_rng(0)
    for name, pixels in (("images", (8, 32, 32, 3)), ("masks", (8, 32, 32))):
        (folder / "photos" / name).mkdir(parents=True)
        for number, values in enumerate(draw.integers(0, 2, pixels, dtype=np.uint8)):
            Image.fromarray(values).save(folder / "photos" / name / f"{number}.png")
    (folder / "run").mkdir()
    save_model(foveate.create_model("unet", "tu-test_resnet"), folder / "run")
    return folder


COMMANDS = """
import contextlib, os, sys
from foveate.cli.main import main

def after(commands, watched):
    found = []
    for argv in commands:
        with contextlib.redirect_stdout(sys.stderr):
            code = main(argv)
        found.append((code, [name for name in watched if name in sys.modules]))
    return found
"""


def modules_after(folder: Path, commands: list[list[str]], watched: tuple[str, ...]) -> list[tuple]:
    """What commands return, in turn in one interpreter, and which of the watched modules are loaded then."""
    code = f"{COMMANDS}\nos.chdir({str(folder)!r})\nprint(after({commands!r}, {watched!r}))"
    return ast.literal_eval(run_python(code))


WRONG_TYPES = """
import foveate, numpy
from foveate.prediction.predictor import Predictor

predict = Predictor(foveate.create_model("unet", "tu-test_resnet"), "cpu").predict
empty = numpy.zeros((0, 4, 3), numpy.uint8)
words = []
for call in (lambda: foveate.attach("hi", "se@0"), lambda: predict([1]), lambda: predict(empty)):
    try:
        call()
    except foveate.UserError as error:
        words.append(str(error))
"""


@pytest.fixture(scope="module")
def with_networks(things):
    """What one interpreter tells that lists places, predicts, meets wrong types, and imports what scores."""
    commands = [["list", "places"], ["predict", "run", "photos/images/0.png", "--out", "out"]]
    code = (
        f"{COMMANDS}\nos.chdir({str(things)!r})\n"
        f"predicted = after({commands!r}, {(*TRAINING, *OTHERS, 'foveate.training')!r})\n{WRONG_TYPES}\n"
        "import foveate.evaluation.evaluate, foveate.inspection.inspect, foveate.report.page\n"
        f"scoring = [name for name in {(*TRAINING, 'pandas', 'datasets')!r} if name in sys.modules]\n"
        "print(dict(predicted=predicted, words=words, scoring=scoring))"
    )
    return ast.literal_eval(run_python(code))


def test_lists_and_errors_load_no_network(things):
    commands = {
        "list attentions": 0,
        "list datasets": 0,
        "list hosts": 0,
        "list encoders": 0,
        "data list": 0,
        "doctor nowhere": 2,
        "fit nowhere": 2,
        "compare nowhere": 2,
        "fit photos --size many": 2,
        "fit photos --arm cbma@decoder": 2,
        "fit photos --arm cbam": 2,
        "fit photos --arm cbam@decoder(reductoin=8)": 2,
        "fit photos --arm two_branch(activatoin=selu)": 2,
        "compare photos --arms none cbma@decoder": 2,
        "predict nowhere photos/images": 2,
        "evaluate nowhere": 2,
        "inspect nowhere": 2,
    }
    found = modules_after(things, [words.split() for words in commands], NETWORKS + TRAINING + OTHERS)
    expected = {words: (code, []) for words, code in commands.items()}
    assert dict(zip(commands, found, strict=True)) == expected


def test_the_doctor_loads_pytorch_only_for_a_gpu(things):
    watched = tuple({*NETWORKS, *TRAINING, *OTHERS} - ({"torch"} if GPU else set()))
    ((code, loaded),) = modules_after(things, [["doctor", "photos"]], watched)
    assert code in (0, 1)
    assert loaded == []


def test_places_and_predictions_load_no_training(with_networks):
    assert with_networks["predicted"] == [(0, []), (0, [])]


def test_only_training_loads_lightning(with_networks):
    assert with_networks["scoring"] == []


@pytest.mark.parametrize("name", foveate.__all__)
def test_every_public_name_resolves_and_is_documented(name):
    assert getattr(foveate, name).__doc__
    assert name in dir(foveate)
    assert set(dir(foveate)) == {*foveate.__all__, "__version__"}


def test_wrong_types_give_user_errors(with_networks):
    attached, listed, emptied = with_networks["words"]
    assert attached == "attention is attached to an nn.Module, and 'hi' is a str"
    assert listed.startswith("list is not an image; give a path, a PIL image, an array or a tensor")
    assert emptied == "the array: an array of shape (0, 4, 3) holds no pixels; give one of at least 1x1"


def test_an_unknown_name_lists_the_public_names():
    with pytest.raises(AttributeError, match=r"no attribute 'atach'; it has doctor, fit"):
        _ = foveate.atach


def test_the_version_equals_the_installed_version():
    assert foveate.__version__ == version("foveate")
