"""What the seeds of an arm gain by predicting together, over the mean single run."""

import math
from collections.abc import Iterator, Sequence

from foveate.evaluation.ensemble import evaluate_together
from foveate.evaluation.judges import score_words
from foveate.evaluation.scored_data import open_scored
from foveate.experiments.works.plan import PlacedRun, WorkRuns
from foveate.files import write_whole
from foveate.inspection.figures.style import BLUE, VERMILION, new_figure, plain, save_figure, style_axes
from foveate.models.checkpoints import load_model
from foveate.prediction.ensemble import Ensemble, Member
from foveate.report import words
from foveate.report.works.pictures import Canvas, Picture, picture
from foveate.verdicts.gain import Gain, ensemble_gain


@picture("ensembles")
def ensembles(canvas: Canvas) -> Iterator[Picture]:
    """Draw, for each arm of the parts that the options name, its single runs and their mean prediction.

    Only arms with two seeds or more. Options: `parts`.
    """
    for runs in canvas.plan.runs:
        if runs.sweep.part in canvas.options["parts"]:
            gains = {arm: _gain(group) for arm, group in _seeds(runs).items() if len(group) > 1}
            if gains:
                yield _page(canvas, runs, gains)


def _seeds(runs: WorkRuns) -> dict[str, list[PlacedRun]]:
    """Return the finished runs of each arm, which differ in the seed."""
    groups: dict[str, list[PlacedRun]] = {}
    for run in runs.placed:
        if run.mark and run.cell.fold is None and not run.cell.values:
            groups.setdefault(run.cell.arm, []).append(run)
    return groups


def _gain(group: Sequence[PlacedRun]) -> Gain:
    members = [Member(str(run.folder), load_model(run.folder)) for run in group]
    images = open_scored(group[0].folder, members[0].network)
    found = evaluate_together(Ensemble(members), images)
    module = images.module
    return ensemble_gain(found.together, found.apart, module.classes, module.task, images.groups)


def _page(canvas: Canvas, runs: WorkRuns, gains: dict[str, Gain]) -> Picture:
    about = f"{runs.sweep.part}, {runs.sweep.datum.heading}"
    page = new_figure(9.0, 1.6 + 0.45 * len(gains), f"Seeds that predict together: {about}", "")
    axes = page.subplots()
    style_axes(axes, "", f"{score_words(next(iter(gains.values())).judge)}, %")
    for place, gain in enumerate(gains.values()):
        singles = [100 * score for score in gain.singles]
        axes.plot(singles, [place] * len(singles), "o", color=BLUE, label="single runs")
        axes.plot(100 * gain.score, place, "D", color=VERMILION, label="together")
    axes.set_yticks(
        range(len(gains)), [f"{plain(arm)}\n{_words(gain)}" for arm, gain in gains.items()], fontsize=7
    )
    axes.margins(y=0.3)
    handles, labels = axes.get_legend_handles_labels()
    page.legend(handles[:2], labels[:2], loc="outside right upper", fontsize=8)
    path = canvas.folder / f"{runs.sweep.part}-{runs.sweep.datum.name}.svg"
    with write_whole(path) as file:
        save_figure(page, file, "svg")
    return Picture(path, f"what seeds gain by predicting together: {about}")


def _words(gain: Gain) -> str:
    """Return a gain in points with its interval and verdict."""
    change = gain.difference
    known = math.isfinite(change.low + change.high)
    interval = f" ({words.interval(change.low, change.high)})" if known else ""
    return f"{words.points(change.mean)} points{interval}, {gain.verdict}"
