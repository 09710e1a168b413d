"""Write the results of benchmarks/attention.py as tables, and draw them."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from bounds import best_product_rate, largest_share, time_shares
from foveate.inspection.figures.style import BLUE, INK, VERMILION, new_figure, style_axes
from measuring import quartiles, setting_line, table

Row = dict[str, Any]
TIMES = (
    "mechanism|side|forward ms|backward ms|both ms, quartiles|MB|"
    "naive, both ms|quartiles|naive MB|speed-up|memory ratio"
)
BOUNDS = (
    "mechanism|side|10^9 operations|GFLOP/s|products|row products|exponentials|traffic|overhead|largest|power"
)
LEAST_MB = 1.0
"""No ratio is given for less memory than this: it is only a page or two."""


def lines(setting: dict[str, Any], rows: list[Row]) -> list[str]:
    """Return the page as lines of markdown: settings, times, picture, rates, shares of the time."""
    ours = [row for row in rows if "median_s" in row and row["form"] == "ours"]
    rate = {kind: [row["rates"][kind] / 1e9 for row in ours] for kind in ("matmul", "onednn", "exp")}
    copies = {side: [] for side in sorted({row["side"] for row in ours})}
    for row in ours:
        copies[row["side"]].append(row["rates"]["copy"] / 1e9)
    return [
        f"{setting_line(setting)}.",
        "",
        *table(TIMES.split("|"), times(rows)),
        "",
        "![Forward and backward as the map grows](attention.svg)",
        "",
        "Rates, measured beside every row: a product of two 1024 x 1024 matrices "
        f"{_median_with_quartiles(rate['matmul'])} GFLOP/s by `a @ b` and "
        f"{_median_with_quartiles(rate['onednn'])} in oneDNN, "
        f"exponentials {_median_with_quartiles(rate['exp'])} billion a second, "
        "reading and writing a map "
        + ", ".join(f"{_median_with_quartiles(values)} GB/s at {side}" for side, values in copies.items())
        + ".",
        "",
        *table(BOUNDS.split("|"), bounds(ours)),
    ]


def times(rows: list[Row]) -> Iterator[list[str]]:
    """Yield a row for each mechanism and size: both forms, the speed-up, and the ratio of memory."""
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
            cells += [_why_left_out(row), "", "", ""]
        if "median_s" in other:
            cells += [_ms(other["median_s"]), _quartiles(other), f"{other['growth_mb']:.0f}"]
        else:
            cells += [_why_left_out(other), "", ""]
        cells += ["", ""]
        if "median_s" in row and "median_s" in other:
            cells[-2] = f"{other['median_s'] / row['median_s']:.1f}"
            if min(row["growth_mb"], other["growth_mb"]) >= LEAST_MB:
                smaller = other["growth_mb"] / row["growth_mb"]
                cells[-1] = f"1/{smaller:.1f}" if smaller > 1 else f"{1 / smaller:.1f}"
        yield cells


def bounds(ours: list[Row]) -> Iterator[list[str]]:
    """Yield a row for each mechanism and size: operations, shares of the time, and p if time grew as n^p."""
    smaller: Row = {}
    for row in ours:
        share = time_shares(row["median_s"], row["work"], row["rates"], row["calls_s"])
        operations = row["work"]["operations"] / 1e9
        cells = [
            row["mechanism"],
            f"{row['side']}",
            f"{operations:.3g}",
            f"{operations / row['median_s']:.1f}",
        ]
        rows = share["products"] * best_product_rate(row["rates"]) / row["rates"]["rows"]
        figures = (share["products"], rows, share["exponentials"], share["traffic"], share["overhead"])
        cells += [*(f"{value:.2f}" for value in figures), largest_share(share)]
        same = smaller.get("mechanism") == row["mechanism"]
        yield [*cells, f"{_power(smaller, row):.1f}" if same else ""]
        smaller = row


def draw(rows: list[Row], note: str, path: Path) -> None:
    """Draw time against the side of the map, one panel for each mechanism."""
    names = list(dict.fromkeys(row["mechanism"] for row in rows))
    columns = min(4, len(names))
    down = math.ceil(len(names) / columns)
    figure = new_figure(2.9 * columns + 0.6, 2.3 * down + 1.4, "Forward and backward as the map grows", note)
    panels = figure.subplots(down, columns, squeeze=False, sharex=True, sharey=True)
    for axes, name in zip(panels.flat, names, strict=False):
        panel(axes, name, [row for row in rows if row["mechanism"] == name])
    for axes in panels.flat[len(names) :]:
        axes.set_axis_off()
    for axes in panels.flat[len(names) - columns : len(names)]:
        axes.tick_params(labelbottom=True)
    figure.supylabel("milliseconds, by side of the map", fontsize=8.5)
    labels = panels.flat[0].get_legend_handles_labels()
    figure.legend(*labels, loc="upper right", ncols=len(labels[0]), frameon=False, fontsize=8.5)
    figure.savefig(path, metadata={"Date": None})


def panel(axes: Axes, name: str, rows: list[Row]) -> None:
    """Draw one mechanism: both forms, the predicted time of the naive one, and the time of products alone."""

    def line(label: str, form: str, seconds: Callable[[Row], float | None], **look: Any) -> None:
        points = [(row["side"], 1e3 * s) for row in rows if row["form"] == form and (s := seconds(row))]
        x, y = zip(*points, strict=True) if points else ((), ())
        axes.plot(x, y, label=label, linewidth=1.5, markersize=3.5, **look)

    line("ours", "ours", lambda row: row.get("median_s"), color=BLUE, marker="o")
    line("naive", "naive", lambda row: row.get("median_s"), color=VERMILION, marker="s")
    line(
        "naive, predicted",
        "naive",
        lambda row: None if "median_s" in row else row.get("predicted_median_s"),
        color=VERMILION,
        marker="s",
        markerfacecolor="white",
        linestyle="none",
    )
    line(
        "products alone",
        "ours",
        lambda row: row["work"]["operations"] / best_product_rate(row["rates"]) if "work" in row else None,
        color=INK,
        linestyle=":",
    )
    grown = [row for row in rows if row["form"] == "ours" and "median_s" in row][-2:]
    title = f"{name}, power {_power(*grown):.1f}" if len(grown) == 2 else name
    style_axes(axes, title).set(xscale="log", yscale="log")
    sides = sorted({row["side"] for row in rows})
    axes.set_xticks(sides, [str(side) for side in sides])
    axes.minorticks_off()


def _power(small: Row, large: Row) -> float:
    """Return p if the time grew as positions^p between two sizes."""
    return math.log(large["median_s"] / small["median_s"]) / (2 * math.log(large["side"] / small["side"]))


def _why_left_out(row: Row) -> str:
    if "predicted_median_s" not in row or "once_s" in row:
        return "ended by the system"
    memory, seconds = row["predicted_growth_mb"] / 1e3, row["predicted_median_s"]
    return f"left out: would need about {memory:,.1f} GB and {seconds:,.0f} s"


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.2f}"


def _quartiles(row: Row) -> str:
    return f"{_ms(row['lower_quartile_s'])} to {_ms(row['upper_quartile_s'])}"


def _median_with_quartiles(values: list[float]) -> str:
    if len(values) < 2:
        return f"{values[0]:.3g}" if values else "none"
    low, median, high = quartiles(values)
    return f"{median:.3g} ({low:.3g} to {high:.3g})"
