"""`foveate.compare`: train with and without attention in identical conditions, and report the differences."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveate.api.engine import EngineChoice
from foveate.api.settings import Settings, check_budget, check_jobs, parse_settings, warn_of
from foveate.errors import UserError
from foveate.specs.folds import FOLDS, fold_of, parse_folds

if TYPE_CHECKING:
    import pandas

    from foveate.data.dataset import Dataset
    from foveate.experiments.compare import ComparisonEvent
    from foveate.experiments.result import Comparison
    from foveate.specs.comparison import ComparisonSpec


class ComparisonResult:
    """A finished comparison, read from its folder, which holds the runs at `runs/ARM/seedK`.

    `foveate.ComparisonResult("runs/photos")` opens one again. Attributes raise `UserError` if the folder
    holds no finished comparison.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)

    @cached_property
    def comparison(self) -> "Comparison":
        """Scores of all seeds, differences with intervals, costs and curves."""
        from foveate.experiments.result import load_comparison

        return load_comparison(self.folder)

    @property
    def control(self) -> "ComparisonResult | None":
        """The control on drawn data, None if there is none."""
        from foveate.experiments.result import control_folder

        folder = control_folder(self.folder)
        return ComparisonResult(folder) if (folder / "comparison.json").is_file() else None

    @property
    def report(self) -> Path:
        """The path of the HTML report, which is written if it is missing."""
        from foveate.report.page import write_report

        path = self.folder / "report.html"
        return path if path.is_file() else write_report(self.folder)

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdict of each arm, by its name: "helps", "hurts", "no difference", "not shown", ..."""
        return {item.label: str(self.comparison.result(item.arm).verdict) for item in self.comparison.arms}

    @property
    def summary(self) -> str:
        """One sentence on all verdicts, warnings, and a line for each arm and contrast with its numbers."""
        from foveate.report.sentences import summary_lines

        control = self.control
        return "\n".join(summary_lines(self.comparison, control and control.comparison))

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each contender, the host first, then one for each contrast.

        Scores are means over the seeds, in [0, 1]; `seeds` is their number. `difference` is the paired
        difference from the reference, `low` and `high` are its 95% interval, and `p` is corrected for the
        number of arms and contrasts. Values that do not exist, such as the reference's difference from
        itself, are None. A contrast is called "C vs B" and has neither a score nor costs.
        """
        comparison = self.comparison
        rows = []
        for item in comparison.contenders:
            result = comparison.result(item.arm)
            change = result.difference
            rows.append(
                {
                    "arm": item.label,
                    "role": item.role,
                    "seeds": len(item.seeds),
                    comparison.score: result.score.mean,
                    "difference": change and change.mean,
                    "low": change and change.low,
                    "high": change and change.high,
                    "p": change and result.p_holm,
                    "verdict": result.verdict,
                    "parameters": result.cost and result.cost.parameters,
                    "latency_ms": result.cost and result.cost.latency_ms,
                }
            )
        labels = {item.arm: item.label for item in comparison.contenders}
        rows.extend(
            dict.fromkeys(rows[0])
            | {
                "arm": f"{labels[contrast.arm]} vs {labels[contrast.reference]}",
                "role": "contrast",
                "seeds": len(contrast.seeds),
                "difference": contrast.difference.mean,
                "low": contrast.difference.low,
                "high": contrast.difference.high,
                "p": contrast.p_holm,
                "verdict": contrast.verdict,
            }
            for contrast in comparison.findings.contrasts
        )
        return rows

    def to_pandas(self) -> "pandas.DataFrame":
        """Return `rows()` as a table, its index the arms and contrasts.

        Raise `UserError` if pandas is not installed. comparison.csv in the folder has the values of each seed
        and class.
        """
        try:
            import pandas
        except ImportError:
            raise UserError("to_pandas() needs the package pandas: pip install pandas") from None
        return pandas.DataFrame(self.rows()).set_index("arm")

    def __repr__(self) -> str:
        """Return the rows as a text table of percents and points."""
        from foveate.report import words

        comparison = self.comparison
        arms = words.counted(len(comparison.contenders), "arm")
        seeds, images = words.seed_count(comparison), words.test_images(comparison)
        about = f"{comparison.dataset}: {arms}, {seeds}, {images}; changes in points"
        head = ("arm", words.score_name(comparison.score), "change", "95% interval", "", "verdict")
        table = [head, *(_cells(row, comparison.score) for row in self.rows())]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in table)
        return "\n".join([about, *lines, str(self.folder)])


