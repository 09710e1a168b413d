"""Predict and take the signs of each image in one pass."""

import torch
from jaxtyping import Float
from torch import Tensor

from foveate.data.dataset import Pixels
from foveate.prediction.assemble import Prediction, assemble
from foveate.prediction.predictor import Predictor
from foveate.watching.attention_change import record_changes
from foveate.watching.signs import Signs, signs_of

Watched = tuple[Tensor, dict[str, float]]
"""The class probabilities of one image, and how much each attention changed its features."""


def watched_batch(predictor: Predictor, batch: Float[Tensor, "b c h w"]) -> list[Watched]:
    """Return what `predictor.probabilities` returns, image by image, with the changes by attention."""
    with record_changes(predictor.model) as changes:
        probabilities = predictor.probabilities(batch)
    # Views at several scales split a batch, so that a pass may hold other images.
    means = {
        name: torch.stack(passes).mean(0)
        for name, passes in changes.items()
        if passes and all(len(values) == len(batch) for values in passes)
    }
    return [
        (p, {name: values[number].item() for name, values in means.items()})
        for number, p in enumerate(probabilities)
    ]


def watched_prediction(predictor: Predictor, pixels: Pixels) -> tuple[Prediction, Signs]:
    """Return what `predictor.predict_pixels` returns, with the signs of the image."""
    image, size = predictor.prepared(pixels), (pixels.shape[0], pixels.shape[1])
    ((p, changes),) = watched_batch(predictor, image)
    return assemble(predictor.facts, p, size), signs_of(image, p, size, predictor.classes, changes)
