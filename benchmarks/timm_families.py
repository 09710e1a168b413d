"""Where attention can sit in the smallest model of every family of timm, at the size it was published for.

    python benchmarks/timm_families.py [FAMILY ...] [--largest 60]

One row a family: the model, where its features are and how they are kept, whether step 0 is the host bit for
bit and a gradient reaches every gate, and what happens at another size; or the reason of the refusal.
"""

import argparse
import math
from collections import Counter

import timm
import torch
from torch import nn

from foveate.errors import UserError
from foveate.models.attaching.attach import attach
from foveate.models.places.find import find_places


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("families", nargs="*", help="timm's modules; all of them by default")
    parser.add_argument("--largest", type=float, default=150, help="million parameters; larger are left out")
    wanted = parser.parse_args()
    results: Counter[str] = Counter()
    print("| family | model | result | places | another size |\n| --- | --- | --- | --- | --- |")
    for family in wanted.families or timm.list_modules():
        name, parameters = smallest(family)
        if parameters > wanted.largest * 1e6:
            row = ["left out", f"{parameters / 1e6:.0f} M parameters", ""]
        else:
            row = tried(timm.create_model(name).eval())
        results[row[0]] += 1
        print(f"| {family} | `{name}` | {' | '.join(row)} |", flush=True)
    print("\n" + ", ".join(f"{count} {what}" for what, count in results.most_common()))


def smallest(family: str) -> tuple[str, int]:
    """The published model of a family with the fewest parameters."""
    sizes = {}
    for name in timm.list_models(module=family):
        with torch.device("meta"):
            sizes[name] = sum(parameter.numel() for parameter in timm.create_model(name).parameters())
    return min(sizes.items(), key=lambda item: item[1])


def tried(model: nn.Module) -> list[str]:
    """Result, places, and what happens at another size."""
    torch.manual_seed(0)
    for parameter in model.parameters():  # heads that start at 0 would let no gradient through
        if parameter.ndim == 2 and not parameter.any():
            nn.init.normal_(parameter, std=0.02)
    height, width = model.pretrained_cfg["input_size"][1:]
    image, taller = torch.rand(1, 3, height, width), torch.rand(1, 3, 2 * height, width)
    expected, at_another = model(image), output_of(model, taller)
    try:
        places = {name: place for name, place in find_places(model, image).items() if name[:-1] == "encoder"}
        attach(model, "+".join(f"eca@{name}" for name in places) or "eca@encoder4", example=image)
    except UserError as error:
        return ["refused", " ".join(str(error).split())[:200], ""]
    result = model(image)
    result.square().sum().backward()
    gates = [getattr(model.attached, f"eca_{name}").gate.grad for name in places]
    listed = {round(math.log2(entry["reduction"])) for entry in model.feature_info}
    absent = [f"encoder{k}" for k in sorted(listed) if 1 <= k <= 5 and f"encoder{k}" not in places]
    shown = ", ".join(f"{name[-1]} {place.module} ({place.axes.layout})" for name, place in places.items())
    shown += f"; without {', '.join(absent)}" if absent else ""
    if not torch.equal(result, expected):
        return ["differs at step 0", shown, ""]
    if not all(gate is not None and gate.abs() > 0 for gate in gates):
        return ["no gradient", shown, ""]
    if at_another is None:
        return ["works", shown, "the model takes none"]
    same = output_of(model, taller)
    return ["works" if same is not None and torch.equal(same, at_another) else "breaks", shown, "works"]


def output_of(model: nn.Module, image: torch.Tensor) -> torch.Tensor | None:
    """What the model gives for an image; None where it takes none of that size."""
    try:
        with torch.no_grad():
            return model(image)
    except Exception:
        return None


if __name__ == "__main__":
    main()
