"""The groups of flags that commands share.

Their defaults are those of the specs they become, which a test holds: importing a spec would load PyTorch.
"""

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from foveate.errors import UserError

if TYPE_CHECKING:
    from foveate.specs.data import DataSpec
    from foveate.specs.model import ModelSpec
    from foveate.specs.training import TrainingSpec


@dataclass(frozen=True)
class DataFlags:
    """Data.

    Args:
        size: height x width to which images are resized, such as 192x256; chosen from the data if not given.
        classes: class names in the order of their ids, separated by spaces or commas.
        val_from_train: where a data set has two parts, score on the second and cut validation from the first;
            --no-val-from-train validates and scores on the second.
        split: where the data has none, percents of train, val and test, such as 80/10/10; of two, such as
            80/20, the second validates and is scored.
        split_seed: draws that split.
        crop: height x width of the random crops in training; the whole image if not given.
        crop_schedule: crops that change on the way, as SHARE:HEIGHTxWIDTH from that share of the epochs on,
            such as 0:96x128 0.5:192x256.
        scale: limits of the random rescaling in training; at 1 the image just covers the crop.
        rotation: largest random turn in training, to either side, in degrees.
        shear: largest random slant in training, to either side, in degrees.
        flip: probability of a left-right flip in training.
        flip_vertical: probability of an up-down flip in training.
        color: strength of the colour changes in training, from 0 to 1.
        test_scales: sizes, relative to --size and up to 4, in which the trained network sees an image; its
            answers are averaged. 0.75 1 1.25 costs three times the time and often pays for thin objects.
        test_flip: shows it every one of them mirrored, too.
        batch: images a step; chosen from the size if not given.
        workers: processes that read images which do not fit in memory.
        memory_gb: gigabytes that decoded images may take, all parts together.
    """

    size: str | None = None
    classes: list[str] | None = None
    val_from_train: bool = True
    split: str = "70/15/15"
    split_seed: int = 0
    crop: str | None = None
    crop_schedule: list[str] | None = None
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

    def spec(self, source: str) -> "DataSpec":
        """The data of a run."""
        from foveate.specs.data import DataSpec
        from foveate.specs.shares import parse_shares
        from foveate.specs.sizes import check_views, parse_size

        check_views(self.test_scales)
        given: dict[str, Any] = asdict(self)
        for side in ("size", "crop"):
            if given[side] is not None:
                given[side] = parse_size(given[side], f"--{side}")
        given["crop_schedule"] = tuple(map(_parse_stage, self.crop_schedule or ()))
        given["classes"] = parse_names(self.classes)
        given["split"] = parse_shares(self.split, "--split")
        return DataSpec(source, **given)


@dataclass(frozen=True)
class ModelFlags:
    """Model.

    Args:
        arch: the host network (foveate list hosts); unet for masks, classifier for class folders if not
            given.
        encoder: its encoder (foveate list encoders); auto is the host's own, resnet18 for most.
        encoder_weights: none, imagenet (downloaded once) or FILE.safetensors.
        gate: zero (starts as exactly the host) or none (the published form).
        options: further arguments of the host, as YAML, such as '{decoder_channels: [64, 48, 32, 24, 16]}'.
    """

    arch: str | None = None
    encoder: str = "auto"
    encoder_weights: str = "none"
    gate: str = "zero"
    options: dict[str, Any] | None = None

    def spec(self, arm: str, usual: "ModelSpec") -> "ModelSpec":
        """The model of a run with this arm; `usual` is the host for the data at hand."""
        given = asdict(self)
        if self.arch is None:
            given |= {"arch": usual.arch, "options": usual.options | (self.options or {})}
        return replace(usual, **given | {"options": given["options"] or {}}, arm=arm)


@dataclass(frozen=True)
class TrainingFlags:
    """Training.

    Args:
        lr: peak learning rate.
        optimizer: adamw, adam, rmsprop or sgd.
        schedule: of the learning rate: cosine, poly, step, plateau or constant.
        warmup: share of all steps in which the learning rate rises.
        milestones: where step multiplies the rate by --lr-factor: shares of all steps, as 0.5, or epochs.
        lr_factor: what step and plateau multiply the rate by.
        lr_patience: epochs without improvement that plateau lets pass before it does.
        weight_decay: never on biases, normalisation and gates.
        encoder_lr_factor: learning rate of the encoder relative to the rest.
        loss: auto, ce, dice, dice_ce, bce, focal, lovasz or ce_lovasz.
        label_smoothing: in the cross entropy, from 0 to 1.
        class_weights: none, inverse_sqrt, enet or median.
        auxiliary_weight: of the losses that attention has of its own (afma), beside the loss.
        ema: decay of the averaged weights that are scored and saved, 0 for none.
        precision: auto, 32, bf16 or fp16.
        clip: largest norm of the gradient, 0 for no clipping.
        patience: epochs without improvement before training stops.
        monitor: score or loss, by which the best weights are chosen.
        validate_every: epochs between validations, a divisor of --epochs.
    """

    lr: float = 1e-3
    optimizer: str = "adamw"
    schedule: str = "cosine"
    warmup: float = 0.05
    milestones: tuple[float, ...] = (0.5, 0.75)
    lr_factor: float = 0.1
    lr_patience: int = 5
    weight_decay: float = 0.01
    encoder_lr_factor: float = 1.0
    loss: str = "auto"
    label_smoothing: float = 0.0
    class_weights: str = "none"
    auxiliary_weight: float = 0.2
    ema: float = 0.99
    precision: str = "auto"
    clip: float = 1.0
    patience: int | None = None
    monitor: str = "score"
    validate_every: int = 1

    def spec(self, epochs: int | None) -> "TrainingSpec":
        """How a run is trained; without epochs, for as long as the default is."""
        from foveate.specs.training import TrainingSpec

        return TrainingSpec(**asdict(self), **({} if epochs is None else {"epochs": epochs}))


@dataclass(frozen=True)
class DeviceFlags:
    """Devices, as Lightning's Trainer takes them.

    Args:
        accelerator: auto, cpu or gpu.
        devices: how many processes train together, one a device.
        strategy: auto or ddp.
    """

    accelerator: str = "auto"
    devices: int = 1
    strategy: str = "auto"

    def trainer(self) -> dict[str, Any]:
        """Arguments of Lightning's Trainer."""
        if self.devices < 1:
            raise UserError(f"--devices: {self.devices} is too few; train on at least 1")
        return asdict(self)


def parse_names(words: list[str] | None) -> tuple[str, ...] | None:
    """Names that were separated by spaces or commas.

    >>> parse_names(["sky,road", "car"])
    ('sky', 'road', 'car')
    """
    if words is None:
        return None
    return tuple(name.strip() for word in words for name in word.split(",") if name.strip())


def _parse_stage(text: str) -> tuple[float, tuple[int, int]]:
    from foveate.specs.sizes import parse_size

    share, _, size = text.partition(":")
    crop = parse_size(size, "--crop-schedule") if size else None
    try:
        if crop:
            return float(share), crop
    except ValueError:
        pass
    raise UserError(f"--crop-schedule: '{text}' is no stage; write SHARE:HEIGHTxWIDTH, such as 0.5:192x256")
