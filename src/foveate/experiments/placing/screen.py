"""Score candidates cheaply on a host after a short training, without training any of them in full."""

from collections.abc import Callable, Sequence
from functools import partial

from foveate.experiments.placing.frozen import training_batches, validation_batches
from foveate.experiments.placing.gradients import gate_gradients
from foveate.experiments.placing.trial import mean_loss, trial_gain
from foveate.loading.module import DataModule
from foveate.models.host import Host
from foveate.training.losses import Loss

BATCHES = 32
"""Batches over which gradients are averaged, steps of a trial, and validation batches at most."""

Found = dict[str, dict[str, float]]
"""Scores by arm and name."""


def score_candidates(
    host: Host,
    arms: Sequence[str],
    names: Sequence[str],
    data: DataModule,
    loss: Loss,
    device: str,
    progress: Callable[[int, int], None] = lambda done, total: None,
    known: Found | None = None,
    keep: Callable[[Found], None] = lambda found: None,
) -> Found:
    """Return the named scores (`foveate.specs.placement.SCORES`) of each arm; more is better for each.

    Args:
        host: trained, in evaluation mode; it is left as it was.
        arms: each an attention at a place.
        names: of the scores to compute.
        data: batches come from its training and validation images.
        loss: of the training.
        device: to compute on.
        progress: called with the passes done, and the number of all.
        known: trials that were made before; these arms are not tried again.
        keep: called with all scores so far after each part of the work.
    """
    host, loss = host.to(device), loss.to(device)
    training = training_batches(data, BATCHES, device)
    found: Found = {arm: dict((known or {}).get(arm, {})) for arm in arms}
    with_gradients = bool({"signal", "gradient"} & set(names))
    passes = BATCHES * (with_gradients + ("trial" in names) * len(arms))
    if with_gradients:
        report = partial(_report_done, progress, passes)
        for arm, gradient in gate_gradients(host, arms, training, loss, report).items():
            values = {"signal": gradient.signal, "gradient": gradient.size}
            found[arm] |= {name: value for name, value in values.items() if name in names}
        keep(found)
    if "trial" in names:
        validation = validation_batches(data, BATCHES, device)
        before = mean_loss(host, validation, loss)
        for number, arm in enumerate(arms, start=1):
            if "trial" not in found[arm]:
                found[arm]["trial"] = trial_gain(host, arm, training, validation, loss, before, data.seed)
                keep(found)
            progress(BATCHES * (with_gradients + number), passes)
    return found


def _report_done(progress: Callable[[int, int], None], passes: int, done: int, total: int) -> None:
    progress(min(done, BATCHES), passes)
