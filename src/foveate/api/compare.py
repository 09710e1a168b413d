"""`foveate.compare`: train with and without attention in identical conditions; say what each arm changes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveate.api.settings import Settings, settings
from foveate.errors import UserError

if TYPE_CHECKING:
    import pandas

    from foveate.data.dataset import Dataset
    from foveate.experiments.compare import ComparisonEvent
    from foveate.experiments.result import Comparison
    from foveate.specs.comparison import ComparisonSpec


class ComparisonResult:
    """A finished comparison, read from its folder, which holds the runs at `runs/ARM/seedK`.

    `foveate.ComparisonResult("runs/photos")` opens one again. Raises `UserError`, when something is read, for
    a folder in which no comparison has finished.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)

    @cached_property
    def comparison(self) -> "Comparison":
        """Scores of every seed, differences with intervals, costs and curves."""
        from foveate.experiments.result import load_comparison

        return load_comparison(self.folder)

    @property
    def report(self) -> Path:
        """The page that shows everything; it is drawn if it is not there yet."""
        from foveate.report.page import write_report

        path = self.folder / "report.html"
        return path if path.is_file() else write_report(self.folder)

    @property
    def verdicts(self) -> dict[str, str]:
        """By arm (by its name where it was given one): "helps", "hurts", "not shown" or "no verdict"."""
        return {item.label: str(self.comparison.result(item.arm).verdict) for item in self.comparison.arms}

    @property
    def summary(self) -> str:
        """All verdicts in a sentence, then each arm's with its numbers and costs."""
        from foveate.report import words

        told = self.comparison
        lines = [f"  {arm.label}: {' '.join(words.verdict(told, arm))}" for arm in told.arms]
        return "\n".join([words.headline(told), *lines])

    def rows(self) -> list[dict[str, Any]]:
        """A row for each contender, the host first.

        Scores are means over the seeds, from 0 to 1; `difference` is paired with the host, `low` and `high`
        are its 95% interval and `p` is corrected for the number of arms. Where there is nothing to say, as of
        the host's difference from itself, the value is None.
        """
        told = self.comparison
        rows = []
        for item in told.contenders:
            found = told.result(item.arm)
            change = found.difference
            rows.append(
                {
                    "arm": item.label,
                    "role": item.role,
                    told.score: found.score.mean,
                    "difference": change and change.mean,
                    "low": change and change.low,
                    "high": change and change.high,
                    "p": change and found.p_holm,
                    "verdict": found.verdict,
                    "parameters": found.cost and found.cost.parameters,
                    "latency_ms": found.cost and found.cost.latency_ms,
                }
            )
        return rows

    def to_pandas(self) -> "pandas.DataFrame":
        """`rows()` as a table with the arms as index. Raises `UserError` where pandas is not installed.

        The values of every seed and class are in the folder's comparison.csv.
        """
        try:
            import pandas
        except ImportError:
            raise UserError("to_pandas() needs the package pandas: pip install pandas") from None
        return pandas.DataFrame(self.rows()).set_index("arm")

    def __repr__(self) -> str:
        """The rows as a table of percents and points."""
        from foveate.report import words

        told = self.comparison
        arms, seeds = words.counted(len(told.contenders), "arm"), words.counted(len(told.seeds), "seed")
        about = f"{told.dataset}: {arms}, {seeds}, {told.findings.images} test images; changes in points"
        head = ("arm", words.score_name(told.score), "change", "95% interval", "", "verdict")
        table = [head, *(_cells(row, told.score) for row in self.rows())]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in table)
        return "\n".join([about, *lines, str(self.folder)])


def _cells(row: dict[str, Any], score: str) -> tuple[str, ...]:
    """A row in words: the score in percent, differences in points; the host has none."""
    from foveate.report import words

    percent = f"{words.percent(row[score])}%"
    if row["verdict"] is None:
        return (row["arm"], percent, "", "", "", "")
    change = words.points(row["difference"]), words.interval(row["low"], row["high"])
    return (row["arm"], percent, *change, words.p_value(row["p"]), row["verdict"])


