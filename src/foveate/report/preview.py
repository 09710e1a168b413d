"""A sheet of training images with their masks, and of what augmentation makes of them, as one HTML file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8
from torch import Tensor

from foveate.files import write_whole
from foveate.loading.frames import Frames
from foveate.loading.module import DataModule
from foveate.report import pictures
from foveate.report.html import render_template
from foveate.report.view import View, css_color
from foveate.specs.augmentation import Policy


def write_preview(module: DataModule, policies: Sequence[Policy], path: Path, limit: int, draws: int) -> Path:
    """Write the sheet of a dataset and return its path.

    policies: the random changes to show. limit: most images, evenly spread over the training images. draws:
    augmentations of each image, those of the first epochs.
    """
    text = render(module, policies, limit, draws)
    with write_whole(path, "w") as file:
        file.write(text)
    return path


def render(module: DataModule, policies: Sequence[Policy], limit: int, draws: int) -> str:
    """Return the sheet as a string of HTML. Names of classes and images, which users choose, are escaped."""
    entries, plain = module.dataset.index("train"), module.samples()
    count = min(limit, len(entries))
    chosen = [number * len(entries) // count for number in range(count)]
    augmented = {str(policy): module.samples(policy) for policy in policies}
    colors = module.dataset.colors
    exhibits = []
    for index in chosen:
        rows = [("", [_panel(plain, (0, index), colors, "as it is")])]
        for name, frames in augmented.items():
            drawn = [_panel(frames, (epoch, index), colors, f"epoch {epoch + 1}") for epoch in range(draws)]
            rows.append((name, drawn))
        label = entries[index].label
        note = "" if label is None else module.classes[label]
        exhibits.append({"stem": entries[index].stem, "note": note, "rows": rows})
    masks = module.task == "segmentation"
    return render_template(
        "preview.html",
        title=f"Training images of {module.dataset.source}",
        description=module.dataset.describe(),
        legend=[
            {"name": name, "color": css_color(color)}
            for name, color in zip(module.classes, colors, strict=True)
        ]
        if masks
        else [],
        ignored=css_color(pictures.ERROR_COLORS["ignored"]),
        exhibits=exhibits,
        draws=draws,
    )


def _panel(frames: Frames, key: tuple[int, int], colors: Any, caption: str) -> View:
    batch = frames[key]
    mask = batch["mask"][0].numpy().astype(np.uint8) if "mask" in batch else None
    return {
        "caption": caption,
        "image": pictures.photo(_shown(batch["image"][0])),
        "mask": None if mask is None else pictures.classes(mask, colors),
    }


def _shown(image: Float32[Tensor, "c h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """Return an image as it is shown: RGB, or the first three bands, or a single one in grey."""
    channels = image[:3] if len(image) >= 3 else image[:1].repeat(3, 1, 1)
    return (255 * channels.clamp(0, 1)).round().byte().movedim(0, -1).numpy()
