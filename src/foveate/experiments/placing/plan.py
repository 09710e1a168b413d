"""Plan a search for places: open the data, find the candidates, and measure how slow each makes the host."""

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from foveate.errors import UserError
from foveate.evaluation.cost import noise_image
from foveate.evaluation.slowdown import Slowdown, slowdown
from foveate.experiments.arms import plan_arms
from foveate.experiments.placing.candidates import Candidate, LeftOut, find_candidates, own_mechanisms
from foveate.experiments.plan import Plan, check_one_device
from foveate.files import write_whole
from foveate.loading.module import DataModule
from foveate.models.attaching.attach import attach, detach
from foveate.models.create import resolve_encoder
from foveate.models.host import Host
from foveate.plain import flatten, from_json, to_json, to_plain
from foveate.specs.comparison import ComparisonSpec
from foveate.specs.placement import PlacementSpec
from foveate.specs.run import READING
from foveate.training.build import build_task
from foveate.training.environment import device_kind
from foveate.training.run_directory import Run

SPEC, LATENCY = "placement.yaml", "latency.json"
"""Files of a search: what was asked for, and how slow each candidate makes the host."""

Count = Callable[[int, int], None]
"""Called with the number of finished items, and of all."""


@dataclass(frozen=True)
class PlacementPlan:
    """A search that is ready to start.

    data: set up, in the one split of all seeds. candidates: within the latency budget. too_slow: the others.
    left_out: arms that cannot be attached. slowdowns: the latency of each, in latencies of the bare host.
    trainer_flags: arguments of Lightning's Trainer.
    """

    spec: PlacementSpec
    data: DataModule
    candidates: tuple[Candidate, ...]
    too_slow: tuple[Candidate, ...]
    left_out: tuple[LeftOut, ...]
    slowdowns: dict[str, Slowdown]
    trainer_flags: Mapping[str, Any] = field(default_factory=dict)

    @property
    def device(self) -> str:
        """Where scores and latencies are computed."""
        return device_kind(self.trainer_flags.get("accelerator", "auto"))

    @property
    def steps_per_epoch(self) -> int:
        return -(-len(self.data.dataset.index("train")) // self.data.batch)

    def comparison(self, spec: ComparisonSpec) -> Plan:
        """Return the plan of a comparison of candidates on this data."""

        def build(arm: str) -> torch.nn.Module:
            return build_task(spec.run(arm, spec.first_seed), self.data).model

        return Plan(spec, self.data, plan_arms(spec.arms, spec.placebo, build), self.trainer_flags)

    def trials(self, spec: ComparisonSpec) -> Plan:
        """Return the plan of the runs of a round; its arms were built before, and have no placebos."""
        arms = plan_arms(spec.arms, False, lambda arm: torch.nn.Identity())
        return Plan(spec, self.data, arms, self.trainer_flags)

    def save(self, out: Path) -> None:
        """Record what was asked for, the splits, and what was measured."""
        self.spec.save(out / SPEC)
        Run(out).write_splits(self.data.dataset.split_table())
        with write_whole(out / LATENCY, "w") as file:
            json.dump(to_json(self.slowdowns), file, indent=1)


def make_placement_plan(
    spec: PlacementSpec,
    out: Path | None = None,
    trainer_flags: Mapping[str, Any] | None = None,
    progress: Count = lambda done, total: None,
) -> PlacementPlan:
    """Open the data, find and time the candidates, and read every image once. Nothing is written.

    A search that was begun in `out` keeps its splits and what it has measured. progress: called after each
    candidate that was timed.

    Raises `UserError` for invalid data, hosts, mechanisms and places, several devices, validation images that
    are also the test images, an `out` with another search, a host with attention of its own unless
    `spec.beside_own`, and if no candidate fits the budget.
    """
    flags = dict(trainer_flags or {})
    check_one_device(flags.get("devices", 1))
    begun = out if out is not None and (out / SPEC).is_file() else None
    if begun:
        spec = replace(spec, model=spec.model.continuing(PlacementSpec.load(begun / SPEC).model))
    spec = replace(spec, model=resolve_encoder(spec.model))
    if begun:
        _check_continues(spec, begun)
    run = spec.host()
    data = DataModule(run.data, spec.first_seed, run.training.epochs, Run(begun).splits if begun else None)
    data.setup()
    _check_unseen(data)
    host = build_task(run, data).model
    if not spec.beside_own and (own := own_mechanisms(host)):
        raise UserError(
            f"the host {spec.model.host} has attention of its own ({own}), so the search would tell what "
            "more of it adds there. Choose a host without, or search all the same with --beside-own "
            "(beside_own)"
        )
    found, left_out = find_candidates(host, spec.mechanisms, spec.places)
    if not found:
        reasons = "; ".join(f"{one.arm}: {one.why}" for one in left_out) or "it sits at the logits alone"
        raise UserError(
            f"there is no place for {', '.join(map(str, spec.mechanisms))} among those that are searched "
            f"({reasons})"
        )
    times = _recorded(begun) if begun else {}
    image = noise_image(data.dataset.channels, data.size, device_kind(flags.get("accelerator", "auto")))
    failed = _time(host, found, image, spec.latency_budget, times, progress)
    left_out, found = (*left_out, *failed), tuple(one for one in found if one.arm in times)
    within = tuple(one for one in found if _fits(times[one.arm], spec.latency_budget))
    if not within:
        raise UserError(_none_fits(spec.latency_budget, times) if times else failed[0].why)
    data.decode()
    beyond = tuple(one for one in found if one not in within)
    return PlacementPlan(spec, data, within, beyond, left_out, times, flags)


def _check_unseen(data: DataModule) -> None:
    """Raise `UserError` if the rounds would see the images that the final comparison tests on."""
    splits = data.dataset.split_table()
    if splits["val"] == splits["test"]:
        raise UserError(
            f"{data.spec.source}: the validation images are the test images, too, so candidates would be "
            "chosen by the images that the final comparison tests them on. Leave --split and "
            "--no-val-from-train out, or give three shares, such as --split 70/15/15"
        )


def _time(
    host: Host,
    candidates: Sequence[Candidate],
    image: Tensor,
    budget: float | None,
    times: dict[str, Slowdown],
    progress: Count,
) -> list[LeftOut]:
    """Time the candidates that are not in `times` beside the bare host, and add them; return those that fail.

    All are attached to the same weights, one after the other.
    """
    bare, host = copy.deepcopy(host).to(image.device), host.to(image.device)
    failed = []
    for done, candidate in enumerate(candidates, start=1):
        try:
            if candidate.arm not in times:
                attach(host, candidate.arm)
                times[candidate.arm] = slowdown(host, bare, image, budget)
        except (RuntimeError, MemoryError, UserError) as error:
            height, width = image.shape[-2:]
            failed.append(LeftOut(candidate.arm, f"fails on an image of {height}x{width}: {error}"))
        finally:
            detach(host)
        progress(done, len(candidates))
    return failed


def _fits(found: Slowdown, budget: float | None) -> bool:
    return budget is None or found.ratio <= budget


def _none_fits(budget: float | None, times: Mapping[str, Slowdown]) -> str:
    fastest = sorted(times, key=lambda arm: times[arm].ratio)[:3]
    named = ", ".join(f"{arm} at {slowdown_words(times[arm])}" for arm in fastest)
    return (
        f"latency_budget: no candidate is within {budget:g} times the latency of the bare host; the fastest "
        f"are {named}. Give a larger --latency-budget, other mechanisms or other places"
    )


def slowdown_words(found: Slowdown) -> str:
    """Return a latency in latencies of the host, with its interval.

    >>> slowdown_words(Slowdown(1.078, 1.041, 1.132, 15))
    '1.08 (1.04 to 1.13)'
    """
    return f"{found.ratio:.2f} ({found.low:.2f} to {found.high:.2f})"


def _recorded(out: Path) -> dict[str, Slowdown]:
    try:
        return from_json(dict[str, Slowdown], json.loads((out / LATENCY).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _check_continues(spec: PlacementSpec, out: Path) -> None:
    """Raise `UserError` with all differences if the search in `out` was begun with another spec."""
    before, now = (flatten(to_plain(one)) for one in (PlacementSpec.load(out / SPEC), spec))
    absent = "not set"
    changed = [
        f"{key}: {before.get(key, absent)}, now {now.get(key, absent)}"
        for key in dict.fromkeys([*before, *now])
        if before.get(key, absent) != now.get(key, absent) and key not in READING
    ]
    if changed:
        raise UserError(
            f"{out} holds a search with another spec ({'; '.join(changed)}); continue it with its own spec, "
            "or choose another folder"
        )