def _cells(row: dict[str, Any], score: str) -> tuple[str, ...]:
    """Return the cells of a row: the score in percent, differences in points; empty if there are none."""
    from foveate.report import words

    percent = "" if row[score] is None else f"{words.percent(row[score])}%"
    if row["verdict"] is None:
        return (row["arm"], percent, "", "", "", "")
    change = words.points(row["difference"]), words.interval(row["low"], row["high"])
    return (row["arm"], percent, *change, words.p_value(row["p"]), row["verdict"])


@dataclass(frozen=True)
class OpenedComparison:
    """A comparison with opened data: its complete spec, its data and its folder."""

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
    until_decided: bool = False,
    max_seeds: int = 20,
    budget: str | float | None = None,
    margin: float = 1.0,
    judge: str | None = None,
    reference: str = "none",
    contrasts: Sequence[str] = (),
    control: bool = False,
    folds: int | str = FOLDS,
    accelerator: str = "auto",
    jobs: int | str = "auto",
    engine: str = "local",
    address: str | None = None,
    cpus: int | None = None,
    gpus: float = 0.0,
    progress: "Callable[[ComparisonEvent], None] | None" = None,
    **fields: Any,
) -> ComparisonResult:
    """Train with and without attention in identical conditions; report the difference and cost of each arm.

    `foveate compare` in Python. The bare host is always among the arms. The same call resumes a stopped
    comparison, and opens a finished one.

    Args:
        data: a folder of images with masks or of class folders, or drawn scenes: "synthetic:search".
        arms: contenders, such as ["cbam@decoder", "se@encoder5(reduction=8)"]; chosen if not given.
        placebo: also train, beside each arm, a plain convolution with as many parameters.
        seeds: trainings of each arm, 2 or more.
        epochs: passes over the training images; about 800 steps if not given.
        seed: the first seed; the others follow it.
        out: the folder of the comparison; runs/ and the name of the data if not given.
        until_decided: add seeds until every arm is decided, up to `max_seeds`; decided arms stop.
        max_seeds: the most trainings of each arm with `until_decided`.
        budget: how long `until_decided` may take, such as "2h", "90min" or seconds; no limit if not given.
        margin: a difference below it does not matter to you, in points.
        judge: the score that verdicts are about, such as "dice", "dice:polyp" or "boundary_iou"; mIoU for
            masks and accuracy for labels if not given.
        reference: the arm that all others are set against; the bare host if not given.
        contrasts: further pairs to set against each other, such as ["C vs B"].
        control: then train the same host, with the same schedule, number of images, size and seeds, on drawn
            images where a mechanism is known to help; see `ComparisonResult.control`.
        folds: where the data have no part to test on, each seed tests another of so many folds. 0 for one
            split for all seeds; "auto" for 5, or half as many as there are groups.
        accelerator: "auto", "cpu" or "gpu".
        jobs: runs to train at once, in processes that share the cores of this one; "auto" chooses by cores,
            memory and the duration, takes 1 on a GPU, and what a cluster has room for.
        engine: "local" or "ray", see `foveate.api.engine.EngineChoice`; also address, cpus and gpus.
        progress: called with a `ComparisonEvent` after every training step and in the stages after training.
        fields: fields of `DataSpec`, `ModelSpec` and `TrainingSpec`, such as `size=(192, 256)`,
            `encoder="resnet34"` or `lr=3e-4`. Defaults depend on the data.

    Warns as `foveate.fit` does. Raises `UserError` for wrong arguments or data before training begins, and
    `foveate.training.run.Interrupted` on Ctrl-C.

    Example:
        result = foveate.compare("photos", arms=["cbam@decoder"], seeds=3, out="runs/photos")
        result.verdicts, result.report
    """
    at_once, choice = check_jobs(jobs), EngineChoice(engine, address, cpus, gpus)
    choice.check_answers()
    settings = parse_settings(data, fields, "foveate.compare", signature(compare).parameters)
    arms = [arms] if isinstance(arms, str) else arms
    question = {
        "until_decided": until_decided,
        "max_seeds": max_seeds,
        "margin": margin,
        "judge": judge,
        "reference": reference,
        "contrasts": (contrasts,) if isinstance(contrasts, str) else tuple(contrasts),
    }
    seconds = check_budget(budget, until_decided)
    opened = open_comparison(settings, arms, placebo, seeds, epochs, seed, out, folds, **question)
    warn_of(opened.dataset)
    from foveate.experiments.compare import compare as run
    from foveate.experiments.plan import make_plan
    from foveate.report.page import write_report

    plan = make_plan(opened.spec, opened.folder, {"accelerator": accelerator})
    count = at_once or 0 if choice.is_cluster else at_once
    opener = choice.opener()
    run(opened.spec, opened.folder, progress, plan=plan, jobs=count, budget=seconds, open_engine=opener)
    write_report(opened.folder)
    if control:
        from foveate.experiments.control import compare_control

        compare_control(plan, opened.folder, progress, at_once)
        write_report(opened.folder)
    return ComparisonResult(opened.folder)


