"""Whether a comparison that has begun can go on with a spec."""

from pathlib import Path

from foveate.errors import UserError
from foveate.plain import flatten, to_plain
from foveate.specs.arm import parse_named_arm
from foveate.specs.comparison import ComparisonSpec

MAY_DIFFER = ("placebo:", "data.workers:", "data.memory_gb:")
"""Of no consequence for runs that are there already."""


def check_continues(spec: ComparisonSpec, out: Path) -> None:
    """See that a comparison in `out`, if any, can go on with this spec: arms and seeds may be added.

    Raises `UserError` with all that differs.
    """
    path = out / "comparison.yaml"
    if not path.is_file():
        return
    begun = ComparisonSpec.load(path)
    changed = [line for line in differences(begun, spec) if not line.startswith(MAY_DIFFER)]
    if _named(begun) <= _named(spec):
        changed = [line for line in changed if not line.startswith("arms:")]
    if spec.first_seed == begun.first_seed and spec.seeds >= begun.seeds:
        changed = [line for line in changed if not line.startswith("seeds:")]
    if changed:
        raise UserError(
            f"{out} holds a comparison with another spec ({'; '.join(changed)}). Go on with the spec it "
            "began with (arms and seeds may be added, names of arms stay), or choose another folder"
        )


def _named(spec: ComparisonSpec) -> set[tuple[str, str]]:
    return {(name, str(arm)) for name, arm in map(parse_named_arm, spec.arms)}


def check_data(out: Path, source: str) -> None:
    """See that a comparison in `out`, if any, is one of this data: told before the data is opened.

    Raises `UserError` that names both.
    """
    path = out / "comparison.yaml"
    if path.is_file() and Path(begun := ComparisonSpec.load(path).data.source) != Path(source):
        raise UserError(
            f"{out} holds a comparison of {begun}, not of {source}; choose another folder, or give {begun} "
            "again"
        )


def differences(one: ComparisonSpec, other: ComparisonSpec) -> list[str]:
    """What two specs disagree on, one line a value.

    >>> from dataclasses import replace
    >>> from foveate.specs.data import DataSpec
    >>> spec = ComparisonSpec(DataSpec("photos"))
    >>> differences(spec, replace(spec, seeds=5))
    ['seeds: 3, now 5']
    """
    flat, now = flatten(to_plain(one)), flatten(to_plain(other))
    keys = list(dict.fromkeys([*flat, *now]))
    absent = "not set"
    return [
        f"{key}: {flat.get(key, absent)}, now {now.get(key, absent)}"
        for key in keys
        if flat.get(key, absent) != now.get(key, absent)
    ]
