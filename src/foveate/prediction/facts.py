"""The facts about a trained network: classes, colours, size, origin. Every exported file carries them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import foveate
from foveate.data.bands import BandScale
from foveate.data.pixels.palette import palette
from foveate.errors import UserError
from foveate.models.host import Host
from foveate.plain import from_json, to_plain
from foveate.prediction.bands import scale_of

Color = tuple[int, int, int]

_ADDED = ("table",)
"""Facts that files of older versions lack."""


@dataclass(frozen=True)
class Facts:
    """The facts about a network that prediction needs, and where the network comes from.

    task: "segmentation" or "classification". colors: RGB of each class. size: height and width to which
    images are resized, or None for their own. mean, std: of the channels of images in [0, 1]; the network
    normalises by itself. test_scales, test_flip: the views over which predictions are averaged. arch,
    encoder, arm: as in `create_model`. bands: the scale of the images' bands, None for RGB. verdict: what a
    comparison says about the arm, "" without one. version: of foveate. table: what the stored values of the
    masks of training stand for, as bindings (see `foveate.specs.bindings`); empty if that is not known.
    """

    task: str
    classes: tuple[str, ...]
    colors: tuple[Color, ...]
    size: tuple[int, int] | None = None
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    test_scales: tuple[float, ...] = (1.0,)
    test_flip: bool = False
    arch: str = ""
    encoder: str = ""
    arm: str = "none"
    bands: BandScale | None = None
    verdict: str = ""
    version: str = foveate.__version__
    table: tuple[str, ...] = ()

    @property
    def palette(self) -> tuple[int, ...]:
        """The colours as a flat list of 768 values: the palette of an 8-bit PNG, black beyond the classes."""
        flat = [value for color in self.colors for value in color]
        return tuple(flat + [0] * (768 - len(flat)))

    def metadata(self) -> dict[str, str]:
        """Return the facts by name, each as JSON; with the palette.

        >>> facts = Facts("segmentation", ("sky", "road"), ((0, 0, 0), (9, 9, 9)), size=(360, 480))
        >>> facts.metadata()["classes"], facts.metadata()["size"]
        ('["sky", "road"]', '[360, 480]')
        """
        named = {**vars(self), "palette": self.palette}
        return {name: json.dumps(to_plain(value), ensure_ascii=False) for name, value in named.items()}


def facts_of(model: Host) -> Facts:
    """Return the facts of a model: its arguments, and its notes if it was trained."""
    config, notes = model.config, model.notes
    count = int(config["classes"])
    size = notes.get("size")
    return Facts(
        task=model.task,
        classes=tuple(notes.get("classes") or map(str, range(count))),
        colors=tuple(tuple(color) for color in notes.get("colors") or palette(count)),
        size=tuple(size) if size else None,
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        test_scales=tuple(notes.get("test_scales", (1.0,))),
        test_flip=bool(notes.get("test_flip", False)),
        arch=config["arch"],
        encoder=config["encoder_name"],
        arm=config["arm"],
        bands=scale_of(model),
        table=tuple(notes.get("table", ())),
    )


def read_facts(metadata: Mapping[str, str], where: str) -> Facts:
    """Return the facts in the metadata of an exported file. where: the file that errors name.

    Raises `UserError` if a fact is missing or of another kind.

    >>> facts = Facts("segmentation", ("sky", "road"), ((0, 0, 0), (9, 9, 9)))
    >>> read_facts(facts.metadata(), "a.onnx") == facts
    True
    """
    try:
        names = (name for name in Facts.__dataclass_fields__ if name in metadata or name not in _ADDED)
        named = {name: json.loads(metadata[name]) for name in names}
        bands = from_json(BandScale | None, named.pop("bands"))
        facts = Facts(**{name: _frozen(value) for name, value in named.items()}, bands=bands)
        whole = facts.task in ("segmentation", "classification") and len(facts.classes) == len(facts.colors)
        sides = facts.size is None or [type(side) for side in facts.size] == [int, int]
        if not (whole and sides and all(isinstance(name, str) for name in facts.classes)):
            raise ValueError("they contradict one another")
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(
            f"{where}: has not the metadata of a file from `foveate export` ({error}); export the run again"
        ) from None
    return facts


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