def open_comparison(
    settings: Settings,
    arms: Sequence[str] | None = None,
    placebo: bool = False,
    seeds: int = 3,
    epochs: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    folds: int | str = FOLDS,
    **question: Any,
) -> OpenedComparison:
    """Open the data and complete the settings with defaults for it. A resumed comparison keeps its splits.

    question: further fields of `ComparisonSpec`, such as `margin` and `judge`. The dataset is in the splits
    of the first seed.

    Raises `UserError` for wrong arms, data or settings, and for a folder with a comparison of other data.
    """
    from foveate.data.dataset import check
    from foveate.data.open import open_unsplit, require_source
    from foveate.models.attaching.check import check_arm
    from foveate.specs.arm import parse_named_arm
    from foveate.specs.data import resumed_classes

    require_source(settings.data.source)
    given_folds = parse_folds(folds)
    for arm in arms or ():
        check_arm(parse_named_arm(arm)[1])
    from foveate.evaluation.judges import parse_judge
    from foveate.experiments.defaults import default_comparison, default_folds
    from foveate.experiments.plan import recorded_splits
    from foveate.experiments.resuming import check_data, recorded_data, recorded_folds

    data = settings.data
    if out:
        check_data(Path(out), data.source)
    by_path = Path("runs", Path(data.source).resolve().name) if Path(data.source).exists() else None
    recorded = recorded_data(Path(out or by_path)) if out or by_path else None
    if recorded is not None:
        data = replace(data, classes=resumed_classes(recorded, data))
    unsplit = open_unsplit(data.source, data.classes, data.group, data.folder, data.bands, data.tiling)
    folder = Path(out or by_path or Path("runs", unsplit.name))
    check_data(folder, data.source)
    count = given_folds
    if count == "auto":
        kept = recorded_folds(folder)
        count = default_folds(unsplit, data) if kept is None else kept
    fold = fold_of(seed, count) or data.fold
    options = (data.split_seed, data.val_from_train)
    # Defaults depend on the splits.
    splits = recorded_splits(folder, fold_of(seed, count))
    dataset = check(unsplit.split(*options, splits, data.split, fold, data.keeps_own_splits))
    default = default_comparison(dataset)
    classes = dataset.table or data.classes
    data = replace(settings.images(default.data), classes=classes)
    if recorded is not None:
        data = replace(data, classes=resumed_classes(recorded, data))
    spec = replace(
        default,
        data=replace(
            data, size=data.size or data.tiles or default.data.size, batch=data.batch or default.data.batch
        ),
        model=settings.host(default.model),
        training=settings.schedule(default.training.epochs if epochs is None else epochs),
        arms=tuple(arms) if arms else default.arms,
        placebo=placebo,
        seeds=seeds,
        first_seed=seed,
        **question,
        folds=count,
    )
    parse_judge(spec.judge, dataset.classes, dataset.task)
    return OpenedComparison(spec, dataset, folder)
