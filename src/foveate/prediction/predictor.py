"""Predict the mask or label of an image with a trained run; enough for deployment in Python.

    prediction = foveate.load("runs/a").predict("image.jpg")

Needs only `best.safetensors` and `config.json`. Reads no pickle, runs no code from disk, uses no network.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from numpy import ndarray
from PIL import Image
from torch import Tensor

from foveate.data.pixels.conversion import array_to_rgb, image_to_rgb
from foveate.data.pixels.images import read_image
from foveate.data.pixels.palette import palette
from foveate.errors import UserError
from foveate.loading.resizing import resize_image
from foveate.models.checkpoints import load_model
from foveate.models.host import Host
from foveate.prediction.views import with_views

Picture = str | Path | ndarray | Image.Image | Tensor


@dataclass(frozen=True, eq=False)
class Prediction:
    """The prediction for one image, at the image's own size.

    Segmentation: `mask` holds class ids, `confidence` the probability of each pixel's class, `label` is None.
    Classification: `label` names the class, `confidence` (no axes) is its probability, `mask` is None.
    `probabilities` sum to 1 over classes; None for masks unless requested.
    """

    classes: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...]
    confidence: Float[ndarray, "*size"]
    mask: UInt8[ndarray, "h w"] | None = None
    label: str | None = None
    probabilities: Float[ndarray, "c *size"] | None = None

    def __repr__(self) -> str:
        """Return a one-line summary; arrays are named by their shape.

        >>> Prediction(("a", "b"), ((0, 0, 0), (9, 9, 9)), np.ones((2, 3)), np.zeros((2, 3), np.uint8))
        Prediction(mask 2x3, 1 of 2 classes: a)
        >>> Prediction(("a", "b"), ((0, 0, 0), (9, 9, 9)), np.array(0.75), label="b")
        Prediction(label 'b', 75.0% sure, 2 classes)
        """
        if self.mask is None:
            sure = f"{100 * float(self.confidence):.1f}% sure"
            return f"Prediction(label {self.label!r}, {sure}, {len(self.classes)} classes)"
        present = [self.classes[number] for number in np.unique(self.mask)]
        names = ", ".join(present[:6]) + (", ..." if len(present) > 6 else "")
        size = "x".join(map(str, self.mask.shape))
        return f"Prediction(mask {size}, {len(present)} of {len(self.classes)} classes: {names})"


class Predictor:
    """A trained model in evaluation mode with its class names; `model` is the `nn.Module` itself."""

    def __init__(self, model: Host, device: torch.device | str | None = None):
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.model = model.to(self.device).eval()
        self._views = with_views(self.model)
        count = int(model.config["classes"])
        notes = model.notes
        self.task: str = model.task
        self.classes: tuple[str, ...] = tuple(notes.get("classes") or map(str, range(count)))
        self.colors = tuple(tuple(color) for color in notes.get("colors") or palette(count))
        self.size: tuple[int, int] | None = tuple(notes["size"]) if notes.get("size") else None

    def predict(self, image: Picture, probabilities: bool = False) -> Prediction:
        """Predict one image: a path, a PIL image, an array `h w 3` or `h w`, or a tensor `3 h w`.

        Whichever it is, the same picture becomes the same pixels. Arrays and tensors are uint8 from 0 to 255,
        bool, uint16 from 0 to 65535, or floats from 0 to 1; see `foveate.data.pixels.conversion`. Alpha is
        dropped, and a PIL image is turned upright by its EXIF tag.

        The image is resized to the size that the run was trained at; class probabilities are interpolated
        back to the image's own size before the mask is taken. `probabilities=True` keeps them for masks too:
        float32 `classes h w`. Raises `UserError` for files and arrays that are not images.
        """
        pixels = _pixels(image)
        size = pixels.shape[:2]
        with torch.inference_mode():
            p = self._views(self.prepared(pixels)).float().softmax(1)
            if self.task == "classification":
                return self._label_prediction(p[0].cpu().numpy())
            return self._mask_prediction(p, size, probabilities)

    def prepared(self, pixels: UInt8[ndarray, "h w 3"]) -> Float[Tensor, "1 c rows columns"]:
        """Return the model's input: RGB in [0, 1] at the run's size, on the predictor's device."""
        image = torch.from_numpy(np.array(pixels)).movedim(-1, 0)
        if self.size is not None:
            image = resize_image(image, self.size)
        return image[None].to(self.device).contiguous().float() / 255

    def _label_prediction(self, p: Float[ndarray, "c"]) -> Prediction:
        best = int(p.argmax())
        return Prediction(self.classes, self.colors, p[best, ...], label=self.classes[best], probabilities=p)

    def _mask_prediction(
        self, p: Float[Tensor, "1 c rows columns"], size: tuple[int, int], keep_probabilities: bool
    ) -> Prediction:
        # Class by class: the probabilities of all classes at the size of a large photo would fill the memory.
        best = torch.zeros(size, device=p.device)
        mask = torch.zeros(size, dtype=torch.uint8, device=p.device)
        kept = []
        for c in range(p.shape[1]):
            p_class = p[:, c : c + 1]
            if p_class.shape[-2:] != size:
                p_class = F.interpolate(p_class, size, mode="bilinear")
            p_class = p_class[0, 0]
            mask[p_class > best] = c
            best = torch.maximum(best, p_class)
            if keep_probabilities:
                kept.append(p_class.cpu().numpy())
        return Prediction(
            self.classes,
            self.colors,
            best.cpu().numpy(),
            mask=mask.cpu().numpy(),
            probabilities=np.stack(kept) if keep_probabilities else None,
        )


def load(path: str | Path, device: torch.device | str | None = None) -> Predictor:
    """Load the best weights of a run for prediction; device: CUDA if there is a GPU and none is given.

    `path` is a folder with `best.safetensors` and `config.json`. Raises `UserError` if they are missing,
    damaged, of another version, or not safetensors.
    """
    return Predictor(load_model(path), device)


def _pixels(image: Picture) -> UInt8[ndarray, "h w 3"]:
    if isinstance(image, str | Path):
        return read_image(image)
    if isinstance(image, Image.Image):
        return image_to_rgb(image, getattr(image, "filename", "") or "the PIL image")
    if isinstance(image, Tensor):
        values = image.detach().cpu()
        image = (values.float() if values.is_floating_point() else values).numpy()
        if image.ndim == 3 and image.shape[0] in (1, 3, 4):
            image = np.moveaxis(image, 0, -1)
    if not isinstance(image, ndarray):
        raise UserError(
            f"{type(image).__name__} is not an image; give a path, a PIL image, an array or a tensor; "
            "predict several images one by one"
        )
    return array_to_rgb(image, "the array")