@dataclass(frozen=True)
class OpenedComparison:
    """A comparison whose data are open: its spec, with all that was left open chosen, and its folder."""

    spec: "ComparisonSpec"
    dataset: "Dataset"
    folder: Path


def compare(
    data: str | Path,
    arms: Sequence[str] | str | None = None,
    *,
    placebo: bool = False,
    seeds: int = 3,
    epochs: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    accelerator: str = "auto",
    progress: "Callable[[ComparisonEvent], None] | None" = None,
    **fields: Any,
) -> ComparisonResult:
    """Train with and without attention in identical conditions, and say what each arm changes and costs.

    `foveate compare` in Python. The bare host is always among the arms. A comparison that was stopped goes on
    with the same call; one that is finished is opened.

    Args:
        data: a folder of images with masks or of class folders, or drawn scenes: "synthetic:COUNT".
        arms: contenders, such as ["cbam@decoder", "se@encoder5(reduction=8)"]; chosen if not given.
        placebo: also train, beside each arm, a plain convolution with as many parameters.
        seeds: trainings of each arm, 2 or more.
        epochs: passes over the training images; about 800 steps if not given.
        seed: the first seed; the others follow it.
        out: the folder of the comparison; runs/ and the name of the data if not given.
        accelerator: "auto", "cpu" or "gpu".
        progress: called with a `ComparisonEvent` after every training step and in the stages after training.
        fields: fields of `DataSpec`, `ModelSpec` and `TrainingSpec`, such as `size=(192, 256)`,
            `encoder="resnet34"` or `lr=3e-4`. What is not given suits the data.

    Raises `UserError` before anything is trained for what is wrong in the arguments or the data, and
    `foveate.training.run.Interrupted` on Ctrl-C.

    Example:
        result = foveate.compare("photos", arms=["cbam@decoder"], seeds=3, out="runs/photos")
        result.verdicts, result.report
    """
    asked = settings(data, fields, "foveate.compare", signature(compare).parameters)
    arms = [arms] if isinstance(arms, str) else arms
    opened = open_comparison(asked, arms, placebo, seeds, epochs, seed, out)
    from foveate.experiments.compare import compare as run
    from foveate.report.page import write_report

    run(opened.spec, opened.folder, progress, trainer_flags={"accelerator": accelerator})
    write_report(opened.folder)
    return ComparisonResult(opened.folder)


def open_comparison(
    asked: Settings,
    arms: Sequence[str] | None = None,
    placebo: bool = False,
    seeds: int = 3,
    epochs: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
) -> OpenedComparison:
    """Open the data and choose what was left open for it; a comparison that was begun keeps its splits.

    Raises `UserError` for what is wrong in the arms, the data and the spec, and for a folder that holds a
    comparison of other data.
    """
    from foveate.data.open import open_dataset, require_source
    from foveate.models.attaching.check import check_arm
    from foveate.specs.arm import parse_named_arm

    require_source(asked.data.source)
    for arm in arms or ():
        check_arm(parse_named_arm(arm)[1])
    from foveate.experiments.defaults import default_comparison
    from foveate.experiments.plan import recorded_splits
    from foveate.experiments.resuming import check_data

    given = asked.data
    if out:
        check_data(Path(out), given.source)
    how = (given.classes, given.split_seed, given.val_from_train)
    dataset = open_dataset(given.source, *how, shares=given.split)
    named = Path(given.source).resolve().name if Path(given.source).exists() else dataset.name
    folder = Path(out or Path("runs", named))
    check_data(folder, given.source)
    begun = recorded_splits(folder)
    if begun not in (None, dataset.split_table()):  # what is chosen from the data stays as it was
        dataset = open_dataset(given.source, *how, splits=begun)
    usual = default_comparison(dataset)
    spec = replace(
        usual,
        data=replace(given, size=given.size or usual.data.size, batch=given.batch or usual.data.batch),
        model=asked.host(usual.model),
        training=asked.schedule(usual.training.epochs if epochs is None else epochs),
        arms=tuple(arms) if arms else usual.arms,
        placebo=placebo,
        seeds=seeds,
        first_seed=seed,
    )
    return OpenedComparison(spec, dataset, folder)
