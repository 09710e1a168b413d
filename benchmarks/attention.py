"""Every attention against its naive form as the map grows: forward, backward, memory, and what bounds them.

    python benchmarks/attention.py [--mechanisms smooth cbam] [--sides 28 56 112 224] [--channels 64]
                                   [--rounds 5] [--threads 2] [--clock wall] [--limit-gb 8] [--limit-s 60]
                                   [--out FOLDER]

Maps are square, batch 1, float32, standard normal; modules have their default options, weights away from
their start, and normalise as in evaluation. Naive forms are the tests' (tests/attention/naive*.py), the
equations with every matrix held. `afma` refines the logits of whole images and has benchmarks/afma.py.

Time: both forms in turn within each round, after one pass that warms up; medians. Memory: by how much one
pass, forward and backward, raises the peak of resident memory (Linux). Before a size is tried, time and
memory are extrapolated from the smaller ones, at worst with the square of the positions; what would exceed a
limit is left out, and the table says so.

What bounds a mechanism: `power` p says that time grows as positions^p between the two largest sizes: 1 for
gates, 2 where all pairs are compared. `products` is the share of the time that the arithmetic of matrix
products and convolutions would take at the rate of a 2048 x 2048 matrix product, measured in the same run:
near 1 the mechanism is bound by arithmetic, and no other code for the same products can be much faster; near
0 it is bound by moving memory, by exponentials, or at small sizes by the calls themselves. `--out` writes
attention.json and attention.svg, in which the dotted line is the time at that rate.
"""

import argparse
import ctypes
import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from foveate.inspection.figures.style import BLUE, INK, VERMILION, plain, sheet
from measuring import CLOCKS, forget_peak, machine, resident_megabytes, spread

ROOT = Path(__file__).parents[1]
WARM_UP, WORST_POWER = 8, 2.0
Form = Callable[[torch.Tensor], torch.Tensor]
Row = dict[str, float | str]


def mechanisms(channels: int) -> dict[str, dict[str, Form]]:
    """Both forms of every mechanism that turns one map into another."""
    sys.path.insert(0, str(ROOT))
    cases = import_module("tests.attention.cases").first_of_each
    found = {}
    for case in sorted(cases, key=lambda case: case.name):
        if case.name != "placebo":
            module = replace(case, options={}).create(channels).eval()
            naive = case.naive
            found[case.name] = {"ours": module, "naive": lambda x, f=naive, m=module: f(m, x)}
    return found


def one_pass(form: Form, side: int, channels: int, clock: Callable[[], float]) -> tuple[float, float]:
    """Seconds of the forward and of the backward pass."""
    x = torch.randn(1, channels, side, side, generator=torch.Generator().manual_seed(1)).requires_grad_()
    start = clock()
    y = form(x).sum()
    middle = clock()
    y.backward()
    return middle - start, clock() - middle


def memory(form: Form, side: int, channels: int) -> float:
    """By how many megabytes one pass raises the peak; what was freed before is handed back first."""
    ctypes.CDLL(None).malloc_trim(0)
    before = forget_peak()
    one_pass(form, side, channels, time.perf_counter)
    return max(0.0, resident_megabytes("VmHWM") - before)


def floating_point_operations(form: Form, side: int, channels: int) -> int:
    """Of the products and convolutions in one pass; a multiplication and an addition are two."""
    with FlopCounterMode(display=False) as counter:
        one_pass(form, side, channels, time.perf_counter)
    return counter.get_total_flops()


