"""What the comparison that a run belongs to says about the run's arm, in one sentence."""

from pathlib import Path

from foveate.errors import UserError
from foveate.experiments.result import Comparison, load_comparison


def verdict_on(run: str | Path) -> str:
    """Return the verdict on the arm of a run, "" if the run is not part of a finished comparison.

    A run of a comparison lies in runs/ARM/seedN of the comparison's folder. An unpacked run has the verdict
    of its packing in verdict.txt.
    """
    run = Path(run).resolve()
    kept = run / "verdict.txt"
    if kept.is_file():
        return kept.read_text(encoding="utf-8").strip()
    if len(run.parents) < 3 or run.parents[1].name != "runs":
        return ""
    try:
        comparison = load_comparison(run.parents[2])
    except (UserError, OSError):
        return ""
    arm = next((item.arm for item in comparison.contenders if item.folder == run.parent.name), "")
    return _sentence(comparison, arm) if arm else ""


def _sentence(comparison: Comparison, arm: str) -> str:
    result = comparison.result(arm)
    if result.difference is None or result.verdict is None:
        return ""
    change = result.difference
    numbers = f"{100 * change.mean:+.1f} points of {comparison.score}"
    interval = f"95% interval {100 * change.low:+.1f} to {100 * change.high:+.1f}"
    who = f"{arm} against {comparison.baseline.arm} on {comparison.host}"
    return f"{who}: {result.verdict}, {numbers} ({interval}, {len(result.seeds)} seeds)"
