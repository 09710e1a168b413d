"""Cross-validation of one arm: a sweep over the folds, whose scores are pooled."""

from pathlib import Path
from typing import TYPE_CHECKING

from foveate.api.settings import Settings
from foveate.errors import UserError
from foveate.plain import to_plain
from foveate.specs.data import DataSpec
from foveate.specs.sweep import OWN, SweepSpec

if TYPE_CHECKING:
    from foveate.evaluation.scores import Scores


def cross_validation(settings: Settings, arm: str, epochs: int, seed: int, folds: int) -> SweepSpec:
    """Return the sweep that trains an arm once for each fold, which it tests.

    >>> settings = Settings(DataSpec("photos", size=(96, 128)), {"encoder": "resnet34"}, {"lr": 0.01})
    >>> sweep = cross_validation(settings, "se@decoder", 20, 0, 5)
    >>> len(list(sweep.cells())), sorted(sweep.settings)
    (5, ['encoder', 'epochs', 'lr', 'size'])
    """
    if settings.data.fold:
        raise UserError(f"--fold {settings.data.fold} is one of the folds; give one of --fold and --folds")
    usual, own = to_plain(DataSpec("")), to_plain(settings.data)
    data = {name: value for name, value in own.items() if name not in OWN and value != usual[name]}
    fields = {**data, **settings.model, **settings.training, "epochs": epochs}
    return SweepSpec((settings.data.source,), (arm,), settings=fields, first_seed=seed, folds=folds)


def pooled_scores(out: Path) -> "tuple[Scores, str]":
    """Return the scores over the test images of all folds together, and the task of the data.

    Each image is predicted by the run of its fold, which has not seen it.
    """
    import numpy as np

    from foveate.evaluation.evaluate import read_per_image, read_scores
    from foveate.evaluation.scores import scores
    from foveate.experiments.sweeps.marker import read_mark
    from foveate.experiments.sweeps.plan import load_cells

    folders = [out / "runs" / digest for digest, _ in load_cells(out)]
    matrices = [read_per_image(folder)[1] for folder in folders]
    classes = [scored.name for scored in read_scores(folders[0]).classes]
    pooled = scores(np.sum([each.sum(0) for each in matrices], axis=0), classes, sum(map(len, matrices)))
    mark = read_mark(folders[0])
    return pooled, mark.task if mark else "segmentation"