def product_rate(clock: Callable[[], float], size: int = 2048, rounds: int = 7) -> float:
    """Operations a second of a float32 matrix product."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    taken = []
    for _ in range(rounds + 1):
        start = clock()
        a @ b
        taken.append(clock() - start)
    return 2 * size**3 / spread(taken[1:])["median_s"]


def power(rows: list[Row], key: str) -> float:
    """p, where `key` grows as positions^p between the last two sizes; the worst where there is one alone."""
    if len(rows) < 2:
        return WORST_POWER
    (a, b), (small, large) = ([row[name] for row in rows[-2:]] for name in (key, "side"))
    return math.log(max(b, 1e-9) / max(a, 1e-9)) / (2 * math.log(large / small))


def excess(rows: list[Row], side: int, limits: dict[str, float]) -> str:
    """What of a form that ran at the sizes of `rows` would exceed its limit at `side`; empty for nothing."""
    for key, limit in limits.items() if rows else ():
        growth = (side / rows[-1]["side"]) ** (2 * max(1.0, power(rows, key)))
        if (expected := rows[-1][key] * growth) > limit:
            unit, factor = ("GB", 1000) if key == "growth_mb" else ("s", 1)
            return f"left out: it would take about {expected / factor:,.1f} {unit}"
    return ""


def measure(forms: dict[str, Form], name: str, rate: float, options: argparse.Namespace) -> list[Row]:
    """All sizes of one mechanism."""
    clock, channels = CLOCKS[options.clock], options.channels
    limits = {"growth_mb": 1000 * options.limit_gb, "median_s": options.limit_s}
    rows: dict[str, list[Row]] = {form: [] for form in forms}
    left_out: list[Row] = []
    for side in options.sides:
        running = {}
        for form, call in forms.items():
            if words := excess(rows[form], side, limits):
                left_out.append({"mechanism": name, "form": form, "side": side, "left_out": words})
            else:
                running[form] = call
        taken: dict[str, list[tuple[float, float]]] = {form: [] for form in running}
        for call in running.values():
            one_pass(call, min(side, WARM_UP), channels, clock)
        growth = {form: memory(call, side, channels) for form, call in running.items()}
        for _ in range(options.rounds):
            for form, call in running.items():
                taken[form].append(one_pass(call, side, channels, clock))
        for form, pairs in taken.items():
            forward, backward = (spread([pair[i] for pair in pairs])["median_s"] for i in (0, 1))
            row = {"mechanism": name, "form": form, "side": side, **spread([sum(pair) for pair in pairs])}
            row |= {"forward_s": forward, "backward_s": backward, "growth_mb": growth[form]}
            if form == "ours":
                row["product_s"] = floating_point_operations(forms[form], side, channels) / rate
            rows[form].append(row)
    return [*rows["ours"], *rows["naive"], *left_out]


def table(rows: list[Row]) -> list[str]:
    """Rows of markdown, one a mechanism and size."""
    by_key = {(row["form"], row["side"]): row for row in rows}
    ours = [row for row in rows if row["form"] == "ours" and "median_s" in row]
    lines = []
    for count, row in enumerate(ours, 1):
        naive = by_key.get(("naive", row["side"]), {})
        low, high = (1e3 * row[f"{which}_quartile_s"] for which in ("lower", "upper"))
        cells = [row["mechanism"], f"{row['side']}"]
        cells += [
            f"{1e3 * row['forward_s']:.2f}",
            f"{1e3 * row['backward_s']:.2f}",
            f"{low:.2f} to {high:.2f}",
        ]
        cells += [f"{row['growth_mb']:.0f}"]
        if "median_s" in naive:
            smaller = f"{naive['growth_mb']:.0f}"
            cells += [f"{1e3 * naive['median_s']:.2f}", smaller, f"{naive['median_s'] / row['median_s']:.1f}"]
        else:
            cells += [naive.get("left_out", ""), "", ""]
        cells += [f"{row['product_s'] / row['median_s']:.2f}"]
        cells += [f"{power(ours[:count], 'median_s'):.1f}" if count > 1 else ""]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    outside = (row for row in rows if row["form"] == "ours" and "left_out" in row)
    return [*lines, *(f"| {row['mechanism']} | {row['side']} | {row['left_out']} |" for row in outside)]


def draw(rows: list[Row], note: str, path: Path) -> None:
    """Time against positions a side, both forms and the products' own time, a panel a mechanism."""
    names = list(dict.fromkeys(row["mechanism"] for row in rows))
    columns = min(4, len(names))
    height = 2.3 * math.ceil(len(names) / columns) + 1.2
    figure = sheet(2.9 * columns + 0.6, height, "Forward and backward as the map grows", note)
    panels = figure.subplots(
        math.ceil(len(names) / columns), columns, squeeze=False, sharex=True, sharey=True
    )
    lines = (
        ("ours", "ours", "median_s", {"color": BLUE, "marker": "o"}),
        ("naive", "naive", "median_s", {"color": VERMILION, "marker": "s"}),
        ("ours", "products alone", "product_s", {"color": INK, "linestyle": ":"}),
    )
    for axes, name in zip(panels.flat, names, strict=False):
        for form, label, key, look in lines:
            seen = [r for r in rows if r["mechanism"] == name and r["form"] == form and r.get(key)]
            x, y = [r["side"] for r in seen], [1e3 * r[key] for r in seen]
            axes.plot(x, y, label=label, linewidth=1.5, markersize=3.5, **look)
        plain(axes, name).set(xscale="log", yscale="log")
        sides = sorted({row["side"] for row in rows})
        axes.set_xticks(sides, [str(side) for side in sides])
        axes.minorticks_off()
    for axes in panels.flat[len(names) :]:
        axes.set_axis_off()
    figure.supylabel("milliseconds, by positions a side", fontsize=8.5)
    figure.legend(*panels.flat[0].get_legend_handles_labels(), loc="upper right", ncols=3, frameon=False)
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mechanisms", nargs="*", help="all if not given")
    parser.add_argument("--sides", type=int, nargs="*", default=[28, 56, 112, 224], help="positions a side")
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5, help="timed passes, at least 2")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: the processor's seconds")
    parser.add_argument("--limit-gb", type=float, default=8.0, help="what would take more memory is left out")
    parser.add_argument("--limit-s", type=float, default=60.0, help="a pass that would take longer, too")
    parser.add_argument("--out", type=Path, help="a folder for attention.json and attention.svg")
    options = parser.parse_args()
    options.sides = sorted(set(options.sides))
    torch.set_num_threads(options.threads)
    known = mechanisms(options.channels)
    chosen = options.mechanisms or list(known)
    if unknown := set(chosen) - set(known):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(known)}")

    rate = product_rate(CLOCKS[options.clock])
    about = machine(options.threads) | {"clock": options.clock, "rounds": options.rounds}
    about |= {"channels": options.channels, "product_gflops": round(rate / 1e9, 1)}
    said = ", ".join(f"{key} {value}" for key, value in about.items())
    print(said)
    heads = ["mechanism", "side", "forward ms", "backward ms", "both, quartiles", "MB"]
    heads += ["naive, both ms", "naive MB", "times as fast", "products", "power"]
    print(f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}")
    rows: list[Row] = []
    for name in chosen:
        found = measure(known[name], name, rate, options)
        print("\n".join(table(found)), flush=True)
        rows += found
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "attention.json").write_text(json.dumps({"machine": about, "rows": rows}, indent=1))
        draw(rows, said, options.out / "attention.svg")


if __name__ == "__main__":
    main()
