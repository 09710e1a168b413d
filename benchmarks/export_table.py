"""Export every host, and every mechanism in a host, to ONNX, and say which files compute the same.

    python benchmarks/export_table.py [--only WORD ...] [--out FILE.json] [--page docs/export.md]

Every network is small or as its host builds it, has random weights and its attention in the published form
(no gate, which would begin closed), and is traced for any size and number of images. The file must agree with
PyTorch at three sizes, one odd and one not square, with one and three images. Networks that fail are listed
with the reason; the table is empty if there are none. With --out, results are added to those in the file, so
that the walk can be stopped and continued.
"""

import argparse
import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jaxtyping
import numpy as np
import torch

import foveate
from foveate.errors import UserError
from foveate.export.graph import open_example, trace
from foveate.export.onnx_file import to_onnx, write_onnx
from foveate.export.parity import FLOAT, measure, trial_sizes
from foveate.models.names import host_names
from foveate.prediction.facts import facts_of
from measuring import machine, replace_section, save, setting_line, table

SIZE = (64, 96)
ENCODERS = {"fcbformer": "tu-pvt_v2_b0", "classifier": "resnet18"}
"""The encoder of a host whose own would be large, or that has none."""

HOST = "unet"
PLACES = {"afma": "logits", "gate": "skips"}
"""The place of a mechanism; that of the others is the decoder."""


@dataclass(frozen=True)
class Contender:
    """A network to export: arguments of `create_model`."""

    arch: str
    arm: str = "none"
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        encoder = self.options.get("encoder_name", "")
        return " ".join(filter(None, [self.arch, encoder, "" if self.arm == "none" else self.arm]))


def contenders() -> list[Contender]:
    """Every host without attention, and every mechanism in one host."""
    hosts = [
        Contender(arch, options={"encoder_name": ENCODERS[arch]} if arch in ENCODERS else {})
        for arch in host_names()
    ]
    vision_transformer = Contender("classifier", options={"encoder_name": "vit_tiny_patch16_224"})
    small = {"encoder_depth": 3, "decoder_channels": (32, 16, 16)}
    arms = []
    for name in foveate.attention_names():
        if name != "afma":
            arms.append(f"{name}@{PLACES.get(name, 'decoder')}")
    arms += [
        "afma@logits(level=2,patch_size=4)",
        "swin_window@decoder(shifted=true)",
        "smooth@decoder(threshold=0.1)",
    ]
    return [*hosts, vision_transformer, *(Contender(HOST, arm, small) for arm in arms)]


def attempt(contender: Contender) -> dict[str, Any]:
    """Export one network and compare it; the reason is "" if it computes the same."""
    torch.manual_seed(0)
    gate = "none" if contender.arm != "none" else "zero"
    model = foveate.create_model(contender.arch, classes=3, arm=contender.arm, gate=gate, **contender.options)
    model.eval()
    noise = np.random.default_rng(0)
    samples = [(noise.integers(0, 256, (*SIZE, 3), dtype=np.uint8), None) for _ in range(4)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "network.onnx")
        try:
            write_onnx(to_onnx(trace(model, open_example(model))), path, facts_of(model))
            parity = measure(model, foveate.load(path).model, samples, trial_sizes(SIZE))
        except (UserError, RuntimeError) as error:
            return {"reason": str(error).partition("\n")[0]}
        except Exception as error:  # the runtime's own kinds, which share no base
            return {"reason": f"ONNX Runtime fails: {str(error).partition(chr(10))[0]}"}
    return {"reason": parity.excess(FLOAT), "difference": parity.difference, "changed": parity.changed}


def lines(results: dict[str, dict[str, Any]]) -> list[str]:
    """Return the counts and the table of exceptions."""
    failed = {name: result["reason"] for name, result in results.items() if result["reason"]}
    good = [result["difference"] for result in results.values() if not result["reason"]]
    text = [
        f"{len(good)} of {len(results)} networks export and compute the same, with a largest difference of a "
        f"logit of {max(good, default=0):.1e}: every host without attention, and every mechanism in a U-Net."
    ]
    if failed:
        text += ["", *table(["network", "why it does not export"], failed.items())]
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

    results = json.loads(given.out.read_text())["rows"] if given.out and given.out.exists() else {}
    setting = machine(torch.get_num_threads())
    for contender in contenders():
        chosen = not given.only or any(word in contender.name for word in given.only)
        if chosen and contender.name not in results:
            results[contender.name] = attempt(contender)
            print(contender.name, results[contender.name], flush=True)
            if given.out:
                save(given.out, {"setting": setting, "rows": results})
    page = [*lines(results), "", f"Measured with {setting_line(setting)}."]
    print("\n".join(page))
    if given.page:
        replace_section(given.page, "benchmarks/export_table.py", page)


if __name__ == "__main__":
    main()
