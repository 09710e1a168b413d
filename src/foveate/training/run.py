"""`fit`: from a spec to a trained run directory."""

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
from foveate.models.create import resolve_encoder
from foveate.specs.run import RunSpec
from foveate.specs.training import TrainingSpec
from foveate.training.averaging import WeightAverage
from foveate.training.batches import Batches
from foveate.training.build import build_task
from foveate.training.callbacks import EpochSeed, FiniteLoss, Progress, ProgressEvent
from foveate.training.checkpoint_file import CheckpointFile
from foveate.training.environment import describe_environment, device_kind, lightning_precision
from foveate.training.quiet import quiet_lightning
from foveate.training.recorder import Recorder
from foveate.training.resuming import same_spec
from foveate.training.run_directory import Run, RunResult, claim, release
from foveate.training.task import Task


class Interrupted(UserError):
    """Ctrl-C: the run can be resumed from the end of its last epoch."""


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
    """Train as `spec` says and leave a run directory at `out`; see `Run` for what is in it.

    resume: go on from the end of the last epoch that a run with the same spec finished in `out`; start if
    there is none, and return at once if it is complete. On a CPU with as many threads the weights are, bit
    for bit, those of an undisturbed run. callbacks: further Lightning callbacks. trainer_flags: further
    arguments of Lightning's Trainer, such as accelerator, devices and strategy. progress: called after
    every step and every validation. splits: a recorded `Dataset.split_table()` to begin with; a run that
    goes on keeps its own. data: the data opened before; if it is what `spec.data` names, in these splits,
    nothing of it is decoded again.

    All that is drawn comes from `spec.seed`: the host's weights (before anything is attached, so that all
    arms begin with the same), the order of the images, their augmentation, and dropout. bf16 and 32 bits
    differ in the digits they keep, and so do different numbers of threads.

    Raises `UserError`: a folder that cannot be used, data or names that are wrong, a full disk; its
    subclasses `LossNotFinite` and `Interrupted` (Ctrl-C).
    """
    spec = replace(spec, model=resolve_encoder(spec.model))
    run, flags = Run(out), dict(trainer_flags or {})
    device = device_kind(flags.get("accelerator", "auto"))
    precision = flags.pop("precision", None) or lightning_precision(spec.training.precision, device)
    made = claim(run.folder, resume) if rank_zero_only.rank == 0 else []
    if resume and run.spec_file.is_file():
        spec = same_spec(spec, run)
        splits = run.splits
        if run.is_complete:
            return run.result
    try:
        if data is None or not data.serves(spec.data, splits):
            data = DataModule(spec.data, spec.seed, epochs=spec.training.epochs, splits=splits)
        data = data.reseeded(spec.seed, spec.training.epochs)
        spec = replace(spec, data=replace(spec.data, size=data.size, batch=data.batch))
        task = build_task(spec, data)
        if data.in_memory or rank_zero_only.rank == 0:
            data.decode()
    except BaseException:
        release(made)
        raise
    with folder_lock(run.folder) if rank_zero_only.rank == 0 else nullcontext():
        if rank_zero_only.rank == 0:
            run.write_splits(data.dataset.split_table())
            run.write_environment(describe_environment(device, precision))
            run.write_spec(spec)
        average = WeightAverage(task.model, spec.training.ema) if spec.training.ema else None
        recorder = Recorder(run, task.model, spec.training, task.score_name, average)
        watchers = [EpochSeed(spec.seed), FiniteLoss(run), *([average] if average else []), *callbacks]
        if progress:
            watchers.append(Progress(progress, task.score_name))
        with quiet_lightning():
            trainer = Trainer(
                **_trainer_arguments(spec.training, run, precision, [*watchers, recorder], flags)
            )
            _train(trainer, task, data, run)
        if trainer.is_global_zero:
            run.write_result(recorder.result)
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
    """TensorBoard's event files, where TensorBoard is installed."""
    return TensorBoardLogger(run.folder, name="", version="tb") if find_spec("tensorboard") else False


def _train(trainer: Trainer, task: Task, data: DataModule, run: Run) -> None:
    handler = signal.getsignal(signal.SIGINT)
    last = run.last_checkpoint if run.last_checkpoint.exists() else None
    try:
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
        raise _from_worker(error) from error
    finally:
        if handler is not None and signal.getsignal(signal.SIGINT) is not handler:
            signal.signal(signal.SIGINT, handler)


def _from_worker(error: UserError) -> UserError:
    """What a loader's worker raised, without the traceback that PyTorch puts before its words."""
    text = str(error)
    if not text.startswith("Caught "):
        return error
    return type(error)(text.rstrip().rpartition(f"{type(error).__name__}: ")[2])
