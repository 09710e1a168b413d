"""`foveate evaluate`: the scores of a trained run."""

from foveate.cli.flags import FolderFlags


def evaluate(
    run: str,
    data: str | None = None,
    *,
    folder: FolderFlags,
    split: str = "test",
    size: str | None = None,
    device: str | None = None,
) -> None:
    """Score a trained run on its own test images, or on other data with the same classes.

    Args:
        run: a run directory.
        data: other data with the same classes; scored whole unless it has splits; the run's
            own data if not given.
        split: test, val or train.
        size: height x width at which images are scored, such as 360x480; the training size if not given.
        device: cpu or cuda; by default cuda if available.

    Example:
      foveate evaluate runs/a --split val
    """
    from foveate.api.evaluate import evaluate as score
    from foveate.cli.progress import progress
    from foveate.specs.sizes import parse_size

    shape = None if size is None else parse_size(size, "--size")
    with progress("Scoring") as advance:
        scores = score(run, data, split, shape, device, advance, folder.choice)
    from foveate.cli.table import score_table
    from foveate.evaluation.evaluate import caution
    from foveate.models.checkpoints import load_model

    print(score_table(scores, load_model(run).task, split if data is None else ""))
    if warning := caution(run, data, split, folder.choice):
        print(f"\n{warning}")
