"""`foveate.evaluate_ensemble`: what several runs gain by predicting together, and what that costs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveate.api.evaluate import check_is_data
from foveate.errors import UserError, choose
from foveate.models.several import several_runs
from foveate.models.weights_file import find_weights, run_folder
from foveate.specs.bindings import written_names
from foveate.specs.data import ANY_FOLDER, FolderChoice
from foveate.specs.ensemble import FITTED, EnsembleSpec

if TYPE_CHECKING:
    from foveate.evaluation.scored_data import ScoredData
    from foveate.evaluation.scores import Scores
    from foveate.prediction.ensemble import Ensemble
    from foveate.verdicts.gain import Gain


@dataclass(frozen=True)
class EnsembleResult:
    """The result of `evaluate_ensemble`.

    runs, weights, temperature: of the ensemble. scores: of the ensemble. singles: of each run, on the same
    images. gain: the paired difference of the ensemble from the mean of its runs, with interval and verdict;
    no verdict if one of the runs has seen one of the images.
    times: the time for one image as a multiple of the mean time of a single run. notes: sentences that the
    user should know.
    """

    runs: tuple[str, ...]
    weights: tuple[float, ...]
    temperature: float
    task: str
    scores: "Scores"
    singles: "tuple[Scores, ...]"
    gain: "Gain"
    times: float
    notes: tuple[str, ...]


def evaluate_ensemble(
    runs: Sequence[str | Path],
    data: str | Path | None = None,
    split: str = "test",
    size: tuple[int, int] | None = None,
    device: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    folder: FolderChoice = ANY_FOLDER,
    classes: Mapping[str, Any] | Sequence[str] | None = None,
    weights: Sequence[float] = (),
    temperature: float | str = 1.0,
    judge: str | None = None,
    margin: float = 1.0,
) -> EnsembleResult:
    """Score several runs that predict together, and test what they gain over the mean single run.

    `foveate evaluate RUN --ensemble RUN ...` in Python. Nothing is written.

    Args:
        runs: run directories, or folders that hold several runs; with the same classes, in any order.
        data, split, size, device, progress, folder, classes: as for `foveate.evaluate`; the run's own data
            are those of the first.
        weights: of the runs in the mean; all the same if not given.
        temperature: of the mean, or "auto" to fit it on validation images that no run was trained with.
        judge, margin: the score that the verdict is about, and the difference in points that does not matter,
            as in `foveate.compare`.

    Raises `UserError` for runs that do not predict the same classes, and as `foveate.evaluate` does.

    Example:
        foveate.evaluate_ensemble(["runs/a/seed0", "runs/a/seed1"]).gain.verdict
    """
    choose(split, ("train", "val", "test"), "split")
    if not 0 < margin < 100:
        raise UserError(f"margin is {margin:g}; give a number of points above 0 and below 100, such as 1")
    paths = run_folders(runs)
    check_is_data(paths[0], data)
    number = EnsembleSpec(temperature=str(temperature)).number
    from foveate.evaluation.ensemble import evaluate_together
    from foveate.evaluation.scored_data import open_scored
    from foveate.models.checkpoints import load_model
    from foveate.prediction.ensemble import Ensemble, Member
    from foveate.verdicts.gain import ensemble_gain

    members = [Member(str(path), load_model(path)) for path in paths]
    ensemble = Ensemble(members, weights, number or 1.0)
    first = members[0].network
    bound = None if classes is None else written_names(classes)
    images = open_scored(paths[0], first, data, split, size, folder, bound)
    if number is None:
        ensemble.temperature = fitted_temperature(ensemble, paths, device)
    found = evaluate_together(ensemble, images, device, progress)
    module = images.module
    gain = ensemble_gain(
        found.together, found.apart, module.classes, module.task, images.groups, judge, margin / 100
    )
    if images.seen_by(paths):
        gain = replace(gain, verdict="no verdict")
    return EnsembleResult(
        tuple(map(str, paths)),
        ensemble.weights,
        ensemble.temperature,
        module.task,
        found.together.scores,
        tuple(each.scores for each in found.apart),
        gain,
        _times(ensemble, module.size, module.dataset.channels, device),
        (*images.notes(found.together.scores, paths), *_fitted_on(images, number)),
    )


def run_folders(runs: Sequence[str | Path]) -> list[Path]:
    """Return the run directories that are meant. Raises `UserError` for other paths and fewer than two."""
    paths = [run_folder(find_weights(run)) for run in several_runs(runs)]
    if len(paths) < 2:
        raise UserError(f"{paths[0]}: is a single run; an ensemble needs two or more")
    return paths


def fitted_temperature(ensemble: "Ensemble", runs: Sequence[Path], device: str | None = None) -> float:
    """Return the temperature fitted on the validation images of the first run."""
    from foveate.evaluation.ensemble import fit_temperature
    from foveate.evaluation.scored_data import open_scored
    from foveate.models.checkpoints import load_model

    return fit_temperature(ensemble, open_scored(runs[0], load_model(runs[0]), split="val"), runs, device)


def settled_temperature(
    runs: Sequence[str | Path], weights: Sequence[float], temperature: float | str, device: str | None = None
) -> float:
    """Return a temperature as a number; "auto" is fitted, which needs run directories and their data."""
    if temperature != FITTED:
        return EnsembleSpec(temperature=str(temperature)).number or 1.0
    from foveate.models.checkpoints import load_model
    from foveate.prediction.ensemble import Ensemble, Member

    paths = run_folders(runs)
    ensemble = Ensemble([Member(str(path), load_model(path)) for path in paths], weights)
    return fitted_temperature(ensemble, paths, device)


def _fitted_on(images: "ScoredData", temperature: float | None) -> tuple[str, ...]:
    """Return a sentence if a temperature was fitted on images that are scored.

    temperature: as given; None if it was fitted.
    """
    from foveate.training.run_directory import Run

    if temperature is not None or images.data is not None:
        return ()
    shared = set(images.stems) & set(Run(images.run).splits["val"])
    if not shared:
        return ()
    return (
        f"The temperature was fitted on {len(shared)} of these {len(images.stems)} images: expect a larger "
        "calibration error on new images.",
    )


def _times(ensemble: "Ensemble", size: tuple[int, int], channels: int, device: str | None) -> float:
    """Return the time of the ensemble for one image, as a multiple of the mean of its networks."""
    import statistics

    from foveate.evaluation.cost import latency, noise_image
    from foveate.models.device import find_device

    used = find_device(device)
    image = noise_image(channels, size, used)
    networks = {str(number): network for number, network in enumerate(ensemble.networks)}
    times = latency({"": ensemble.to(used).eval(), **networks}, image, repeats=10, warm_up=2)
    whole = times.pop("").median_ms
    return whole / statistics.mean(each.median_ms for each in times.values())
