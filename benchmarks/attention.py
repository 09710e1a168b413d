"""Measure every attention and its naive form as the map grows: time, memory, and what limits the speed.

    python benchmarks/attention.py [--mechanisms smooth cbam] [--sides 28 56 112 224] [--channels 64]
                                   [--rounds 7] [--threads 2] [--clock wall] [--limit-gb 8] [--limit-s 60]
                                   [--out FOLDER]

Maps are square, batch 1, float32, standard normal. Modules have default options and random weights, in
evaluation mode. Naive forms are those of the tests (tests/attention/naive*.py): the equations, with every
matrix stored. `afma` refines the logits of whole images and is measured by benchmarks/afma.py.

Each figure comes from a new process, forked from one that has computed nothing (Linux only).

- Time: forward and backward. Both forms take turns in each round, after a warm-up pass of each. If one round
  takes seconds, there are fewer rounds, at least three.
- Memory: the rise of peak resident memory in one pass. A small pass and a matrix product run first, so that
  memory that libraries allocate once is not counted. The map itself is not counted either.
- Large sizes: time and memory are predicted from smaller sizes as a n + b n^2 for n positions. A form that
  would exceed a limit is left out, and the table gives the predicted cost.
- What limits the speed: see benchmarks/bounds.py. The machine's rates are measured in the same process.

With `--out`, results are saved to FOLDER/attention.json as they arrive, and a later run with the same
settings continues from them. At the end, FOLDER/attention.svg is drawn. If FOLDER/attention.md exists, the
tables between its two comments are replaced. Quick try: `--sides 8 16 --rounds 3`.
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
from bounds import count_work, measure_rates
from measuring import (
    CLOCKS,
    machine,
    replace_section,
    reset_peak,
    resident_megabytes,
    run_in_process,
    save,
    setting_line,
    spread,
)

sys.path.insert(0, str(Path(__file__).parents[1]))
CASES = {case.name: case for case in import_module("tests.attention.cases").first_of_each}
TINY, SMALL = 4, 12
"""Sides of two maps: TINY measures the overhead of a pass, SMALL makes libraries load their code."""
LEAST_ROUNDS, SECONDS = 3, 15.0
"""The fewest rounds, and the seconds that all rounds together may take if there are more."""

Clock = Callable[[], float]
Form = Callable[[torch.Tensor], torch.Tensor]
Row = dict[str, Any]


def forms(name: str, channels: int) -> dict[str, Form]:
    """Return our form and the naive form of a mechanism, with the same weights."""
    module = replace(CASES[name], options={}).create(channels).eval()
    return {"ours": module, "naive": partial(CASES[name].naive, module)}


def feature(side: int, options: argparse.Namespace) -> torch.Tensor:
    """Return a new map; its values are the same in each call."""
    random = torch.Generator().manual_seed(1)
    return torch.randn(1, options.channels, side, side, generator=random).requires_grad_()


def time_pass(form: Form, x: torch.Tensor, clock: Clock) -> tuple[float, float]:
    """Return the seconds of the forward and of the backward pass."""
    start = clock()
    y = form(x).sum()
    middle = clock()
    y.backward()
    return middle - start, clock() - middle


def memory_and_first_pass(name: str, form: str, side: int, options: argparse.Namespace) -> Row:
    """Return the growth of peak memory in the first full pass, without the map (MB), and its seconds."""
    call, x = forms(name, options.channels)[form], feature(side, options)
    torch.randn(512, 512) @ torch.randn(512, 512)
    time_pass(call, feature(SMALL, options), time.perf_counter)
    ctypes.CDLL(None).malloc_trim(0)
    before = reset_peak()
    seconds = sum(time_pass(call, x, CLOCKS[options.clock]))
    return {"growth_mb": max(0.0, resident_megabytes("VmHWM") - before), "once_s": seconds}


def measure_times(
    name: str, running: list[str], side: int, rounds: int, options: argparse.Namespace
) -> list[Row]:
    """Time the forms in `running`; for ours, also count the work and measure the machine's rates."""
    clock, both = CLOCKS[options.clock], forms(name, options.channels)
    rows: list[Row] = [{"form": form} for form in running]
    for row in rows:
        run = partial(time_pass, both[row["form"]], feature(side, options), clock)
        if row["form"] == "ours":
            tiny = [sum(time_pass(both["ours"], feature(TINY, options), clock)) for _ in range(9)]
            row |= {"work": count_work(run), "rates": measure_rates(side, options.channels, clock)}
            row["calls_s"] = spread(tiny[2:])["median_s"]
        else:
            run()
    times: dict[str, list[tuple[float, float]]] = {form: [] for form in running}
    for _ in range(rounds):
        for form in running:
            times[form].append(time_pass(both[form], feature(side, options), clock))
    for row in rows:
        forward, backward = zip(*times[row["form"]], strict=True)
        row |= {"forward_s": spread(forward)["median_s"], "backward_s": spread(backward)["median_s"]}
        row |= spread([sum(pair) for pair in times[row["form"]]]) | {"rounds": rounds}
    return rows


def predict_cost(rows: list[Row], key: str, side: int) -> float:
    """Predict a cost at `side` as a n + b n^2 through the two largest sizes, or as b n^2 from one size."""
    each = [(row["side"] ** 2, row[key] / row["side"] ** 2) for row in rows[-2:]]
    (few, less), (many, more) = each if len(each) == 2 else ((0, 0.0), *each)
    square = max(0.0, more - less) / (many - few)
    line = max(0.0, more - square * many)
    return line * side**2 + square * side**4


def measure(name: str, side: int, before: list[Row], options: argparse.Namespace) -> list[Row]:
    """Measure both forms at one size; `before` holds the rows of this mechanism at smaller sizes."""
    by_form: dict[str, Row] = {
        form: {"mechanism": name, "side": side, "form": form} for form in ("ours", "naive")
    }
    in_process = partial(run_in_process, threads=options.threads)
    for form, row in by_form.items():
        if smaller := [r for r in before if r["form"] == form and "median_s" in r]:
            row |= {f"predicted_{key}": predict_cost(smaller, key, side) for key in ("growth_mb", "median_s")}
        too_large = row.get("predicted_growth_mb", 0) > 1e3 * options.limit_gb
        if not too_large and row.get("predicted_median_s", 0) <= options.limit_s:
            row |= in_process(memory_and_first_pass, name, form, side, options) or {}
    running = [form for form, row in by_form.items() if "once_s" in row]
    round_s = sum(by_form[form]["once_s"] for form in running)
    rounds = max(LEAST_ROUNDS, min(options.rounds, int(SECONDS / max(round_s, 1e-9))))
    for row in in_process(measure_times, name, running, side, rounds, options) or []:
        by_form[row["form"]] |= row
    return list(by_form.values())


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
        saved = json.loads(file.read_text(encoding="utf-8"))
        if saved["setting"] != setting:
            parser.error(f"{file} has other settings ({setting_line(saved['setting'])}); move it away first")
        rows = saved["rows"]
        print(f"{file}: {len(rows)} rows are already measured; delete the file to measure them again")
    elif options.out:
        options.out.mkdir(parents=True, exist_ok=True)
    measured = {(row["mechanism"], row["side"]) for row in rows}
    for name in options.mechanisms:
        for side in sorted(set(options.sides)):
            if (name, side) in measured:
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
        draw(rows, setting_line(setting), options.out / "attention.svg")
        if (options.out / "attention.md").exists():
            replace_section(options.out / "attention.md", "benchmarks/attention.py", page)


if __name__ == "__main__":
    main()
