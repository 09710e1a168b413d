"""Predict the mask or label of an image with a trained network; enough for deployment in Python.

    prediction = foveate.load("runs/a").predict("image.jpg")

A picture is prepared (`prepare`), a backend computes logits (PyTorch, ONNX Runtime or OpenVINO), and the
prediction is assembled at the picture's own size (`assemble`). Reads no pickle, runs no code from disk, uses
no network.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from numpy import ndarray
from torch import Tensor

from foveate.data.dataset import Pixels
from foveate.errors import UserError
from foveate.models.checkpoints import load_model
from foveate.models.device import find_device
from foveate.models.host import Host
from foveate.models.hub import located
from foveate.models.packed import opened
from foveate.models.several import several_runs
from foveate.models.weights_file import find_model
from foveate.prediction.assemble import Prediction, assemble
from foveate.prediction.backends.exported import ExportedNetwork
from foveate.prediction.backends.onnx_runtime import OnnxNetwork
from foveate.prediction.backends.openvino import OpenVinoNetwork
from foveate.prediction.ensemble import Ensemble, Member
from foveate.prediction.ensemble_file import read_ensemble
from foveate.prediction.facts import facts_of
from foveate.prediction.prepare import Picture, prepare, read_content, read_pixels
from foveate.prediction.views import Views, needs_views


class Predictor:
    """A trained network with its class names. Threads may share one.

    model: the network as an `nn.Module` in evaluation mode, from images in [0, 1] to logits: a `Host`, an
    `ExportedNetwork`, or an `Ensemble` of several. facts: what the network says about itself.
    """

    def __init__(self, model: Host | ExportedNetwork | Ensemble, device: torch.device | str | None = None):
        exported = next((module for module in model.modules() if isinstance(module, ExportedNetwork)), None)
        self.device = find_device(device if device or exported is None else "cpu")
        if exported is not None and self.device.type != "cpu":
            raise UserError(f"{exported.path}: exported files run on the cpu; leave out --device {device}")
        self.model = model.to(self.device).eval()
        self.facts = facts_of(model) if isinstance(model, Host) else model.facts
        views = self.facts.test_scales, self.facts.test_flip
        apart = isinstance(model, Ensemble)  # each of its networks has its own views
        self.network = Views(self.model, *views) if needs_views(*views) and not apart else self.model

    @property
    def task(self) -> str:
        """ "segmentation" or "classification"."""
        return self.facts.task

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.facts.classes

    @property
    def colors(self) -> tuple[tuple[int, int, int], ...]:
        """RGB of each class."""
        return self.facts.colors

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width to which images are resized; None: they keep their own."""
        return self.facts.size

    def predict(self, image: Picture, probabilities: bool = False) -> Prediction:
        """Predict one image: a path, a PIL image, an array `h w 3` or `h w`, or a tensor `3 h w`.

        Whichever it is, the same picture becomes the same pixels. Arrays and tensors are uint8 from 0 to 255,
        bool, uint16 from 0 to 65535, or floats from 0 to 1; see `foveate.data.pixels.conversion`. Alpha is
        dropped, and a PIL image is turned upright by its EXIF tag.

        The image is resized to the size that the run was trained at; class probabilities are interpolated
        back to the image's own size before the mask is taken. `probabilities=True` keeps them for masks too:
        float32 `classes h w`. Raises `UserError` for files and arrays that are not images.
        """
        return self.predict_pixels(self.read(image), probabilities)

    def read(self, image: Picture) -> Pixels:
        """Return the pixels of a picture as the network's data were read: RGB, or its bands."""
        return read_pixels(image, self.facts.bands)

    def read_content(self, content: bytes, name: str) -> Pixels:
        """Return what `read` returns for a file with these bytes; name: what errors call it."""
        return read_content(content, name, self.facts.bands)

    def shown(self, pixels: Pixels) -> UInt8[ndarray, "h w 3"]:
        """Return an RGB picture of what `read` returned."""
        return pixels if self.facts.bands is None else self.facts.bands.shown(pixels)

    def predict_pixels(self, pixels: Pixels, probabilities: bool = False) -> Prediction:
        """Predict pixels that `read`, or the network's dataset, returned; see `predict`."""
        with torch.inference_mode():
            p = self.probabilities(self.prepared(pixels))[0]
            return assemble(self.facts, p, pixels.shape[:2], probabilities)

    def prepared(self, pixels: Pixels) -> Float[Tensor, "1 c rows columns"]:
        """Return the network's input at the run's size, on the predictor's device."""
        return prepare(pixels, self.size, self.facts.bands).to(self.device)

    def probabilities(self, batch: Float[Tensor, "b c h w"]) -> Float[Tensor, "b classes ..."]:
        """Return the class probabilities of prepared images, the mean over the run's test-time views."""
        with torch.inference_mode():
            return self.network(batch).float().softmax(1)


def load(
    path: str | Path | Sequence[str | Path],
    device: torch.device | str | None = None,
    weights: Sequence[float] = (),
    temperature: float = 1.0,
) -> Predictor:
    """Load a trained network, or several that predict together, for prediction.

    path: a run directory (with `best.safetensors` and `config.json`), a packed run (.zip, from `foveate
    pack`), a run on the Hugging Face Hub (hf://USER/NAME, or hf://USER/NAME@REVISION), or a file from
    `foveate export` (.onnx; .xml of OpenVINO). All predict alike.
    Several paths are an ensemble: one predictor whose probabilities are the mean over all (`Ensemble`). So
    are a folder that holds several runs, and a pack of several runs.
    device: of a run; CUDA by default if there is a GPU. Exported files run on the CPU.
    weights, temperature: of the mean over several paths.

    Raises `UserError` for files that are missing, damaged, changed, of another version or of another kind,
    if the package that an exported file needs is not installed, if the Hub does not answer, and for networks
    of an ensemble that do not predict the same classes at one size.

    Example:
        foveate.load(["runs/a/seed0", "runs/a/seed1"]).predict("image.jpg")
    """
    paths = several_runs([path] if isinstance(path, str | Path) else path)
    if len(paths) == 1 and not weights and temperature == 1:
        return Predictor(_read(paths[0]), device)
    members = []
    for each in paths:
        network = _read(each)
        if isinstance(network, Ensemble):
            raise UserError(f"{each}: is an ensemble itself; name the runs that it was packed from")
        members.append(Member(each, network))
    return Predictor(Ensemble(members, weights, temperature), device)


def _read(path: str | Path) -> Host | ExportedNetwork | Ensemble:
    source = find_model(located(path))
    if backend := BACKENDS.get(source.suffix.lower()):
        return backend(source)
    with opened(source, ensembles=True) as folder:
        about = read_ensemble(folder, str(path))
        if about is None:
            return load_model(folder)
        members = [Member(f"{path}: {name}", load_model(folder / name)) for name in about.names]
    return Ensemble(members, about.weights, about.temperature)


BACKENDS: dict[str, type[OnnxNetwork] | type[OpenVinoNetwork]] = {
    ".onnx": OnnxNetwork,
    ".xml": OpenVinoNetwork,
}
"""By suffix of an exported file, what computes it."""
