"""Whether a run that is to go on is the run that began."""

from dataclasses import replace

from foveate.errors import UserError
from foveate.plain import flatten, to_plain
from foveate.specs.run import RunSpec
from foveate.training.run_directory import Run


def same_spec(spec: RunSpec, run: Run) -> RunSpec:
    """The spec that `run` began with. Raises `UserError` naming what differs in `spec`.

    Image size and batch may be left to choose, as they were at the beginning. workers and memory_gb may
    differ and are taken from `spec`: they change how images are read, not what is computed.
    """
    begun = run.spec
    begun = replace(begun, data=replace(begun.data, workers=spec.data.workers, memory_gb=spec.data.memory_gb))
    size, batch = spec.data.size or begun.data.size, spec.data.batch or begun.data.batch
    asked = flatten(to_plain(replace(spec, data=replace(spec.data, size=size, batch=batch))))
    before = flatten(to_plain(begun))
    differing = [
        f"{key} was {before.get(key)!r} and is now {asked.get(key)!r}"
        for key in {**before, **asked}
        if before.get(key) != asked.get(key)
    ]
    if differing:
        raise UserError(
            f"{run.folder} holds a run with another spec: {'; '.join(differing)}. Resume it with the spec it "
            "began with, or choose another folder"
        )
    return begun
