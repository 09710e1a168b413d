"""Export every host, every mechanism and every host with every mechanism to ONNX, and say which files compute
the same.

    python benchmarks/export_table.py [--only WORD ...] [--out FILE.json] [--page docs/export.md]

Three kinds of networks are traced for any size and number of images:

- every host without attention
- a small U-Net with one mechanism in its published form (no gate, which would begin closed)
- every host with all mechanisms that fit into it, each behind a residual gate of 0.1. The output of each
  mechanism is a further output of the graph, so that every pair of host and mechanism is compared by itself.
  If such a network does not export, its mechanisms are tried one by one.

Weights are random. Batch normalisation gets its statistics from one pass over noise: with those of a new
network, the features of the deepest hosts grow to 1e11. The file must agree with PyTorch at three sizes, one
odd and one not square, with one and three images, within the bounds of `foveate export`. Of networks with
all mechanisms, the bound on the mean difference holds for the logits and for each mechanism. With --out,
results are added to those in the file, so that the walk can be stopped and continued.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jaxtyping
import numpy as np
import torch
from torch import Tensor, nn

import foveate
from foveate.errors import UserError
from foveate.export.graph import open_example, trace
from foveate.export.onnx_file import to_onnx, write_onnx
from foveate.export.parity import FLOAT, Sample, measure, trial_sizes
from foveate.models.attaching.attach import attached, gate_parameters
from foveate.models.host import Host
from foveate.models.names import host_names
from foveate.prediction.backends.onnx_runtime import OnnxNetwork
from foveate.prediction.facts import facts_of
from foveate.prediction.prepare import prepare
from measuring import machine, replace_section, save, setting_line, table

SIZE = (48, 64)
OPEN = 0.1
"""The residual gates of the mechanisms that share a network."""

ENCODERS = {"fcbformer": "tu-pvt_v2_b0", "classifier": "resnet18"}
"""The encoder of a host whose own would be large, or that has none."""

TOKENS = "vit_tiny_patch16_224"
SAME_BLOCKS = ("attention92", "attention1", "attention236", "attention452")
"""Hosts with the blocks of attention56, by the beginning of their names: tried without mechanisms only."""

PLACES = {"afma": ["logits"], "gate": ["skips", "decoder"]}
"""Where a mechanism is tried, the first place that the host has; others are tried at the decoder."""

OPTIONS = {"afma": "(level=2,patch_size=4)"}


KINDS = {
    "host": "hosts without attention",
    "mechanism": "mechanisms in their published form, each in a small U-Net",
    "pair": "pairs of host and mechanism",
    "together": "hosts with all their mechanisms at once",
}
Outcome = dict[str, Any]
"""reason: why it does not export, or ""; difference: of an output, mean over its standard deviation."""

Row = dict[str, Any]
"""An outcome with kind (of `KINDS`, or "unfit": the reason is why it cannot be attached), host and arm."""


@dataclass(frozen=True)
class Contender:
    """A network to export: arguments of `create_model`. together: all mechanisms are attached."""

    arch: str
    arm: str = "none"
    options: dict[str, Any] = field(default_factory=dict)
    together: bool = False

    @property
    def host(self) -> str:
        return " ".join(filter(None, [self.arch, self.options.get("encoder_name", "")]))

    @property
    def name(self) -> str:
        arm = "every mechanism" if self.together else self.arm.replace("none", "")
        return f"{self.host} {arm}".strip()


def contenders() -> list[Contender]:
    """Every host without attention, every mechanism in one host, and every host with all mechanisms."""
    hosts = [
        Contender(arch, options={"encoder_name": ENCODERS[arch]} if arch in ENCODERS else {})
        for arch in host_names()
    ]
    hosts.append(Contender("classifier", options={"encoder_name": TOKENS}))
    small = {"encoder_depth": 3, "decoder_channels": (32, 16, 16)}
    arms = [arms_of(name)[0] for name in foveate.attention_names()]
    arms += ["swin_window@decoder(shifted=true)", "smooth@decoder(threshold=0.1)"]
    together = [
        Contender(one.arch, options=one.options, together=True)
        for one in hosts
        if not one.arch.startswith(SAME_BLOCKS)
    ]
    return [*hosts, *(Contender("unet", arm, small) for arm in arms), *together]


def arms_of(name: str, encoder_name: str = "") -> list[str]:
    """Return the arms of a mechanism to try, the best first."""
    places = ["blocks.5"] if encoder_name == TOKENS else PLACES.get(name, ["decoder"])
    return [f"{name}@{place}{OPTIONS.get(name, '')}" for place in places]


class WithMechanisms(nn.Module):
    """A host that returns its logits and what each of its mechanisms gives."""

    def __init__(self, host: Host):
        super().__init__()
        self.host = host

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        outputs: list[Tensor] = []

        def keep(module: nn.Module, args: tuple, output: Tensor) -> None:
            outputs.append(output)

        with ExitStack() as hooks:
            for module in attached(self.host).values():
                hooks.callback(module.register_forward_hook(keep).remove)
            logits = self.host(image)
        return logits, *outputs


def attempt(contender: Contender) -> list[Row]:
    """Export a network and compare it; return a row for it, or for each of the mechanisms that share it."""
    if not contender.together:
        kind = "host" if contender.arm == "none" else "mechanism"
        outcome = export(build(contender, contender.arm, gate="none"))["logits"]
        return [{"kind": kind, "host": contender.host, "arm": contender.arm, **outcome}]
    host = build(contender, "none")
    fitting, rows = [], []
    for name in foveate.attention_names():
        tried = {arm: why_unfit(host, arm) for arm in arms_of(name, host.config["encoder_name"])}
        if found := [arm for arm, reason in tried.items() if not reason]:
            fitting.append(found[0])
        else:
            arm, reason = tried.popitem()
            rows.append({"kind": "unfit", "host": contender.host, "arm": arm, "reason": reason})
    outcomes = export(build(contender, "+".join(fitting)))
    if len(outcomes) == 1:  # the graph fails as a whole
        outcomes = {arm: worst(export(build(contender, arm))) for arm in fitting}
    for arm, outcome in outcomes.items():
        kind, arm = ("together", "every mechanism") if arm == "logits" else ("pair", arm)
        rows.append({"kind": kind, "host": contender.host, "arm": arm, **outcome})
    return rows


def why_unfit(host: Host, arm: str) -> str:
    """Return why an arm cannot be attached to a host; "" if it can."""
    try:
        foveate.detach(foveate.attach(host, arm))
    except UserError as error:
        return first_line(error)
    return ""


def build(contender: Contender, arm: str, gate: str = "zero") -> Host:
    """Build a network with random weights, open gates, and statistics of noise in its batch normalisation."""
    torch.manual_seed(0)
    model = foveate.create_model(contender.arch, classes=3, arm=arm, gate=gate, **contender.options)
    if contender.together:
        with torch.no_grad():
            for name in gate_parameters(model):
                model.get_parameter(name).fill_(OPEN)
    noise = torch.rand(4, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    torch.optim.swa_utils.update_bn([noise], model)
    return model.eval()


def export(model: Host) -> dict[str, Outcome]:
    """Export a model and compare it: the outcome of its logits, and of each mechanism behind a gate.

    Only the logits have an outcome if the export fails.
    """
    labels = list(attached(model)) if model.config.get("gate") == "zero" else []
    noise = np.random.default_rng(0)
    samples: list[Sample] = [(noise.integers(0, 256, (*SIZE, 3), dtype=np.uint8), None) for _ in range(4)]
    traced = WithMechanisms(model) if labels else model
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "network.onnx")
        try:
            proto = to_onnx(trace(traced, open_example(model)), None, ["logits", *labels])
            write_onnx(proto, path, facts_of(model))
            file = OnnxNetwork(path)
            if not labels:
                parity = measure(model, file, samples, trial_sizes(SIZE))
                return {"logits": {"reason": parity.excess(FLOAT), "difference": parity.mean}}
            shares = mean_differences(traced, file, samples)
        except (UserError, RuntimeError) as error:
            return {"logits": {"reason": first_line(error)}}
        except Exception as error:  # the runtime's own kinds, which share no base
            return {"logits": {"reason": f"ONNX Runtime fails: {first_line(error)}"}}
    outcomes = {}
    for label, share in zip(["logits", *labels], shares, strict=True):
        reason = "" if share <= FLOAT.mean else f"its output differs by {share:.2%} on average"
        outcomes[label] = {"reason": reason, "difference": share}
    return outcomes


def worst(outcomes: dict[str, Outcome]) -> Outcome:
    """Return the outcome with a reason, or that with the largest difference."""
    return max(outcomes.values(), key=lambda one: (one["reason"] != "", one.get("difference", 0)))


def first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def mean_differences(traced: nn.Module, file: OnnxNetwork, samples: Sequence[Sample]) -> list[float]:
    """Return, for each output, the largest of the mean differences over its standard deviation."""
    shares: list[float] = []
    for size, count in zip(trial_sizes(SIZE), (3, 1, 3), strict=True):
        images = torch.cat([prepare(image, size) for image, _ in samples[:count]])
        with torch.inference_mode():
            expected = traced(images)
        found = file.session.run(None, {file.input: images.numpy()})
        new = [
            ((one - torch.from_numpy(other)).abs().mean() / one.std().clamp(min=1e-12)).item()
            for one, other in zip(expected, found, strict=True)
        ]
        shares = [float(np.max(pair)) for pair in zip(new, shares or new, strict=True)]  # keeps NaN
    return shares


def lines(rows: Sequence[Row]) -> list[str]:
    """Return the counts, the exceptions, and the pairs that cannot be attached."""
    counts, exceptions = [], []
    for kind, words in KINDS.items():
        tried = [row for row in rows if row["kind"] == kind]
        failed = [row for row in tried if row["reason"]]
        largest = max((row["difference"] for row in tried if not row["reason"]), default=0)
        counts.append((words, str(len(tried)), str(len(tried) - len(failed)), f"{largest:.1e}"))
        exceptions += [(row["host"], row["arm"], row["reason"]) for row in failed]
    head = ["networks", "tried", "export and compute the same", "largest mean difference, of the deviation"]
    text = table(head, counts)
    if exceptions:
        text += ["", *table(["host", "arm", "why it does not export"], exceptions)]
    unfit: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row["kind"] == "unfit":
            unfit.setdefault((row["arm"], row["reason"]), []).append(row["host"])
    if unfit:
        text += ["", "Pairs that cannot be attached, so that there is nothing to export:", ""]
        named = [(arm, ", ".join(hosts), reason) for (arm, reason), hosts in unfit.items()]
        text += table(["arm", "hosts", "why"], named)
    return text


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", nargs="+", default=[], help="networks whose name contains one of these words"
    )
    parser.add_argument("--out", type=Path, help="read earlier results, and write the results, as JSON")
    parser.add_argument("--page", type=Path, help="replace the table in this page, between its two comments")
    given = parser.parse_args()
    jaxtyping.config.update("jaxtyping_disable", True)  # annotations are not traced

    earlier = json.loads(given.out.read_text()) if given.out and given.out.exists() else {}
    networks = earlier.get("networks", {})
    setting = machine(torch.get_num_threads())
    for contender in contenders():
        chosen = not given.only or any(word in contender.name for word in given.only)
        if chosen and contender.name not in networks:
            started = time.process_time()
            networks[contender.name] = attempt(contender)
            seconds = time.process_time() - started
            print(f"{contender.name}: {len(networks[contender.name])} rows, {seconds:.0f} CPU s", flush=True)
            for row in networks[contender.name]:
                if row["reason"]:
                    print(f"    {row['kind']} {row['arm']}: {row['reason']}", flush=True)
            if given.out:
                save(given.out, {"setting": setting, "networks": networks})
    rows = [row for found in networks.values() for row in found]
    page = [*lines(rows), "", f"Measured with {setting_line(setting)}."]
    print("\n".join(page))
    if given.page:
        replace_section(given.page, "benchmarks/export_table.py", page)


if __name__ == "__main__":
    main()
