"""What an attached channel or spatial gate costs at inference, at each place and where it was published.

    python benchmarks/gates.py [--rounds 15] [--threads 2] [--gate zero] [--clock wall] [--size 360 480]
                               [--out FILE.json] [--page FILE.md]

A ResNet18 U-Net, batch 1, in evaluation. The host and every arm run in turn within each round, in an order
drawn anew, so that what else the machine does falls on all alike; all share the host's weights. A ratio is
the median over rounds of an arm's time by the host's in the same round, with its quartiles. Reach: 1.15 times
the host, for one gate at any place. The column before the last has the mechanism at all the places at once
where its work put it. On a machine that others use too, `--clock cpu --threads 1` counts the processor's
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
from measuring import CLOCKS, in_turn, machine, put, quartiles, ratios, said, save, table

PLACES = ("decoder", "skip1", "encoder1", "encoder3", "encoder5")
BRANCHES, REACH = "encoder.layer?.?.bn2", 1.15
PUBLISHED = {
    "se": ((BRANCHES,), "every residual branch"),
    "eca": ((BRANCHES,), "every residual branch"),
    "scse": (("decoder.blocks.?",), "every decoder block"),
    "cbam": ((BRANCHES,), "every residual branch"),
    "cbam(gates=sigmoid_tanh)": (("decoder",), "before the output layer"),
    "bam": (("encoder2", "encoder3", "encoder4"), "between the stages"),
    "coord": ((BRANCHES,), "every residual branch"),
    "simam": ((BRANCHES,), "every residual branch"),
    "gate": (("skips",), "every skip, by the signal of the decoder"),
    "triplet": ((BRANCHES,), "every residual branch"),
    "strip": (
        ("encoder.layer[123].1.bn2", "encoder.layer4.?.bn2"),
        "the last branch of each stage, all of the last stage",
    ),
    "global_context": (("encoder.layer[234].?.bn2",), "every residual branch of the last three stages"),
    "external": (("encoder5",), "the deepest features"),
    "mssa": (("encoder4",), "the features at stride 16"),
}
"""Where each was published, or what comes closest to that in this host."""


def arm(mechanism: str, places: tuple[str, ...]) -> str:
    """An arm's text.

    >>> arm("cbam(gates=sigmoid_tanh)", ("skip1", "skip2"))
    'cbam@skip1(gates=sigmoid_tanh)+cbam@skip2(gates=sigmoid_tanh)'
    """
    name, bracket, options = mechanism.partition("(")
    return "+".join(f"{name}@{place}{bracket}{options}" for place in places)


def contenders(gate: str) -> dict[str, torch.nn.Module]:
    """The host and, by arm, copies of it with the same weights that carry one, gates open."""
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
    """The ratios as a table, a mechanism a row; what exceeds the reach in bold."""

    def cell(mechanism: str, places: tuple[str, ...]) -> str:
        low, middle, high = rows[arm(mechanism, places)]["ratio"]
        shown = f"{middle:.3f} ({low:.3f} to {high:.3f})"
        return f"**{shown}**" if middle > REACH else shown

    shown = [
        [
            f"`{mechanism}`",
            *(cell(mechanism, (place,)) for place in PLACES),
            cell(mechanism, published),
            where,
        ]
        for mechanism, (published, where) in PUBLISHED.items()
    ]
    return table(["mechanism", *PLACES, "as published", "which is"], shown)


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
    parser.add_argument("--page", type=Path, help="put the table into this page, between its two comments")
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
    page = [f"The host takes {host}: {said(setting)}.", "", *lines(rows)]
    print("\n".join(page))
    if given.out:
        save(given.out, {"setting": setting, "rows": rows})
    if given.page:
        put(given.page, "benchmarks/gates.py", page)


if __name__ == "__main__":
    main()
