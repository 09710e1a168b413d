"""Check whether an interrupted comparison can be resumed with a spec."""

from dataclasses import replace
from pathlib import Path

from foveate.errors import UserError
from foveate.plain import flatten, to_plain
from foveate.specs.arm import parse_named_arm
from foveate.specs.comparison import ComparisonSpec
from foveate.specs.data import DataSpec

MAY_DIFFER = ("placebo:", "until_decided:", "max_seeds:", "data.workers:", "data.memory_gb:")
"""Settings that may change, because they have no effect on trained runs and on what is asked of them."""


def check_continues(spec: ComparisonSpec, out: Path) -> None:
    """Raise `UserError` with all differences if the comparison in `out` cannot be resumed with this spec.

    Arms, contrasts and seeds may be added. Without a comparison in `out`, nothing is checked.
    """
    path = out / "comparison.yaml"
    if not path.is_file():
        return
    recorded = ComparisonSpec.load(path)
    changed = [line for line in differences(recorded, spec) if not line.startswith(MAY_DIFFER)]
    if _named_arms(recorded) <= _named_arms(spec):
        changed = [line for line in changed if not line.startswith("arms:")]
    if set(recorded.contrast_pairs) <= set(spec.contrast_pairs):
        changed = [line for line in changed if not line.startswith("contrasts:")]
    if spec.first_seed == recorded.first_seed and spec.seeds >= recorded.seeds:
        changed = [line for line in changed if not line.startswith("seeds:")]
    if any(line.startswith("training.epochs:") for line in changed):
        raise UserError(
            f"{out} holds a comparison of runs with epochs={recorded.training.epochs}, not "
            f"{spec.training.epochs}. The learning rate follows the number of epochs, so finished and new "
            "runs would not be trained under identical conditions; choose another folder, and all arms are "
            "trained anew"
        )
    if changed:
        raise UserError(
            f"{out} holds a comparison with another spec ({'; '.join(changed)}). Resume it with its own spec "
            "(arms, contrasts and seeds may be added, names of arms stay), or choose another folder"
        )


def recorded_data(out: Path) -> DataSpec | None:
    """Return the data of the comparison in `out`; None if there is no comparison."""
    path = out / "comparison.yaml"
    return ComparisonSpec.load(path).data if path.is_file() else None


def recorded_folds(out: Path) -> int | None:
    """Return the number of folds of the comparison in `out`; None if there is no comparison."""
    path = out / "comparison.yaml"
    return ComparisonSpec.load(path).folds if path.is_file() else None


def _named_arms(spec: ComparisonSpec) -> set[tuple[str, str]]:
    return {(name, str(arm)) for name, arm in map(parse_named_arm, spec.arms)}


def check_data(out: Path, source: str) -> None:
    """Raise `UserError` if `out` holds a comparison of other data than `source`.

    This check needs no open data, so that it can come first.
    """
    path = out / "comparison.yaml"
    if path.is_file() and Path(recorded := ComparisonSpec.load(path).data.source) != Path(source):
        raise UserError(
            f"{out} holds a comparison of {recorded}, not of {source}; choose another folder, or compare on "
            f"{recorded} again"
        )


def differences(old: ComparisonSpec, new: ComparisonSpec) -> list[str]:
    """Return the values in which two specs differ, one line each.

    >>> from dataclasses import replace
    >>> from foveate.specs.data import DataSpec
    >>> spec = ComparisonSpec(DataSpec("photos"))
    >>> differences(spec, replace(spec, seeds=5))
    ['seeds: 3, now 5']
    """
    before, now = (flatten(to_plain(replace(spec, data=spec.data.settled))) for spec in (old, new))
    keys = list(dict.fromkeys([*before, *now]))
    absent = "not set"
    return [
        f"{key}: {before.get(key, absent)}, now {now.get(key, absent)}"
        for key in keys
        if before.get(key, absent) != now.get(key, absent)
    ]
