"""Predictions as bodies of answers; the client chooses by its Accept header."""

import io
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from foveate.data.dataset import Pixels
from foveate.inspection.overlays import colorize, over_image
from foveate.prediction.assemble import Prediction
from foveate.prediction.predictor import Predictor
from foveate.prediction.regions import polygons, run_lengths
from foveate.serving.refusal import Refusal


def json_answer(predictor: Predictor, pixels: Pixels, prediction: Prediction) -> bytes:
    """Return the classes with their areas, polygons and run lengths; of a classifier, the label."""
    describe = _describe_label if prediction.mask is None else _describe_mask
    size = {"height": pixels.shape[0], "width": pixels.shape[1]}
    return json.dumps({"task": predictor.task, "size": size, **describe(prediction)}).encode()


def mask_answer(predictor: Predictor, pixels: Pixels, prediction: Prediction) -> bytes:
    """Return the class ids as an 8-bit PNG: the file NAME.png of `foveate predict`."""
    return _encoded(_mask(prediction), "PNG")


def overlay_answer(predictor: Predictor, pixels: Pixels, prediction: Prediction) -> bytes:
    """Return the image with the colours of its classes as a JPEG: the file NAME_overlay.jpg."""
    colors = colorize(_mask(prediction), prediction.colors)
    return _encoded(over_image(predictor.shown(pixels), colors), "JPEG")


def npz_answer(predictor: Predictor, pixels: Pixels, prediction: Prediction) -> bytes:
    """Return the arrays: mask and confidence, or label and probabilities; and the names of the classes."""
    arrays: dict[str, Any] = {"classes": np.array(prediction.classes), "confidence": prediction.confidence}
    if prediction.mask is not None:
        arrays["mask"] = prediction.mask
    else:
        arrays |= {"label": np.array(prediction.label), "probabilities": prediction.probabilities}
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


Answer = Callable[[Predictor, Pixels, Prediction], bytes]

ANSWERS: dict[str, Answer] = {
    "application/json": json_answer,
    "image/png": mask_answer,
    "image/jpeg": overlay_answer,
    "application/x-npz": npz_answer,
}
"""By media type; the first is the default."""


def choose_type(accept: str, task: str) -> str:
    """Return the media type in `ANSWERS` that an Accept header likes best; raise `Refusal` (406) for none.

    >>> choose_type("image/png;q=0.5, application/x-npz", "segmentation")
    'application/x-npz'
    >>> choose_type("image/*", "segmentation")
    'image/png'
    """
    offered = [kind for kind in ANSWERS if task == "segmentation" or not kind.startswith("image/")]
    likings = [(max(_liking(part, kind) for part in (accept or "*/*").split(",")), kind) for kind in offered]
    best = max(liking for liking, _ in likings)
    if best <= 0:
        raise Refusal(
            406, f"Accept: a {task} network answers with {', '.join(offered)}; ask for one of these"
        )
    return next(kind for liking, kind in likings if liking == best)


def _liking(part: str, kind: str) -> float:
    pattern, *parameters = (word.strip().lower() for word in part.split(";"))
    if pattern not in (kind, f"{kind.partition('/')[0]}/*", "*/*"):
        return 0.0
    try:
        return next((float(word[2:]) for word in parameters if word.startswith("q=")), 1.0)
    except ValueError:
        return 0.0


def _describe_label(prediction: Prediction) -> dict[str, Any]:
    shares = prediction.probabilities if prediction.probabilities is not None else ()
    return {
        "label": prediction.label,
        "confidence": float(prediction.confidence),
        "probabilities": {name: float(p) for name, p in zip(prediction.classes, shares, strict=True)},
    }


def _describe_mask(prediction: Prediction) -> dict[str, Any]:
    mask = _mask(prediction)
    named = zip(prediction.classes, prediction.colors, strict=True)
    classes = [_describe_class(number, name, color, mask) for number, (name, color) in enumerate(named)]
    return {"confidence": float(prediction.confidence.mean()), "classes": classes}


def _describe_class(number: int, name: str, color: Sequence[int], mask: np.ndarray) -> dict[str, Any]:
    region = mask == number
    pixels = int(region.sum())
    found = {"polygons": polygons(region), "rle": run_lengths(region)} if pixels else {}
    return {
        "id": number,
        "name": name,
        "color": list(color),
        "pixels": pixels,
        "share": pixels / region.size,
        **found,
    }


def _mask(prediction: Prediction) -> np.ndarray:
    if prediction.mask is None:
        raise ValueError("a classifier predicts no mask")
    return prediction.mask


def _encoded(pixels: np.ndarray, form: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form)
    return file.getvalue()
