"""A control beside a comparison: would this set-up have found attention that is known to help?

The same host, schedule, number of images, image size and seeds, on drawn images in which a named mechanism is
known to help a host that sees only locally.
"""

from dataclasses import replace
from pathlib import Path

from foveate.experiments.compare import ReportProgress, compare
from foveate.experiments.defaults import CONTROL_ARMS
from foveate.experiments.plan import Plan
from foveate.experiments.result import Comparison, control_folder, load_comparison
from foveate.specs.arm import parse_arm, parse_named_arm
from foveate.specs.comparison import ComparisonSpec
from foveate.specs.data import DataSpec

DRAWINGS = {"segmentation": "search", "classification": "same"}
"""The drawn data of the control, by task."""

USUAL_PLACE = "encoder2"


def control_spec(plan: Plan, out: Path, seeds: int) -> ComparisonSpec:
    """Return the comparison on drawn data of the sizes of a planned one.

    A control that was begun in `out` keeps its spec. The mechanism sits where the first attention of the
    first arm sits. Nothing is cropped, scaled or recoloured, which would remove what the control is about.
    """
    spec, data = plan.spec, plan.data
    name = DRAWINGS[data.task]
    counts = "/".join(str(len(data.dataset.index(split))) for split in ("train", "val", "test"))
    height, width = data.size
    source = f"synthetic:{name}:{counts}:{height}x{width}"
    (mechanism,) = parse_arm(CONTROL_ARMS[name]).attentions
    recorded = control_folder(out) / "comparison.yaml"
    if recorded.is_file():
        return replace(ComparisonSpec.load(recorded), seeds=seeds)
    parts = [part for _, arm in map(parse_named_arm, spec.arms) for part in arm.attentions]
    place = parts[0].place if parts else USUAL_PLACE
    return ComparisonSpec(
        DataSpec(source, size=data.size, batch=data.batch, scale=(1.0, 1.0), color=0.0),
        spec.model,
        spec.training,
        (str(replace(mechanism, place=place)),),
        seeds=seeds,
        first_seed=spec.first_seed,
    )


def compare_control(
    plan: Plan, out: Path, progress: ReportProgress | None = None, jobs: int | None = 1
) -> Comparison:
    """Run the control of the finished comparison in `out`, with as many seeds; return its result.

    The arguments are those of `foveate.experiments.compare.compare`. A finished control is returned as it is.
    """
    spec = control_spec(plan, out, len(load_comparison(out).seeds))
    return compare(spec, control_folder(out), progress, trainer_flags=plan.trainer_flags, jobs=jobs)
