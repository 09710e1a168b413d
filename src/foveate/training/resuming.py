"""Check that a run is resumed with the spec that it began with."""

from dataclasses import replace

from foveate.errors import UserError
from foveate.plain import flatten, to_plain
from foveate.specs.data import resumed_classes
from foveate.specs.run import RunSpec
from foveate.training.run_directory import Run


def same_spec(spec: RunSpec, run: Run) -> RunSpec:
    """Return the spec that `run` began with. Raise `UserError` naming the fields in which `spec` differs.

    An image size or batch of None stands for the recorded one. workers and memory_gb may differ and are taken
    from `spec`: they change how images are read, not the result.
    """
    original = run.spec
    reading = {"workers": spec.data.workers, "memory_gb": spec.data.memory_gb}
    original = replace(original, data=replace(original.data, **reading))
    size, batch = spec.data.size or original.data.size, spec.data.batch or original.data.batch
    classes = resumed_classes(original.data, spec.data)
    completed = replace(spec, data=replace(spec.data, size=size, batch=batch, classes=classes))
    now = flatten(to_plain(completed.everywhere()))
    before = flatten(to_plain(original.everywhere()))
    differing = [
        f"{key} was {before.get(key)!r} and is now {now.get(key)!r}"
        for key in {**before, **now}
        if before.get(key) != now.get(key)
    ]
    if differing:
        raise UserError(
            f"{run.folder} holds a run with another spec: {'; '.join(differing)}. Resume it with the spec it "
            "began with, or choose another folder"
        )
    return original
