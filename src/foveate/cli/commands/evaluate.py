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
    classes: list[str] | None = None,
) -> None:
    """Score a trained run on its own test images, or on other data with the same classes.

    Args:
        run: a run directory.
        data: other data with classes of the run; scored whole unless it has splits; the run's
            own data if not given. Masks are read as those of training were. Classes may be absent.
        split: test, val or train.
        size: height x width at which images are scored, such as 360x480; the training size if not given.
        device: cpu or cuda; by default cuda if available.
        classes: what the mask values of the other data stand for, if not what they did in training, such as
            background=0 disk=255.

    Example:
      foveate evaluate runs/a --split val
    """
    from foveate.api.evaluate import evaluate as score
    from foveate.cli.progress import progress
    from foveate.specs.bindings import split_words
    from foveate.specs.sizes import parse_size

    shape = None if size is None else parse_size(size, "--size")
    with progress("Scoring") as advance:
        bound = None if classes is None else split_words(classes)
        scores = score(run, data, split, shape, device, advance, folder.choice, bound)
    from foveate.cli.table import score_table
    from foveate.evaluation.evaluate import absent_note, caution, guess_note
    from foveate.models.checkpoints import load_model

    print(score_table(scores, load_model(run).task, split if data is None else ""))
    absent = absent_note(scores) if data else ""
    guess = guess_note(run, data, folder.choice, bound)
    for note in (absent, guess, caution(run, data, split, folder.choice, bound)):
        if note:
            print(f"\n{note}")
