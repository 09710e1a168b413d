"""The figures of benchmarks/attention.py as tables and as a picture."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from bounds import best, bound, shares
from foveate.inspection.figures.style import BLUE, INK, VERMILION, plain, sheet
from measuring import said, spread, table

Row = dict[str, Any]
TIMES = (
    "mechanism|side|forward ms|backward ms|both ms, quartiles|MB|"
    "naive, both ms|quartiles|naive MB|times as fast|of its memory"
)
BOUNDS = "mechanism|side|10^9 operations|GFLOP/s|products|in rows|exponentials|moves|calls|bound by|power"
LEAST_MB = 1.0
"""Less memory is a page or two, and no ratio is made of it."""


def lines(setting: dict[str, Any], rows: list[Row]) -> list[str]:
    """What the page shows, as markdown: the setting, the times, the picture, the rates, the bounds."""
    ours = [row for row in rows if "median_s" in row and row["form"] == "ours"]
    rate = {kind: [row["rates"][kind] / 1e9 for row in ours] for kind in ("matmul", "onednn", "exp")}
    copies = {side: [] for side in sorted({row["side"] for row in ours})}
    for row in ours:
        copies[row["side"]].append(row["rates"]["copy"] / 1e9)
    return [
        f"{said(setting)}.",
        "",
        *table(TIMES.split("|"), times(rows)),
        "",
        "![Forward and backward as the map grows](attention.svg)",
        "",
        "Rates, measured beside every row: a product of two 1024 x 1024 matrices "
        f"{_middle(rate['matmul'])} GFLOP/s by `a @ b` and {_middle(rate['onednn'])} in oneDNN, "
        f"exponentials {_middle(rate['exp'])} billion a second, "
        "reading and writing a map "
        + ", ".join(f"{_middle(values)} GB/s at {side}" for side, values in copies.items())
        + ".",
        "",
        *table(BOUNDS.split("|"), bounds(ours)),
    ]


def times(rows: list[Row]) -> Iterator[list[str]]:
    """A row for each mechanism and size: both forms, and how many times the naive one takes."""
    naive = {(row["mechanism"], row["side"]): row for row in rows if row["form"] == "naive"}
    for row in (row for row in rows if row["form"] == "ours"):
        other = naive[row["mechanism"], row["side"]]
        cells = [row["mechanism"], f"{row['side']}"]
        if "median_s" in row:
            cells += [
                _ms(row["forward_s"]),
                _ms(row["backward_s"]),
                _quartiles(row),
                f"{row['growth_mb']:.0f}",
            ]
        else:
            cells += [_needs(row), "", "", ""]
        if "median_s" in other:
            cells += [_ms(other["median_s"]), _quartiles(other), f"{other['growth_mb']:.0f}"]
        else:
            cells += [_needs(other), "", ""]
        cells += ["", ""]
        if "median_s" in row and "median_s" in other:
            cells[-2] = f"{other['median_s'] / row['median_s']:.1f}"
            if min(row["growth_mb"], other["growth_mb"]) >= LEAST_MB:
                smaller = other["growth_mb"] / row["growth_mb"]
                cells[-1] = f"1/{smaller:.1f}" if smaller > 1 else f"{1 / smaller:.1f}"
        yield cells


def bounds(ours: list[Row]) -> Iterator[list[str]]:
    """A row for each mechanism and size: what it does, the shares of its time, p where that grew as n^p."""
    smaller: Row = {}
    for row in ours:
        share = shares(row["median_s"], row["work"], row["rates"], row["calls_s"])
        operations = row["work"]["operations"] / 1e9
        cells = [
            row["mechanism"],
            f"{row['side']}",
            f"{operations:.3g}",
            f"{operations / row['median_s']:.1f}",
        ]
        rows = share["products"] * best(row["rates"]) / row["rates"]["rows"]
        shown = (share["products"], rows, share["exponentials"], share["moves"], share["calls"])
        cells += [*(f"{value:.2f}" for value in shown), bound(share)]
        same = smaller.get("mechanism") == row["mechanism"]
        yield [*cells, f"{_power(smaller, row):.1f}" if same else ""]
        smaller = row


def draw(rows: list[Row], note: str, path: Path) -> None:
    """Time against positions a side, a panel a mechanism."""
    names = list(dict.fromkeys(row["mechanism"] for row in rows))
    columns = min(4, len(names))
    down = math.ceil(len(names) / columns)
    figure = sheet(2.9 * columns + 0.6, 2.3 * down + 1.4, "Forward and backward as the map grows", note)
    panels = figure.subplots(down, columns, squeeze=False, sharex=True, sharey=True)
    for axes, name in zip(panels.flat, names, strict=False):
        panel(axes, name, [row for row in rows if row["mechanism"] == name])
    for axes in panels.flat[len(names) :]:
        axes.set_axis_off()
    for axes in panels.flat[len(names) - columns : len(names)]:
        axes.tick_params(labelbottom=True)
    figure.supylabel("milliseconds, by positions a side", fontsize=8.5)
    labels = panels.flat[0].get_legend_handles_labels()
    figure.legend(*labels, loc="upper right", ncols=len(labels[0]), frameon=False, fontsize=8.5)
    figure.savefig(path, metadata={"Date": None})


def panel(axes: Axes, name: str, rows: list[Row]) -> None:
    """One mechanism: both forms, what the naive one would take beyond the limits, the products' own time."""

    def line(label: str, form: str, seconds: Callable[[Row], float | None], **look: Any) -> None:
        points = [(row["side"], 1e3 * s) for row in rows if row["form"] == form and (s := seconds(row))]
        x, y = zip(*points, strict=True) if points else ((), ())
        axes.plot(x, y, label=label, linewidth=1.5, markersize=3.5, **look)

    line("ours", "ours", lambda row: row.get("median_s"), color=BLUE, marker="o")
    line("naive", "naive", lambda row: row.get("median_s"), color=VERMILION, marker="s")
    line(
        "naive, foretold",
        "naive",
        lambda row: None if "median_s" in row else row.get("foretold_median_s"),
        color=VERMILION,
        marker="s",
        markerfacecolor="white",
        linestyle="none",
    )
    line(
        "products alone",
        "ours",
        lambda row: row["work"]["operations"] / best(row["rates"]) if "work" in row else None,
        color=INK,
        linestyle=":",
    )
    grown = [row for row in rows if row["form"] == "ours" and "median_s" in row][-2:]
    title = f"{name}, power {_power(*grown):.1f}" if len(grown) == 2 else name
    plain(axes, title).set(xscale="log", yscale="log")
    sides = sorted({row["side"] for row in rows})
    axes.set_xticks(sides, [str(side) for side in sides])
    axes.minorticks_off()


def _power(small: Row, large: Row) -> float:
    """p, where the time grew as positions^p between two sizes."""
    return math.log(large["median_s"] / small["median_s"]) / (2 * math.log(large["side"] / small["side"]))


def _needs(row: Row) -> str:
    if "foretold_median_s" not in row or "once_s" in row:
        return "ended by the system"
    memory, seconds = row["foretold_growth_mb"] / 1e3, row["foretold_median_s"]
    return f"left out: would need about {memory:,.1f} GB and {seconds:,.0f} s"


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.2f}"


def _quartiles(row: Row) -> str:
    return f"{_ms(row['lower_quartile_s'])} to {_ms(row['upper_quartile_s'])}"


def _middle(values: list[float]) -> str:
    if len(values) < 2:
        return f"{values[0]:.3g}" if values else "none"
    found = spread(values)
    return f"{found['median_s']:.3g} ({found['lower_quartile_s']:.3g} to {found['upper_quartile_s']:.3g})"
