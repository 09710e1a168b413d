"""`foveate evaluate`: the scores of a trained run, or of several together."""

from typing import TYPE_CHECKING

from foveate.cli.flags import EnsembleFlags, FolderFlags

if TYPE_CHECKING:
    from foveate.api.ensemble import EnsembleResult


def evaluate(
    run: str,
    data: str | None = None,
    *,
    folder: FolderFlags,
    together: EnsembleFlags,
    split: str = "test",
    size: str | None = None,
    device: str | None = None,
    classes: list[str] | None = None,
) -> None:
    """Score a trained run on its own test images, or on other data with the same classes.

    Of several runs (--ensemble), the mean probabilities are scored, and the gain over the mean single run is
    tested.

    Args:
        run: a run directory, a packed run (.zip), hf://USER/NAME, or an exported file (.onnx, .xml); or a
            folder that holds several runs, which are then an ensemble. Scores are also written into a run
            directory, and into nothing else.
        data: other data with classes of the run; scored whole unless it has splits; the run's
            own data if not given. Masks are read as those of training were. Classes may be absent.
        split: test, val or train.
        size: height x width at which images are scored, such as 360x480; the training size if not given.
        device: cpu or cuda; by default cuda if available.
        classes: what the mask values of the other data stand for, if not what they did in training, such as
            background=0 disk=255.

    Example:
      foveate evaluate runs/a --split val
      foveate evaluate runs/a --ensemble runs/b runs/c
    """
    from foveate.cli.progress import progress
    from foveate.specs.bindings import split_words
    from foveate.specs.sizes import parse_size

    runs = together.runs(run)
    shape = None if size is None else parse_size(size, "--size")
    bound = None if classes is None else split_words(classes)
    shown = split if data is None else ""
    if len(runs) > 1:
        from foveate.api.ensemble import evaluate_ensemble

        weights, temperature = together.weights or (), together.temperature
        with progress("Scoring") as advance:
            result = evaluate_ensemble(
                runs, data, split, shape, device, advance, folder.choice, bound, weights, temperature
            )
        _print_ensemble(result, shown)
        return
    from foveate.api.evaluate import score_run

    with progress("Scoring") as advance:
        scored = score_run(runs[0], data, split, shape, device, advance, folder.choice, bound)
    from foveate.cli.table import score_table

    print(score_table(scored.scores, scored.task, shown))
    for note in scored.notes:
        print(f"\n{note}")


def _print_ensemble(result: "EnsembleResult", split: str) -> None:
    """Print the scores of an ensemble, those of its runs, its gain and its cost."""
    from foveate.cli.table import percent, score_table
    from foveate.report import words

    print(score_table(result.scores, result.task, split))
    gain, change = result.gain, result.gain.difference
    score = words.score_name(gain.judge)
    temperature = f", temperature {result.temperature:.2f}" if result.temperature != 1 else ""
    print(f"\nEnsemble of {len(result.runs)} runs{temperature}; {score} and weight of each:")
    for run, single, weight in zip(result.runs, gain.singles, result.weights, strict=True):
        print(f"  {percent(single):>6}  {weight:.2f}  {run}")
    interval = words.interval(change.low, change.high)
    chance = f"95% interval {interval}, {words.p_value(change.p)}" if interval else "no interval"
    mean = percent(sum(gain.singles) / len(gain.singles))
    print(
        f"\nGain over the mean single run ({mean}): {words.points(change.mean)} points ({chance}): "
        f"{gain.verdict}.\n"
        "The interval is for these runs on new images; other trainings may gain more or less.\n"
        f"Cost: {result.times:.1f} times the time of a single run for an image."
    )
    for note in result.notes:
        print(f"\n{note}")
