"""`fit`: train a run from its spec and write its run directory."""

import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lightning import Callback, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only

from foveate.errors import UserError
from foveate.files import folder_lock
from foveate.loading.module import DataModule
from foveate.loading.workers import dead_workers_told
from foveate.models.create import resolve_encoder
from foveate.specs.run import RunSpec
from foveate.specs.training import TrainingSpec
from foveate.training.averaging import WeightAverage
from foveate.training.batches import Batches
from foveate.training.build import build_task
from foveate.training.callbacks import FiniteLoss, Progress, ProgressEvent, SeedEachEpoch
from foveate.training.checkpoint_file import CheckpointFile
from foveate.training.environment import describe_environment, device_kind, lightning_precision
from foveate.training.quiet import quiet_lightning
from foveate.training.recorder import Recorder
from foveate.training.resuming import begin_part, resumed_spec, start_part
from foveate.training.run_directory import Run, RunResult, claim, release
from foveate.training.task import Task


class Interrupted(UserError):
    """Training was stopped by Ctrl-C. The run can be resumed from the end of its last epoch."""


def fit(
    spec: RunSpec,
    out: str | Path,
    resume: bool = False,
    callbacks: Sequence[Callback] = (),
    trainer_flags: Mapping[str, Any] | None = None,
    progress: Callable[[ProgressEvent], None] | None = None,
    splits: Mapping[str, Sequence[str]] | None = None,
    data: DataModule | None = None,
) -> RunResult:
    """Train the model of `spec` and write a run directory (see `run_directory`) to `out`.

    Args:
        resume: continue the run in `out` from the end of its last finished epoch. Start it if there is none;
            return its result if it is complete. If `spec` has more epochs than a complete run, go on from its
            best weights with a new schedule over the epochs that are left. On a CPU with the same number of
            threads, the weights equal those of an undisturbed run bit for bit.
        callbacks: additional Lightning callbacks.
        trainer_flags: additional arguments of Lightning's Trainer, such as accelerator, devices, strategy.
        progress: called after each training step and each validation.
        splits: the stems of train, val and test, as `Dataset.split_table()` returns them. A resumed run keeps
            its own.
        data: opened data. If it fits `spec.data` and the splits, no image is decoded again.

    `spec.seed` fixes the host's weights (drawn before attention is attached: all arms begin alike), the order
    of the images, their augmentation, and dropout. Results in bf16 and float32, or with different numbers of
    threads, differ by rounding.

    Raises `UserError` for an unusable folder, wrong data or names, and a full disk; `LossNotFinite`; and
    `Interrupted` on Ctrl-C.
    """
    run, flags = Run(out), dict(trainer_flags or {})
    if resume and run.spec_file.is_file():
        spec = replace(spec, model=spec.model.continuing(run.spec.model))
    spec = replace(spec, model=resolve_encoder(spec.model))
    device = device_kind(flags.get("accelerator", "auto"))
    precision = flags.pop("precision", None) or lightning_precision(spec.training.precision, device)
    created = claim(run.folder, resume) if rank_zero_only.rank == 0 else []
    if resume and run.spec_file.is_file():
        recorded, spec = run.spec, resumed_spec(spec, run)
        splits = run.splits
        if run.is_complete and spec.after == recorded.after:
            return run.result
    try:
        data = data and data.augmented_as(spec.data)
        if data is None or not data.serves(spec.data, splits):
            data = DataModule(spec.data, spec.seed, epochs=spec.training.epochs, splits=splits)
        data = data.reseeded(spec.seed, spec.training.epochs)
        chosen = {"size": data.size, "batch": data.batch, "classes": data.spec.classes}
        spec = replace(spec, data=replace(spec.data, **chosen))
        task = build_task(spec, data)
        if data.in_memory or rank_zero_only.rank == 0:
            data.decode()
    except BaseException:
        release(created)
        raise
    with folder_lock(run.folder) if rank_zero_only.rank == 0 else nullcontext():
        if rank_zero_only.rank == 0:
            run.write_splits(data.dataset.split_table())
            earlier = run.environment if run.environment_file.is_file() else {}
            read = {"data": earlier.get("data") or data.dataset.describe()}  # how it was split at first
            run.write_environment({**describe_environment(device, precision), **read})
            if run.is_complete:
                begin_part(spec, run)
            run.write_spec(spec)
        average = WeightAverage(task.model, spec.training.ema) if spec.training.ema else None
        recorder = Recorder(run, task.model, spec.training, task.score_name, average, spec.after)
        averaging = [average] if average else []
        run_callbacks = [SeedEachEpoch(spec.seed), FiniteLoss(run), *averaging, *callbacks]
        if progress:
            run_callbacks.append(Progress(progress, task.score_name))
        run_callbacks.append(recorder)
        with quiet_lightning():
            trainer = Trainer(**_trainer_arguments(spec.training, run, precision, run_callbacks, flags))
            if spec.after and not run.last_checkpoint.exists():
                start_part(trainer, task.model, recorder, run, spec.after)
            _train(trainer, task, data, run)
        if trainer.is_global_zero:
            run.write_result(recorder.result)
            run.start_weights.unlink(missing_ok=True)
        return recorder.result


def _trainer_arguments(
    spec: TrainingSpec, run: Run, precision: str, callbacks: list[Callback], flags: dict[str, Any]
) -> dict[str, Any]:
    return {
        "devices": 1,
        "max_epochs": spec.epochs,
        "check_val_every_n_epoch": spec.validate_every,
        "precision": precision,
        "logger": _logger(run),
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        "use_distributed_sampler": False,
        **flags,
        "callbacks": callbacks,
        "plugins": [*flags.get("plugins", ()), CheckpointFile()],
    }


def _logger(run: Run) -> TensorBoardLogger | bool:
    """Return a logger for TensorBoard's event files, or False if TensorBoard is not installed."""
    return TensorBoardLogger(run.folder, name="", version="tb") if find_spec("tensorboard") else False


def _train(trainer: Trainer, task: Task, data: DataModule, run: Run) -> None:
    handler = signal.getsignal(signal.SIGINT)
    last = run.last_checkpoint if run.last_checkpoint.exists() else None
    try:
        with dead_workers_told():
            trainer.fit(task, datamodule=Batches(data), ckpt_path=last, weights_only=True)
    except (KeyboardInterrupt, SystemExit) as error:
        # Lightning turns Ctrl-C into sys.exit and leaves the signal ignored.
        if not trainer.interrupted:
            raise
        raise Interrupted(
            f"interrupted in epoch {trainer.current_epoch + 1} of {trainer.max_epochs}; resume the run in "
            f"{run.folder} to go on from the end of epoch {trainer.current_epoch}"
        ) from error
    except UserError as error:
        raise _without_worker_traceback(error) from error
    finally:
        if handler is not None and signal.getsignal(signal.SIGINT) is not handler:
            signal.signal(signal.SIGINT, handler)


def _without_worker_traceback(error: UserError) -> UserError:
    """Strip the traceback that PyTorch puts before the message of an error in a loader's worker."""
    text = str(error)
    if not text.startswith("Caught "):
        return error
    return type(error)(text.rstrip().rpartition(f"{type(error).__name__}: ")[2])
