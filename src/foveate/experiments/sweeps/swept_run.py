"""A run of a sweep as a job: train, score, mark as finished."""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from foveate.errors import UserError
from foveate.evaluation.evaluate import evaluate
from foveate.experiments.engines.engine import KilledForMemory, Report
from foveate.experiments.openings import NEEDED_TRAVEL, read_openings
from foveate.experiments.sweeps.marker import mark, read_mark
from foveate.loading.module import DataModule
from foveate.models.checkpoints import load_model
from foveate.specs.run import RunSpec
from foveate.training.optimization import gate_travel
from foveate.training.run import fit
from foveate.training.run_directory import Run

_opened: dict[str, DataModule] = {}
"""The data that this process opened last, so that runs of the same data decode it once."""


@dataclass(frozen=True)
class SweptRun:
    """A run of a sweep.

    asked: its spec in the sweep, which names the folder. folder: its run directory. spec: the spec to train,
    with the encoder's weights that were found and paths that hold on every machine. trainer_flags: arguments
    of Lightning's Trainer. smaller_batches: whether a run that ends for want of memory is trained with half
    the batch. processes: how many jobs share this machine.
    """

    asked: RunSpec
    folder: Path
    spec: RunSpec
    trainer_flags: dict[str, Any] = field(default_factory=dict)
    smaller_batches: bool = False
    processes: int = 1

    @property
    def log(self) -> Path:
        return Run(self.folder).log_file

    @property
    def is_complete(self) -> bool:
        """Whether the run is marked as finished; one that is not as it was left is to be run, which tells."""
        try:
            return read_mark(self.folder, self.asked) is not None
        except UserError:
            return False

    def run(self, report: Report) -> None:
        """Train from the end of the last epoch, score the best weights, and mark the run as finished.

        Raises `UserError` for a run directory that was edited or is another version's, and `KilledForMemory`
        if the GPU has too little memory.
        """
        if read_mark(self.folder, self.asked) is not None:
            return
        spec = self._continued()
        data = _open(spec)
        if data.workers and spec.data.workers is None:  # of the processes that read images, its share
            workers = max(1, data.workers // self.processes)
            spec = replace(spec, data=replace(spec.data, workers=workers))
            data.spec = replace(data.spec, workers=workers)
        try:
            fit(spec, self.folder, True, (), self.trainer_flags, report, data=data)
            evaluate(self.folder, opened=data)
        except torch.OutOfMemoryError as error:
            free, total = torch.cuda.mem_get_info()
            raise KilledForMemory(
                f"{self.folder}: the GPU has too little memory ({total / 1e9:.1f} GB, of which "
                f"{free / 1e9:.1f} GB were free); train with a smaller batch. Finished epochs are kept"
            ) from error
        parameters = sum(parameter.numel() for parameter in load_model(self.folder).parameters())
        Run(self.folder).last_checkpoint.unlink(missing_ok=True)
        mark(self.folder, self.asked, parameters, data, _is_tested(spec, self.folder, data))

    def beside(self, processes: int) -> "SweptRun":
        return replace(self, processes=processes)

    def portable(self) -> "SweptRun":
        return replace(self, spec=self.spec.everywhere(), folder=self.folder.absolute())

    def again(self, error: Exception) -> "SweptRun":
        """Return the run with half the batch after an end for want of memory, if that was allowed."""
        if not (self.smaller_batches and isinstance(error, KilledForMemory)):
            return self
        batch = self._continued().data.batch or 1
        if batch == 1:
            return self
        self._leave_epochs()
        return replace(self, spec=_with_batch(self.spec, batch // 2))

    def _continued(self) -> RunSpec:
        """Return the spec with the smaller batch that the run in the folder was begun with, if it was."""
        if not (self.smaller_batches and Run(self.folder).spec_file.is_file()):
            return self.spec
        begun = Run(self.folder).spec.data.batch or 1
        return _with_batch(self.spec, min(begun, self.spec.data.batch or begun))

    def _leave_epochs(self) -> None:
        """Remove what epochs with a larger batch have left: they cannot go on with a smaller one."""
        run = Run(self.folder)
        for path in (run.last_checkpoint, run.metrics_file, run.best_weights, run.spec_file):
            path.unlink(missing_ok=True)


def _is_tested(spec: RunSpec, folder: Path, data: DataModule) -> bool:
    """Return whether the run was long enough for the gates of its attention, if it has any, to open."""
    steps = spec.training.epochs * math.ceil(len(data.dataset.index("train")) / data.batch)
    if gate_travel(steps, spec.training, published=spec.model.gate == "none") >= NEEDED_TRAVEL:
        return True
    points = read_openings(Run(folder), spec.model.arm, spec.seed)
    return not points or any(math.isnan(point.gate) for point in points)


def _with_batch(spec: RunSpec, batch: int) -> RunSpec:
    return replace(spec, data=replace(spec.data, batch=batch))


def _open(spec: RunSpec) -> DataModule:
    """Return the data of a run; images that the run before has decoded are kept."""
    kept = _opened.get("data")
    if kept is not None:
        kept.spec = replace(kept.spec, workers=spec.data.workers)
        kept = kept.augmented_as(spec.data)
    if kept is not None and kept.serves(spec.data, None):
        return kept
    if kept is not None and spec.data.fold and kept.serves(replace(spec.data, fold=kept.spec.fold), None):
        data = kept.in_fold(spec.data.fold)
    else:
        _opened.clear()
        data = DataModule(spec.data, spec.seed, spec.training.epochs)
        data.setup()
    _opened["data"] = data
    return data
