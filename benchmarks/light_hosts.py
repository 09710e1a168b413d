"""Measure frames per second of light hosts and of other libraries' light networks, at 360x480, batch 1.

    python benchmarks/light_hosts.py [--forms eager compiled exported] [--rounds 20] [--threads 2]
                                     [--size 360 480] [--out FILE.json] [--page FILE.md]

Compares `mssa` in both forms and two more hosts on a small encoder with segmentation_models_pytorch's U-Net
on MobileNetV3 and torchvision's LRASPP, both as their libraries build them. All have random weights and 11
classes.

- Eager: plain PyTorch.
- Compiled: `torch.compile` with frozen weights, for inference (needs a C++ compiler).
- Exported: the network as ONNX of this size, in ONNX Runtime (`pip install "foveate[export]"`).

If this machine cannot run a form, the form is left out, and the output says so. In each round, all forms of
all networks run in a new random order. Each turn first pauses until other threads are idle, runs one frame
untimed, and times the next. The table gives the median and quartiles, and in bold the median speed-up over
eager.
Networks that need multiples of 32 get the next such size; foveate's hosts pad to it internally. Target:
exported twice as fast as eager.
"""

import argparse
import importlib.util
import math
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jaxtyping
import segmentation_models_pytorch as smp
import torch
from torch import nn
from torchvision.models.segmentation import lraspp_mobilenet_v3_large

from foveate.evaluation.cost import flops, parameters
from foveate.models.create import create_model
from measuring import in_turn, machine, quartiles, ratios, replace_section, save, setting_line, table

CLASSES, STRIDE = 11, 32
MOBILENET = "tu-mobilenetv3_large_100"
FORMS = ("eager", "compiled", "exported")
EXPORT = ("onnx", "onnxscript", "onnxruntime")
PAUSE = 0.05
Run = Callable[[], torch.Tensor]
Size = tuple[int, int]


class Logits(nn.Module):
    """Return only the logits of a torchvision network, which returns a dict."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.network(image)["out"]


def networks(size: Size) -> dict[str, tuple[nn.Module, Size]]:
    """Return the networks by name, each with the height and width of its input."""
    torch.manual_seed(0)
    padded = tuple(math.ceil(length / STRIDE) * STRIDE for length in size)
    ours = {
        "`mssa`, as drawn": create_model("mssa", classes=CLASSES),
        "`mssa`, as coded, ResNet18": create_model("mssa", classes=CLASSES, form="as_coded"),
        "`fcn`, 8s, MobileNetV3": create_model("fcn", MOBILENET, classes=CLASSES),
        "`unet`, MobileNetV3": create_model("unet", MOBILENET, classes=CLASSES),
    }
    lraspp = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=CLASSES)
    unet = smp.Unet(MOBILENET, encoder_weights=None, classes=CLASSES)
    others = {
        f"segmentation_models_pytorch's Unet, MobileNetV3, {padded[0]}x{padded[1]}": (unet, padded),
        "torchvision's LRASPP, MobileNetV3": (Logits(lraspp), size),
    }
    both = {name: (model, size) for name, model in ours.items()} | others
    return {name: (model.eval(), size) for name, (model, size) in both.items()}


def missing_requirement(form: str) -> str:
    """Name what this machine lacks for a form; empty if nothing is missing."""
    if form == "compiled" and not any(map(shutil.which, ("g++", "clang++"))):
        return "a C++ compiler"
    if form == "exported":
        return ", ".join(name for name in EXPORT if importlib.util.find_spec(name) is None)
    return ""


def prepare(form: str, model: nn.Module, image: torch.Tensor, threads: int) -> Run:
    """Return a call of the network in this form on the image, after a check of its output against eager."""
    if form == "exported":
        run = _in_onnx_runtime(model, image, threads)
    else:
        network = torch.compile(model, options={"freezing": True}) if form == "compiled" else model
        run = torch.inference_mode()(lambda: network(image))
    with torch.inference_mode():
        expected = model(image)
    difference = (run() - expected).abs().max().item()
    if difference > 1e-3 * max(1.0, expected.abs().max().item()):
        raise RuntimeError(f"{type(model).__name__}, {form}, differs from eager by {difference}")
    return run


def _in_onnx_runtime(model: nn.Module, image: torch.Tensor, threads: int) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "network.onnx")
        torch.onnx.export(model, (image,), path, dynamo=True, external_data=False, verbose=False)
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: image.numpy()}
    return lambda: torch.from_numpy(session.run(None, feed)[0])


def measure(
    contenders: dict[str, tuple[nn.Module, Size]], forms: list[str], rounds: int, threads: int
) -> dict[str, dict[str, Any]]:
    """Return each network's cost, and for each form the quartiles of frames per second and speed-up."""
    runs, rows = {}, {}
    for name, (model, size) in contenders.items():
        image = torch.rand(1, 3, *size)
        rows[name] = {"size": size, "parameters": parameters(model), "flops": flops(model, image)}
        runs |= {(name, form): prepare(form, model, image, threads) for form in forms}
    for (name, form), taken in (times := in_turn(runs, rounds, pause=PAUSE)).items():
        rows[name][form] = {"frames_per_second": quartiles([1 / seconds for seconds in taken])}
        if form != "eager" and (name, "eager") in times:
            rows[name][form]["times_eager"] = ratios(times[name, "eager"], taken)
    return rows


def lines(rows: dict[str, dict[str, Any]], forms: list[str]) -> list[str]:
    """Return the figures as a table."""
    table_rows = []
    for name, row in rows.items():
        cells = [name, f"{row['parameters'] / 1e6:.2f} M", f"{row['flops'] / 1e9:.2f}"]
        for form in forms:
            low, middle, high = row[form]["frames_per_second"]
            times = f", **{row[form]['times_eager'][1]:.2f}**" if "times_eager" in row[form] else ""
            cells.append(f"{middle:.1f} ({low:.1f} to {high:.1f}){times}")
        table_rows.append(cells)
    return table(["network", "parameters", "GFLOPs", *forms], table_rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=list(FORMS))
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", type=int, nargs=2, default=[360, 480], help="height and width")
    parser.add_argument("--out", type=Path, help="write the numbers as JSON")
    parser.add_argument("--page", type=Path, help="replace the table in this page, between its two comments")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    jaxtyping.config.update("jaxtyping_disable", True)  # annotations are not traced

    missing = {form: words for form in given.forms if (words := missing_requirement(form))}
    forms = [form for form in given.forms if form not in missing]
    rows = measure(networks(tuple(given.size)), forms, given.rounds, given.threads)
    setting = machine(given.threads) | {"rounds": given.rounds, "size": "{}x{}".format(*given.size)}
    page = [f"Frames a second: {setting_line(setting)}.", "", *lines(rows, forms)]
    page += [f"\n{form}: not measured, {words} is missing here" for form, words in missing.items()]
    print("\n".join(page))
    if given.out:
        save(given.out, {"setting": setting, "left_out": missing, "rows": rows})
    if given.page:
        replace_section(given.page, "benchmarks/light_hosts.py", page)


if __name__ == "__main__":
    main()
