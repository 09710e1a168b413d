"""Resume a run: with the spec that it began with, or a finished run for more epochs."""

from dataclasses import replace

import torch
from lightning import Trainer
from safetensors.torch import load_model as load_tensors

from foveate.errors import UserError
from foveate.files import write_whole
from foveate.plain import flatten, to_plain
from foveate.specs.data import resumed_classes
from foveate.specs.run import RunSpec
from foveate.training.recorder import Recorder
from foveate.training.run_directory import Run


def resumed_spec(spec: RunSpec, run: Run) -> RunSpec:
    """Return the spec that `run` goes on with: its own, or that of a finished run with more epochs.

    Raises `UserError` naming the fields in which `spec` differs otherwise. An image size or batch of None
    stands for the recorded one. workers and memory_gb may differ and are taken from `spec`: they change how
    images are read, not the result.
    """
    recorded = run.spec
    now, before = spec.training.epochs, recorded.training.epochs
    if now == before:
        return _same_spec(spec, run)
    original = _same_spec(replace(spec, training=replace(spec.training, epochs=before)), run)
    if now < before:
        raise UserError(
            f"{run.folder} holds a run of {before} epochs, and {now} are fewer; its schedule is laid out for "
            f"all of them. Resume it with --epochs {before}, or choose another folder"
        )
    if not run.is_complete:
        raise UserError(
            f"{run.folder} holds a run of {before} epochs that is not finished, and its schedule is laid out "
            f"for these. Resume it with --epochs {before}, and then again with --epochs {now}"
        )
    longer = replace(original.training, epochs=now)
    longer = replace(original, training=longer, after=run.result.epochs)
    _ = longer.part  # checks the milestones
    return longer


def continuation(spec: RunSpec, run: Run) -> str:
    """Return a sentence that tells how a finished run goes on for more epochs; "" for any other run."""
    if not run.is_complete or spec.training.epochs <= run.spec.training.epochs:
        return ""
    done = run.result
    return (
        f"{run.folder} goes on from epoch {done.epochs}, with its best weights (of epoch {done.best_epoch}) "
        f"and a new {spec.training.schedule} schedule over {spec.training.epochs - done.epochs} epochs."
    )


def begin_part(spec: RunSpec, run: Run) -> None:
    """Let a finished run go on with a longer spec: until its epochs are done, the run is not complete.

    The best weights are kept aside, because each better epoch replaces them. Writing the spec is the step
    that counts: a run that dies before it is still the finished one.
    """
    with write_whole(run.start_weights) as file:
        file.write(run.best_weights.read_bytes())
    run.last_checkpoint.unlink(missing_ok=True)
    run.write_spec(spec)


def start_part(trainer: Trainer, model: torch.nn.Module, recorder: Recorder, run: Run, after: int) -> None:
    """Set model, record and counters to the end of a run's earlier part of `after` epochs."""
    load_tensors(model, run.start_weights)
    recorder.take_up(run.metrics()[:after], run.result.best_epoch)
    loop = trainer.fit_loop
    for counted in ("ready", "started", "processed", "completed"):
        setattr(loop.epoch_progress.current, counted, after)
    steps = int(recorder.rows[-1]["step"])
    loop.epoch_loop.automatic_optimization.optim_progress.optimizer.step.total.completed = steps


def _same_spec(spec: RunSpec, run: Run) -> RunSpec:
    original = run.spec
    reading = {"workers": spec.data.workers, "memory_gb": spec.data.memory_gb}
    original = replace(original, data=replace(original.data, **reading))
    size, batch = spec.data.size or original.data.size, spec.data.batch or original.data.batch
    classes = resumed_classes(original.data, spec.data)
    data = replace(spec.data, size=size, batch=batch, classes=classes)
    given = replace(spec, data=data.settled, after=original.after)
    original = replace(original, data=original.data.settled)
    now, before = flatten(to_plain(given.everywhere())), flatten(to_plain(original.everywhere()))
    differing = [
        f"{key} was {before.get(key)!r} and is now {now.get(key)!r}"
        for key in {**before, **now}
        if before.get(key) != now.get(key)
    ]
    if differing:
        raise UserError(
            f"{run.folder} holds a run with another spec: {'; '.join(differing)}. Resume it with the spec it "
            "began with (a finished run may get more epochs), or choose another folder"
        )
    return original
