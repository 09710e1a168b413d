"""Frames per second of light hosts at 360x480, batch 1, beside other libraries' light networks, in one run.

    python benchmarks/light_hosts.py [--forms eager compiled exported] [--rounds 20] [--threads 2]
                                     [--out FILE.json]

`mssa` in both forms and two more hosts on a small encoder, beside segmentation_models_pytorch's U-Net on
MobileNetV3 and torchvision's LRASPP, both as their libraries build them. Eager is PyTorch as it is, compiled
is `torch.compile` (needs a C++ compiler), exported is ONNX Runtime (needs onnx, onnxscript, onnxruntime). A
form that this machine lacks is left out, and the output says so. All networks of a form run in turn within
each round, in an order drawn anew, with random weights and 11 classes. Networks that only take multiples of
32 get 384x480, which is what foveate's hosts pad to inside.
"""

import argparse
import importlib.util
import json
import os
import platform
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import jaxtyping
import segmentation_models_pytorch as smp
import torch
from torch import nn
from torchvision.models.segmentation import lraspp_mobilenet_v3_large

from foveate.evaluation.cost import flops, parameters
from foveate.models.hosts import create_model

CLASSES, SIZE, PADDED = 11, (360, 480), (384, 480)
MOBILENET = "tu-mobilenetv3_large_100"
EXPORT = ("onnx", "onnxscript", "onnxruntime")
Run = Callable[[], object]


class Logits(nn.Module):
    """torchvision's networks return a dict; what is timed and exported returns the logits in it."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.network(image)["out"]


def networks() -> dict[str, tuple[nn.Module, tuple[int, int]]]:
    """Each contender with the size of its image."""
    torch.manual_seed(0)
    ours = {
        "mssa as drawn": create_model("mssa", classes=CLASSES),
        "mssa as coded, ResNet18": create_model("mssa", classes=CLASSES, form="as_coded"),
        "fcn 8s, MobileNetV3": create_model("fcn", MOBILENET, classes=CLASSES),
        "unet, MobileNetV3": create_model("unet", MOBILENET, classes=CLASSES),
    }
    lraspp = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=CLASSES)
    others = {
        "SMP Unet, MobileNetV3": (smp.Unet(MOBILENET, encoder_weights=None, classes=CLASSES), PADDED),
        "torchvision LRASPP, MobileNetV3": (Logits(lraspp), SIZE),
    }
    both = {name: (model, SIZE) for name, model in ours.items()} | others
    return {name: (model.eval(), size) for name, (model, size) in both.items()}


def missing(form: str) -> str:
    """What this machine lacks for a form; empty where nothing is missing."""
    if form == "compiled" and not any(map(shutil.which, ("g++", "clang++"))):
        return "a C++ compiler"
    if form == "exported":
        return ", ".join(name for name in EXPORT if importlib.util.find_spec(name) is None)
    return ""


def prepared(form: str, model: nn.Module, image: torch.Tensor, threads: int) -> Run:
    """The network in a form, called on the image."""
    if form == "exported":
        return _in_onnx_runtime(model, image, threads)
    run = torch.compile(model) if form == "compiled" else model

    @torch.inference_mode()
    def infer() -> torch.Tensor:
        return run(image)

    return infer


def _in_onnx_runtime(model: nn.Module, image: torch.Tensor, threads: int) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "network.onnx")
        torch.onnx.export(model, (image,), path, dynamo=True, external_data=False, verbose=False)
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: image.numpy()}
    expected = model(image).detach()
    difference = (torch.from_numpy(session.run(None, feed)[0]) - expected).abs().max().item()
    if difference > 1e-3 * max(1.0, expected.abs().max().item()):
        raise RuntimeError(f"the exported network differs by {difference}")
    return lambda: session.run(None, feed)


def measure(runs: dict[str, Run], rounds: int) -> dict[str, list[float]]:
    """Seconds of each run by round; the first two rounds only warm up."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    order = list(runs)
    for round_ in range(rounds + 2):
        random.shuffle(order)
        for name in order:
            start = time.perf_counter()
            runs[name]()
            if round_ >= 2:
                times[name].append(time.perf_counter() - start)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--forms", nargs="+", choices=("eager", "compiled", "exported"))
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, help="also write the numbers as JSON")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    random.seed(0)
    jaxtyping.config.update("jaxtyping_disable", True)  # annotations are not traced

    contenders = networks()
    forms = given.forms or ["eager", "compiled", "exported"]
    left_out = {form: missing(form) for form in forms if missing(form)}
    rows: dict[str, dict] = {}
    for name, (model, size) in contenders.items():
        image = torch.zeros(1, 3, *size)
        rows[name] = {"size": size, "parameters": parameters(model), "flops": flops(model, image)}
    for form in forms:
        if form in left_out:
            continue
        runs = {
            name: prepared(form, model, torch.rand(1, 3, *size), given.threads)
            for name, (model, size) in contenders.items()
        }
        for name, taken in measure(runs, given.rounds).items():
            low, middle, high = statistics.quantiles((1 / seconds for seconds in taken), n=4)
            rows[name][form] = {"frames_per_second": middle, "quartiles": [low, high]}
    setting = {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "threads": given.threads,
        "rounds": given.rounds,
        "left_out": left_out,
    }

    measured = [form for form in forms if form not in left_out]
    print(", ".join(f"{key} {value}" for key, value in setting.items() if value != {}))
    print(f"| network | parameters | GFLOPs | {' | '.join(f'{form}, fps' for form in measured)} |")
    print("| --- | --- | --- |" + " --- |" * len(measured))
    for name, row in rows.items():
        speeds = [
            f"{row[form]['frames_per_second']:.1f} ({low:.1f} to {high:.1f})"
            for form in measured
            for low, high in [row[form]["quartiles"]]
        ]
        cost = f"{row['parameters'] / 1e6:.2f} M | {row['flops'] / 1e9:.2f}"
        print(f"| {name} | {cost} | {' | '.join(speeds)} |")
    for form, what in left_out.items():
        print(f"\n{form}: not measured, {what} is missing here")
    if given.out:
        found = json.dumps({"setting": setting, "rows": rows}, indent=2)
        given.out.write_text(found + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
