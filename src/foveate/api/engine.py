"""Choose where the runs of a comparison or a sweep are trained."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from foveate.errors import UserError, choose

if TYPE_CHECKING:
    from foveate.experiments.engines.engine import OpenEngine

ENGINES = ("local", "ray")


@dataclass(frozen=True)
class EngineChoice:
    """Where runs are trained.

    Args:
        engine: local (this machine) or ray (a Ray cluster, which needs the extra ray).
        address: of the Ray cluster, such as 10.0.0.1:6379 or ray://head:10001; the cluster that this machine
            is in if not given.
        cpus: cores and threads of each run; with local its share of all, with ray 1 if not given.
        gpus: GPUs of each run on a Ray cluster; a part of one, such as 0.5, is shared.

    Raises `UserError` for an unknown engine, and for what the engine does not have.
    """

    engine: str = "local"
    address: str | None = None
    cpus: int | None = None
    gpus: float = 0.0

    def __post_init__(self):
        choose(self.engine, ENGINES, "engine")
        if self.address is not None and not self.is_cluster:
            raise UserError("--address: is of a Ray cluster; add --engine ray")
        if self.gpus and not self.is_cluster:
            raise UserError("--gpus: is for a Ray cluster; on this machine, --accelerator gpu takes the GPU")
        if self.cpus is not None and self.cpus < 1:
            raise UserError(f"--cpus: {self.cpus} is too few; a run needs at least 1")
        if self.gpus < 0:
            raise UserError(f"--gpus: {self.gpus:g} is below 0")

    @property
    def is_cluster(self) -> bool:
        """Whether runs are trained on other machines, which decide how many at once."""
        return self.engine == "ray"

    def check_answers(self) -> None:
        """Raise `UserError` if a cluster was chosen that does not answer, before anything is read."""
        if self.is_cluster:
            from foveate.experiments.engines.ray_address import answering_address

            answering_address(self.address)

    def opener(self, processes: bool = False) -> "OpenEngine":
        """Return what opens the engine for so many runs at once, 0 for as many as a cluster has room for.

        processes: whether also a single run gets a process of its own.
        """
        if self.is_cluster:
            from foveate.experiments.engines.ray_cluster import RayCluster

            return lambda jobs, out: RayCluster(self.address, self.cpus or 1, self.gpus, jobs or None)
        from foveate.experiments.engines.local import local_engine, local_processes

        return partial(local_processes, threads=self.cpus) if processes or self.cpus else local_engine
