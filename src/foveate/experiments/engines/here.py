"""An engine that trains one job after the other in this process."""

from foveate.experiments.engines.engine import Job, News, Report
from foveate.training.run import Interrupted


class Here:
    """Trains in this process, so that Ctrl-C and errors reach it directly."""

    size = 1

    def __init__(self) -> None:
        self._next: tuple[Job, Report] | None = None

    def begin(self, job: Job, report: Report) -> None:
        self._next = job, report

    def news(self) -> list[News]:
        if self._next is None:
            return []
        job, report = self._next
        self._next = None
        try:
            job.run(report)
        except Interrupted:
            raise
        except Exception as error:
            return [News(job, "failed", error)]
        return [News(job, "done")]

    def stop(self) -> None:
        self._next = None
