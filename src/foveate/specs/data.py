"""What to train on and how it is shown."""

from dataclasses import dataclass

from foveate.specs.shares import SHARES, Shares


@dataclass(frozen=True)
class DataSpec:
    """What to train on and how it is shown.

    source, classes, split_seed, val_from_train: as in `open_dataset`; split: its `shares`. size: height and
    width all images are resized to; None chooses. crop: height and width of the training windows (None:
    `size`). crop_schedule: (fraction of the epochs, crop) pairs, each in force from that fraction on. scale,
    rotation, shear, flip, flip_vertical, color: as in `Augmentation`. test_scales, test_flip: the views in
    which the trained network sees an image, its probabilities averaged, when it is scored and when it
    predicts. batch, workers: None chooses. memory_gb: how much the decoded images may take up (10^9 bytes).
    """

    source: str
    size: tuple[int, int] | None = None
    classes: tuple[str, ...] | None = None
    split: Shares = SHARES
    split_seed: int = 0
    val_from_train: bool = True
    crop: tuple[int, int] | None = None
    crop_schedule: tuple[tuple[float, tuple[int, int]], ...] = ()
    scale: tuple[float, float] = (0.75, 1.5)
    rotation: float = 0.0
    shear: float = 0.0
    flip: float = 0.5
    flip_vertical: float = 0.0
    color: float = 0.2
    test_scales: tuple[float, ...] = (1.0,)
    test_flip: bool = False
    batch: int | None = None
    workers: int | None = None
    memory_gb: float = 4.0
