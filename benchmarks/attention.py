"""Every attention against its naive form as the map grows: time, memory, and what bounds them.

    python benchmarks/attention.py [--mechanisms smooth cbam] [--sides 28 56 112 224] [--channels 64]
                                   [--rounds 7] [--threads 2] [--clock wall] [--limit-gb 8] [--limit-s 60]
                                   [--out FOLDER]

Maps are square, batch 1, float32, standard normal; modules have their default options, weights away from
their start, and normalise as in evaluation. Naive forms are the tests' (tests/attention/naive*.py), the
equations with every matrix held. `afma` refines the logits of whole images and has benchmarks/afma.py.

Every figure comes from a process of its own, forked from one that has computed nothing (Linux). Time: forward
and backward, both forms in turn within each round, after a pass of each that warms up; three rounds where a
round takes seconds. Memory: by how much one pass raises the peak of resident memory, after a small pass and a
product of matrices, so that what libraries set up once is there; the map itself is not counted. Before a
size is tried, time and memory are foretold from the smaller ones as a n + b n^2 of n positions; what would
exceed a limit is left out, and the table says what it would need. Beside every mechanism and size stands what
bounds it (benchmarks/bounds.py), with the rates of the machine in the same process.

With `--out` the figures are in FOLDER/attention.json as they come, and a later run of the same setting goes
on from there. At the end FOLDER/attention.svg is drawn and the tables are put into FOLDER/attention.md, where
it exists, between its two comments. For a first look: `--sides 8 16 --rounds 3`.
"""

import argparse
import ctypes
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from attention_page import draw, lines
from bounds import rates, work
from measuring import CLOCKS, apart, forget_peak, machine, put, resident_megabytes, said, save, spread

sys.path.insert(0, str(Path(__file__).parents[1]))
CASES = {case.name: case for case in import_module("tests.attention.cases").first_of_each}
TINY, SMALL = 4, 12
"""The map of what a pass costs before it computes anything; the one that loads the code of larger maps."""
LEAST_ROUNDS, SECONDS = 3, 15.0
"""The fewest rounds, and the seconds in which there are more."""

Clock = Callable[[], float]
Form = Callable[[torch.Tensor], torch.Tensor]
Row = dict[str, Any]


def forms(name: str, channels: int) -> dict[str, Form]:
    """Both forms of a mechanism, with the same weights."""
    module = replace(CASES[name], options={}).create(channels).eval()
    return {"ours": module, "naive": partial(CASES[name].naive, module)}


def feature(side: int, options: argparse.Namespace) -> torch.Tensor:
    """A new map with the same values."""
    random = torch.Generator().manual_seed(1)
    return torch.randn(1, options.channels, side, side, generator=random).requires_grad_()


def one_pass(form: Form, x: torch.Tensor, clock: Clock) -> tuple[float, float]:
    """Seconds of the forward and of the backward pass."""
    start = clock()
    y = form(x).sum()
    middle = clock()
    y.backward()
    return middle - start, clock() - middle


def weigh(name: str, form: str, side: int, options: argparse.Namespace) -> Row:
    """By how many megabytes the first pass of a process raises the peak, the map aside, and its seconds."""
    call, x = forms(name, options.channels)[form], feature(side, options)
    torch.randn(512, 512) @ torch.randn(512, 512)
    one_pass(call, feature(SMALL, options), time.perf_counter)
    ctypes.CDLL(None).malloc_trim(0)
    before = forget_peak()
    seconds = sum(one_pass(call, x, CLOCKS[options.clock]))
    return {"growth_mb": max(0.0, resident_megabytes("VmHWM") - before), "once_s": seconds}


def clocked(name: str, running: list[str], side: int, rounds: int, options: argparse.Namespace) -> list[Row]:
    """Times of the forms that run at this size; of ours the work and the machine's rates as well."""
    clock, both = CLOCKS[options.clock], forms(name, options.channels)
    rows: list[Row] = [{"form": form} for form in running]
    for row in rows:
        run = partial(one_pass, both[row["form"]], feature(side, options), clock)
        if row["form"] == "ours":
            tiny = [sum(one_pass(both["ours"], feature(TINY, options), clock)) for _ in range(9)]
            row |= {"work": work(run), "rates": rates(side, options.channels, clock)}
            row["calls_s"] = spread(tiny[2:])["median_s"]
        else:
            run()
    taken: dict[str, list[tuple[float, float]]] = {form: [] for form in running}
    for _ in range(rounds):
        for form in running:
            taken[form].append(one_pass(both[form], feature(side, options), clock))
    for row in rows:
        forward, backward = zip(*taken[row["form"]], strict=True)
        row |= {"forward_s": spread(forward)["median_s"], "backward_s": spread(backward)["median_s"]}
        row |= spread([sum(pair) for pair in taken[row["form"]]]) | {"rounds": rounds}
    return rows


