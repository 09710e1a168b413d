"""Evaluate several runs together: the scores of their mean beside those of each, in one pass."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy import ndarray
from scipy import optimize, special
from torch import Tensor

from foveate.data.pixels.masks import IGNORE
from foveate.errors import UserError
from foveate.evaluation.evaluate import Evaluation, Progress, Tally, inference, truth_of
from foveate.evaluation.scored_data import ScoredData
from foveate.evaluation.scores import over_present
from foveate.loading.workers import dead_workers_told
from foveate.prediction.ensemble import Ensemble
from foveate.training.run_directory import Run

PIXELS = 200_000
"""At most about so many pixels, evenly spaced in all images, decide on a temperature."""

_BOUNDS = (-3.0, 3.0)
"""The logarithm of the temperature lies between these: 0.05 to 20."""


@dataclass(frozen=True)
class EnsembleEvaluation:
    """The scores and counts of an ensemble and of each of its runs, on the same images."""

    together: Evaluation
    apart: tuple[Evaluation, ...]


def evaluate_together(
    ensemble: Ensemble,
    images: ScoredData,
    device: torch.device | str | None = None,
    progress: Progress | None = None,
) -> EnsembleEvaluation:
    """Score an ensemble and each of its networks; each image is predicted once by each network.

    progress: called as `progress(done, images)` after each batch.
    """
    module, total = images.module, len(images.stems)
    tallies = [Tally(module.classes, module.task) for _ in range(1 + len(ensemble.networks))]
    with inference(ensemble, device) as used_device, dead_workers_told():
        for batch in module.eval_dataloader(images.split):
            truth = truth_of(batch, module.task).to(used_device)
            apart = ensemble.apart(batch["image"].to(used_device))
            for tally, p in zip(tallies, (ensemble.joined(apart), *apart), strict=True):
                tally.add(p, truth, batch["stem"])
            if progress is not None:
                progress(len(tallies[0].stems), total)
    together, *apart = (tally.result() for tally in tallies)
    if images.data is not None:
        together, *apart = (replace(each, scores=over_present(each.scores)) for each in (together, *apart))
    return EnsembleEvaluation(together, tuple(apart))


def fit_temperature(
    ensemble: Ensemble,
    images: ScoredData,
    runs: Sequence[Path],
    device: torch.device | str | None = None,
) -> float:
    """Return the temperature that makes the true classes of validation images most likely.

    images: the validation images of the first run. Those that another run was trained with are left out: it
    is surer of them than of new images. Raises `UserError` if none are left, as with folds.
    """
    known = {stem for run in runs for stem in Run(run).splits["train"]}
    unseen = set(images.stems) - known
    if not unseen:
        raise UserError(
            "--temperature auto: there is no validation image that none of the runs was trained with, as "
            "with folds; give a number, or leave it out"
        )
    module, each = images.module, max(1, PIXELS // len(unseen))
    logs, classes = [], []
    ensemble.temperature = 1.0
    with inference(ensemble, device) as used_device, dead_workers_told():
        for batch in module.eval_dataloader("val"):
            probabilities = ensemble.joined(ensemble.apart(batch["image"].to(used_device))).cpu()
            truth = truth_of(batch, module.task)
            for p, target, stem in zip(probabilities, truth, batch["stem"], strict=True):
                if stem in unseen:
                    values, counted = _sampled(p, target, each)
                    logs.append(values)
                    classes.append(counted)
    return best_temperature(np.concatenate(logs), np.concatenate(classes))


def best_temperature(log_p: Float[ndarray, "n c"], classes: Int64[ndarray, " n"]) -> float:
    """Return the temperature at which the true classes are most likely.

    >>> sure = np.log([[0.9, 0.1]] * 4)  # right in three of four cases
    >>> round(best_temperature(sure, np.array([0, 0, 0, 1])), 2)
    2.0
    """

    def loss(log_temperature: float) -> float:
        scaled = log_p / np.exp(log_temperature)
        return float(np.mean(special.logsumexp(scaled, axis=1) - scaled[np.arange(len(classes)), classes]))

    return float(np.exp(optimize.minimize_scalar(loss, bounds=_BOUNDS, method="bounded").x))


def _sampled(
    p: Float[Tensor, "c ..."], truth: Int64[Tensor, "..."], count: int
) -> tuple[Float[ndarray, "n c"], Int64[ndarray, " n"]]:
    """Return the log probabilities and true classes of evenly spaced pixels that are not ignored."""
    flat, target = p.flatten(1) if p.ndim > 1 else p[:, None], truth.reshape(-1)
    (counted,) = torch.where(target != IGNORE)
    counted = counted[:: max(1, len(counted) // count)]
    logs = flat[:, counted].clamp_min(1e-12).double().log()
    return logs.T.numpy(), target[counted].numpy()
