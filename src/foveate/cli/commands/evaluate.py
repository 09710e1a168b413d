"""`foveate evaluate`: the scores of a trained run."""

from pathlib import Path


def evaluate(
    run: str,
    data: str | None = None,
    *,
    split: str = "test",
    size: str | None = None,
    device: str | None = None,
) -> None:
    """Score a trained run on its own test images, or on other data with the same classes.

    Args:
        run: a run directory.
        data: other data with the same classes, scored whole unless it has splits; without it, the run's own.
        split: test, val or train.
        size: height x width at which images are scored, such as 360x480; the size of training if not given.
        device: cpu or cuda; cuda where there is one if not given.

    Example:
      foveate evaluate runs/a --split val
    """
    from foveate.cli.progress import progress
    from foveate.cli.table import score_table
    from foveate.specs.sizes import parse_size

    shape = None if size is None else parse_size(size, "--size")
    from foveate.evaluation import evaluate as evaluation
    from foveate.models.checkpoints import load_model
    from foveate.training.run_directory import Run

    with progress("Scoring") as advance:
        scores = evaluation.evaluate(run, data, split=split, size=shape, device=device, progress=advance)
    print(score_table(scores, load_model(run).task, split if data is None else ""))
    if data is not None:
        seen, total = evaluation.seen_in_training(run, data, split)
        if seen:
            print(
                f"\n{seen} of these {total} images have names of images that the run was trained with: of "
                f"new ones, expect less. `foveate evaluate {run}` scores its own test images."
            )
        return
    own = Run(Path(run)).splits
    if split != "train" and own[split] == own["val"]:
        print("\nThe best epoch was chosen on these images too: expect a little less of others.")