def foretold(rows: list[Row], key: str, side: int) -> float:
    """What a form would take at `side`: a n + b n^2 through its two largest sizes, or n^2 after one alone."""
    each = [(row["side"] ** 2, row[key] / row["side"] ** 2) for row in rows[-2:]]
    (few, less), (many, more) = each if len(each) == 2 else ((0, 0.0), *each)
    square = max(0.0, more - less) / (many - few)
    line = max(0.0, more - square * many)
    return line * side**2 + square * side**4


def measure(name: str, side: int, before: list[Row], options: argparse.Namespace) -> list[Row]:
    """Both forms at one size; `before` are the rows of this mechanism at smaller ones."""
    found: dict[str, Row] = {
        form: {"mechanism": name, "side": side, "form": form} for form in ("ours", "naive")
    }
    alone = partial(apart, threads=options.threads)
    for form, row in found.items():
        if smaller := [r for r in before if r["form"] == form and "median_s" in r]:
            row |= {f"foretold_{key}": foretold(smaller, key, side) for key in ("growth_mb", "median_s")}
        too_large = row.get("foretold_growth_mb", 0) > 1e3 * options.limit_gb
        if not too_large and row.get("foretold_median_s", 0) <= options.limit_s:
            row |= alone(weigh, name, form, side, options) or {}
    running = [form for form, row in found.items() if "once_s" in row]
    round_s = sum(found[form]["once_s"] for form in running)
    rounds = max(LEAST_ROUNDS, min(options.rounds, int(SECONDS / max(round_s, 1e-9))))
    for row in alone(clocked, name, running, side, rounds, options) or []:
        found[row["form"]] |= row
    return list(found.values())


def in_order(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row["mechanism"], row["side"]))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = sorted(CASES.keys() - {"placebo"})
    parser.add_argument("--mechanisms", nargs="+", choices=known, default=known, metavar="NAME")
    parser.add_argument("--sides", type=int, nargs="+", default=[28, 56, 112, 224], help="positions a side")
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7, help="timed passes, at least 3")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: the processor's seconds")
    parser.add_argument("--limit-gb", type=float, default=8.0, help="what would take more memory is left out")
    parser.add_argument("--limit-s", type=float, default=60.0, help="a pass that would take longer, too")
    parser.add_argument("--out", type=Path, help="a folder for attention.json, attention.svg, attention.md")
    options = parser.parse_args()

    setting = machine(options.threads) | {
        name: getattr(options, name) for name in ("clock", "rounds", "channels", "limit_gb", "limit_s")
    }
    rows: list[Row] = []
    file = options.out / "attention.json" if options.out else None
    if file and file.exists():
        found = json.loads(file.read_text(encoding="utf-8"))
        if found["setting"] != setting:
            parser.error(f"{file} is of another setting ({said(found['setting'])}); move it away first")
        rows = found["rows"]
        print(f"{file}: {len(rows)} rows are there already; delete it to measure anew")
    elif options.out:
        options.out.mkdir(parents=True, exist_ok=True)
    there = {(row["mechanism"], row["side"]) for row in rows}
    for name in options.mechanisms:
        for side in sorted(set(options.sides)):
            if (name, side) in there:
                continue
            smaller = [row for row in in_order(rows) if row["mechanism"] == name and row["side"] < side]
            start = time.perf_counter()
            rows += measure(name, side, smaller, options)
            print(f"{name} {side}: {time.perf_counter() - start:.1f} s", flush=True)
            if file:
                save(file, {"setting": setting, "rows": rows})

    rows = in_order(rows)
    page = lines(setting, rows)
    print("\n".join(page))
    if options.out:
        draw(rows, said(setting), options.out / "attention.svg")
        if (options.out / "attention.md").exists():
            put(options.out / "attention.md", "benchmarks/attention.py", page)


if __name__ == "__main__":
    main()
