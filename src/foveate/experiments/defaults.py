"""The comparison that makes sense for a dataset when nothing else is said."""

import math
from dataclasses import replace

from foveate.data.dataset import Dataset
from foveate.loading.sizes import choose_batch, choose_size
from foveate.specs.comparison import ComparisonSpec
from foveate.specs.data import DataSpec
from foveate.specs.model import ModelSpec
from foveate.specs.training import TrainingSpec

STEPS = 800
"""Steps of a run that a host without pretraining needs before the arms differ by more than their start."""

SMALL = 64
"""Below this many pixels a side, the usual stem of a classifier would leave too little of an image."""


HOSTS = {
    "segmentation": ModelSpec("unet", "resnet18"),
    "classification": ModelSpec("classifier", "resnet18"),
}
"""The host of each task."""


def default_comparison(dataset: Dataset) -> ComparisonSpec:
    """Size, batch, epochs, host and arms: three seeds of a ResNet-18 host with and without attention.

    Epochs are as many as make about 800 steps, between 10 and 60: more for few images, fewer for many.

    >>> from foveate.data.open import open_dataset
    >>> spec = default_comparison(open_dataset("synthetic:8"))
    >>> spec.arms, spec.training.epochs, spec.data.batch
    (('cbam@decoder', 'smooth@encoder5(threshold=0.4)'), 60, 2)
    """
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
