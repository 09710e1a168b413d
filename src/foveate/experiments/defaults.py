"""The comparison that makes sense for a dataset when nothing else is said."""

import math
from dataclasses import replace

from foveate.data.dataset import Dataset, check
from foveate.data.open import Unsplit
from foveate.data.synthetic.drawing import Drawing
from foveate.data.synthetic.source import is_synthetic, parse
from foveate.errors import DataError
from foveate.loading.sizes import choose_batch, choose_size
from foveate.specs.arm import parse_arm
from foveate.specs.comparison import ComparisonSpec
from foveate.specs.data import DataSpec
from foveate.specs.folds import AUTOMATIC
from foveate.specs.model import ModelSpec
from foveate.specs.shares import SHARES
from foveate.specs.training import TrainingSpec

STEPS = 800
"""Steps of a run that a host without pretraining needs before the arms differ by more than their start."""

SMALL = 64
"""Below this many pixels a side, the usual stem of a classifier would leave too little of an image."""

FEWEST_FOLDS = 4
"""With fewer groups, the seeds share one split: each fold would leave too little to train on."""

HOSTS = {
    "segmentation": ModelSpec("unet", "resnet18"),
    "classification": ModelSpec("classifier", "resnet18"),
}
"""The host of each task."""


LOCAL = {
    "segmentation": ModelSpec(
        "unet",
        "tu-test_resnet",
        encoder_weights="none",
        options={"encoder_depth": 1, "decoder_channels": [16]},
    ),
    "classification": ModelSpec("classifier", "test_resnet", encoder_weights="none", options={"stages": 1}),
}
"""The host of each task that sees only locally: on a control, what it lacks is known."""

CONTROL_ARMS = {
    "cue": "global_context@encoder1(reduction=2)",
    "light": "se@encoder1(reduction=2)",
    "same": "dual@layer1",
    "search": "global_context@encoder1(reduction=2)",
}
"""By control, an arm that is known to help.

With its usual reduction, se would have two channels between its layers here: too few for three colours.
"""

CONTROL_EPOCHS, CONTROL_BATCH = 10, {"segmentation": 4, "classification": 8}


def control_comparison(dataset: Dataset, drawn: Drawing) -> ComparisonSpec:
    """A comparison on a control: a local host, the arm that is known to help, and a placebo.

    Nothing is cropped, scaled or recoloured, which would remove what the control is about.

    >>> from foveate.data.open import open_dataset
    >>> default_comparison(open_dataset("synthetic:search:8")).arms
    ('global_context@encoder1(reduction=2)', 'placebo@encoder1')
    """
    size = dataset.size_of(dataset.index("train")[0])
    data = DataSpec(dataset.source, size=size, batch=CONTROL_BATCH[dataset.task], scale=(1.0, 1.0), color=0.0)
    training = TrainingSpec(epochs=CONTROL_EPOCHS)
    arm = CONTROL_ARMS[drawn.name]
    (part,) = parse_arm(arm).attentions
    return ComparisonSpec(data, LOCAL[dataset.task], training, (arm, f"placebo@{part.place}"))


def default_comparison(dataset: Dataset) -> ComparisonSpec:
    """Size, batch, epochs, host and arms: three seeds of a ResNet-18 host with and without attention.

    Epochs are as many as make about 800 steps, between 10 and 60: more for few images, fewer for many.

    >>> from foveate.data.open import open_dataset
    >>> spec = default_comparison(open_dataset("synthetic:8"))
    >>> spec.arms, spec.training.epochs, spec.data.batch
    (('cbam@decoder', 'smooth@encoder5(threshold=0.4)'), 60, 2)
    """
    if is_synthetic(dataset.source) and (drawn := parse(dataset.source).drawing).is_control:
        return control_comparison(dataset, drawn)
    size, train = choose_size(dataset), len(dataset.index("train"))
    batch = choose_batch(dataset.task, train)
    epochs = min(60, max(10, math.ceil(STEPS / math.ceil(train / batch))))
    data = DataSpec(dataset.source, size=size, batch=batch)
    training = TrainingSpec(epochs=epochs)
    if dataset.task == "segmentation":
        arms = ("cbam@decoder", "smooth@encoder5(threshold=0.4)")
        return ComparisonSpec(data, HOSTS[dataset.task], training, arms)
    options = {"stem": "small"} if min(size) <= SMALL else {}
    arms = ("cbam@encoder3", "smooth@encoder4(threshold=0.4)")
    return ComparisonSpec(data, replace(HOSTS[dataset.task], options=options), training, arms)


def default_folds(unsplit: Unsplit, data: DataSpec) -> int:
    """Return how many folds the seeds of a comparison rotate through: 5, or half as many as there are groups:
    an interval needs two groups in each fold.

    0 for data with a part to test on or with fewer than `FEWEST_FOLDS` groups, if the user gave a split or a
    fold, and if a fold would leave a split empty or without a class.
    """
    own = unsplit.held_out_part and data.keeps_own_splits
    if own or data.fold or data.own_splits is False or tuple(data.split) != SHARES:
        return 0
    count = min(AUTOMATIC, unsplit.groups // 2)
    if count < FEWEST_FOLDS:
        return 0
    try:
        for number in range(count):
            check(unsplit.split(data.split_seed, shares=data.split, fold=f"{number + 1}/{count}"))
    except DataError:
        return 0
    return count
