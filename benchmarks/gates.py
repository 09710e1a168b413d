"""Measure what a channel or spatial gate costs at inference, at each place and as its paper places it.

    python benchmarks/gates.py [--rounds 15] [--threads 2] [--gate zero] [--clock wall] [--size 360 480]
                               [--out FILE.json] [--page FILE.md]

The host is a ResNet18 U-Net, batch 1, in evaluation mode. In each round, the host and every arm run once, in
a new random order, so that other load on the machine affects all equally. All share the host's weights. A
ratio is an arm's time divided by the host's time in the same round; the table gives its median and quartiles
over rounds. Target: 1.15 times the host, for one gate at any place. The column "as published" has the
mechanism at all places of its paper at once. On a shared machine, `--clock cpu --threads 1` counts CPU
seconds.
"""

import argparse
import copy
from functools import partial
from pathlib import Path
from typing import Any

import torch

from foveate.models.attaching.attach import attach
from foveate.models.attaching.gates import ResidualGate
from foveate.models.create import create_model
from measuring import CLOCKS, in_turn, machine, quartiles, ratios, replace_section, save, setting_line, table

PLACES = ("decoder", "skip1", "encoder1", "encoder3", "encoder5")
BRANCHES, TARGET = "encoder.layer?.?.bn2", 1.15
PUBLISHED = {
    "se": ((BRANCHES,), "every residual branch"),
    "eca": ((BRANCHES,), "every residual branch"),
    "scse": (("decoder.blocks.?",), "every decoder block"),
    "cbam": ((BRANCHES,), "every residual branch"),
    "cbam(gates=sigmoid_tanh)": (("decoder",), "before the output layer"),
    "bam": (("encoder2", "encoder3", "encoder4"), "between the stages"),
    "coord": ((BRANCHES,), "every residual branch"),
    "simam": ((BRANCHES,), "every residual branch"),
    "gate": (("skips",), "every skip, with the decoder's signal"),
    "triplet": ((BRANCHES,), "every residual branch"),
    "strip": (
        ("encoder.layer[123].1.bn2", "encoder.layer4.?.bn2"),
        "the last branch of each stage, all of the last stage",
    ),
    "global_context": (("encoder.layer[234].?.bn2",), "every residual branch of the last three stages"),
    "external": (("encoder5",), "the deepest features"),
    "mssa": (("encoder4",), "the features at stride 16"),
}
"""The places in each mechanism's paper, or the closest ones in this host, and their description."""


def arm(mechanism: str, places: tuple[str, ...]) -> str:
    """Return an arm with the mechanism at each of the places.

    >>> arm("cbam(gates=sigmoid_tanh)", ("skip1", "skip2"))
    'cbam@skip1(gates=sigmoid_tanh)+cbam@skip2(gates=sigmoid_tanh)'
    """
    name, bracket, options = mechanism.partition("(")
    return "+".join(f"{name}@{place}{bracket}{options}" for place in places)


def contenders(gate: str) -> dict[str, torch.nn.Module]:
    """Return the host and, by arm, copies of it with the same weights and the arm attached, gates open."""
    torch.manual_seed(0)
    host = create_model("unet", "resnet18", classes=11).eval()
    shared = {id(value): value for value in (*host.parameters(), *host.buffers())}
    models = {"none": host}
    for mechanism, (published, _) in PUBLISHED.items():
        for places in (*((place,) for place in PLACES), published):
            text = arm(mechanism, places)
            models[text] = attach(copy.deepcopy(host, dict(shared)), text, gate)
    for model in models.values():
        for module in model.modules():
            if isinstance(module, ResidualGate):
                torch.nn.init.constant_(module.gate, 0.3)
    return models


def lines(rows: dict[str, dict[str, Any]]) -> list[str]:
    """Return the ratios as a table, one mechanism a row; ratios above the target are bold."""

    def cell(mechanism: str, places: tuple[str, ...]) -> str:
        low, middle, high = rows[arm(mechanism, places)]["ratio"]
        text = f"{middle:.3f} ({low:.3f} to {high:.3f})"
        return f"**{text}**" if middle > TARGET else text

    table_rows = [
        [
            f"`{mechanism}`",
            *(cell(mechanism, (place,)) for place in PLACES),
            cell(mechanism, published),
            where,
        ]
        for mechanism, (published, where) in PUBLISHED.items()
    ]
    return table(["mechanism", *PLACES, "as published", "its places"], table_rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--gate", choices=("zero", "none"), default="zero")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--size", type=int, nargs=2, default=[360, 480], help="height and width")
    parser.add_argument("--out", type=Path, help="write the numbers as JSON")
    parser.add_argument("--page", type=Path, help="replace the table in this page, between its two comments")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)

    image = torch.rand(1, 3, *given.size)
    runs = {text: partial(model, image) for text, model in contenders(given.gate).items()}
    with torch.inference_mode():
        times = in_turn(runs, given.rounds, CLOCKS[given.clock])
    rows = {
        text: {"seconds": quartiles(taken), "ratio": ratios(taken, times["none"])}
        for text, taken in times.items()
    }
    setting = machine(given.threads) | {"size": "{}x{}".format(*given.size)}
    setting |= {name: getattr(given, name) for name in ("rounds", "gate", "clock")}
    host = "{1:.1f} ms ({0:.1f} to {2:.1f})".format(*(1e3 * value for value in rows["none"]["seconds"]))
    page = [f"The host takes {host}: {setting_line(setting)}.", "", *lines(rows)]
    print("\n".join(page))
    if given.out:
        save(given.out, {"setting": setting, "rows": rows})
    if given.page:
        replace_section(given.page, "benchmarks/gates.py", page)


if __name__ == "__main__":
    main()
