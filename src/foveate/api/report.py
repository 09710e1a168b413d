"""`report`: draw the page of a finished run or comparison."""

from collections.abc import Callable
from pathlib import Path

from foveate.errors import UserError


def report(folder: str | Path, progress: Callable[[int, int], None] | None = None) -> Path:
    """Draw `report.html` into a folder of `fit` or `compare`, and return its path.

    A run is scored on its test images first, and timed on this machine. `progress(done, images)` is called
    after each batch.

    Raises `UserError` for a folder that holds neither a finished run nor a finished comparison.
    """
    folder = Path(folder)
    if (folder / "comparison.json").is_file():
        from foveate.report.page import write_report

        return write_report(folder)
    from foveate.training.run_directory import Run

    if not Run(folder).is_complete:
        unfinished = Run(folder).spec_file.is_file()
        state = "the run in it is not finished; finish it with --resume" if unfinished else "holds no run"
        raise UserError(f"{folder}: {state}" if unfinished else f"{folder}: {state} of fit and no comparison")
    from foveate.evaluation.evaluate import evaluate
    from foveate.evaluation.scored_data import data_of
    from foveate.experiments.examples import keep_cost, keep_examples
    from foveate.models.checkpoints import load_model
    from foveate.prediction.bands import scale_of
    from foveate.report.run import write_run_report

    data = data_of(folder, None, None, (), scale=scale_of(load_model(folder)))
    evaluate(folder, progress=progress, opened=data)
    keep_examples(folder, data)
    keep_cost(folder, data)
    return write_run_report(folder)
