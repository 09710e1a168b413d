"""Run a list of jobs on an engine: skip complete ones, repeat what failed, report what becomes of each."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from foveate.experiments.engines.engine import Engine, Job, News, Report
from foveate.loading.module import DataModule
from foveate.specs.run import RunSpec
from foveate.training.callbacks import ProgressEvent
from foveate.training.run import Interrupted, fit
from foveate.training.run_directory import Run

ATTEMPTS = 2
"""Times that a job is run that fails or is killed."""

LOSSES = 5
"""Times that a job is begun again because its machine was lost, which is not its own fault."""


@dataclass(frozen=True)
class TrainingJob:
    """A run to train.

    folder: its run directory. A run that was begun there is resumed, a complete one is kept. data: opened
    data, as in `fit`. trainer_flags: arguments of Lightning's Trainer. All must be picklable if several jobs
    are trained at once. splits: as in `fit`, for a job without data. processes: how many jobs run at once.
    """

    spec: RunSpec
    folder: Path
    data: DataModule | None = None
    trainer_flags: Mapping[str, Any] = field(default_factory=dict)
    log: Path | None = None
    splits: Mapping[str, Any] | None = None
    processes: int = 1

    @property
    def is_complete(self) -> bool:
        return Run(self.folder).is_complete

    def run(self, report: Report) -> None:
        if self.data is not None:
            self.data.check_shared_memory(self.processes)
        fit(self.spec, self.folder, True, (), self.trainer_flags, report, self.splits, self.data)

    def beside(self, processes: int) -> "TrainingJob":
        """Return the job with its share of the processes that read images, unless the user chose them."""
        data = self.data
        if data is None or data.spec.workers is not None or not data.workers:
            return replace(self, processes=processes)
        workers = max(1, data.workers // processes)
        data.spec = replace(data.spec, workers=workers)
        spec = replace(self.spec, data=replace(self.spec.data, workers=workers))
        return replace(self, spec=spec, processes=processes)

    def portable(self) -> "TrainingJob":
        """Return the job with paths that hold on every machine, and with the splits in place of the data."""
        splits = self.splits if self.data is None else self.data.dataset.split_table()
        return replace(
            self, spec=self.spec.everywhere(), folder=self.folder.absolute(), data=None, splits=splits
        )

    def again(self, error: Exception) -> "TrainingJob":
        return self


ReportProgress = Callable[[Any, ProgressEvent], None]
ReportFinished = Callable[[Any], None]
ReportFailed = Callable[[Any, Exception], None]


def run_jobs(
    jobs: Iterable[Job],
    engine: Engine,
    progress: ReportProgress | None = None,
    finished: ReportFinished | None = None,
    failed: ReportFailed | None = None,
    tick: Callable[[], None] | None = None,
    begun: Callable[[Any], None] | None = None,
) -> None:
    """Run the jobs that are not complete, in their order, as many at once as the engine takes.

    A job whose process is killed, or whose machine is lost, is begun again. If that happens too often, it has
    failed.

    Args:
        jobs: each with a folder of its own.
        engine: where they run.
        progress: called as jobs go on, by engines that hear of it.
        finished: called after each job that was run.
        failed: called with each job that failed twice and its last error; the others go on. Without it, the
            first error is raised, and the other jobs are stopped before.
        tick: called about once a second, or more often.
        begun: called with each job that is begun.

    Raises `Interrupted` on Ctrl-C, after the jobs under way were stopped; all can be resumed.
    """
    report, finish = progress or (lambda job, event: None), finished or (lambda job: None)
    waiting = deque(job for job in jobs if not job.is_complete)
    under_way: dict[Path, Job] = {}
    ends: dict[str, Counter[Path]] = {"failed": Counter(), "lost": Counter()}
    try:
        while waiting or under_way:
            while waiting and len(under_way) < engine.size:
                job = waiting.popleft()
                under_way[job.folder] = job
                if begun:
                    begun(job)
                engine.begin(job, lambda event, job=job: report(job, event))
            for news in engine.news():
                del under_way[news.job.folder]
                if news.error is None:
                    finish(news.job)
                elif _is_worth_another(news, ends, failed is not None):
                    waiting.appendleft(news.job.again(news.error))
                elif failed:
                    failed(news.job, news.error)
                else:
                    raise news.error
            if tick:
                tick()
    except BaseException as error:
        engine.stop()
        if isinstance(error, KeyboardInterrupt):
            folders = ", ".join(map(str, under_way))
            raise Interrupted(
                f"interrupted; the runs in {folders} can be resumed from the end of their last epoch"
            ) from error
        raise


def _is_worth_another(news: News, ends: Mapping[str, Counter[Path]], also_errors: bool) -> bool:
    """Count how a job ended; return whether to begin it again. also_errors: also one that raised."""
    if news.kind == "failed" and not also_errors:
        return False
    kind, most = ("lost", LOSSES) if news.kind == "lost" else ("failed", ATTEMPTS)
    ends[kind][news.job.folder] += 1
    return ends[kind][news.job.folder] < most
