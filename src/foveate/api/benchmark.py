"""Time a trained network in every form in which it can run on this machine's CPU."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from foveate.errors import UserError
from foveate.models.hub import located
from foveate.models.weights_file import find_model
from foveate.specs.sizes import parse_size

if TYPE_CHECKING:
    from foveate.evaluation.cost import Latency

DEFAULT_SIZE = (256, 256)


@dataclass(frozen=True)
class Benchmark:
    """The times of one image. times: by height and width, and by form. left_out: by form, why."""

    times: "dict[tuple[int, int], dict[str, Latency]]"
    left_out: dict[str, str]
    threads: int


def benchmark(
    run: str | Path,
    sizes: Sequence[str] = (),
    threads: int | None = None,
    rounds: int = 20,
    progress: Callable[[str], None] | None = None,
) -> Benchmark:
    """Time one image in PyTorch (eager, channels last, compiled), ONNX Runtime, OpenVINO and INT8.

    Args:
        run: a run directory, a packed run (.zip), or hf://USER/NAME.
        sizes: heights and widths, such as "360x480". Default: the size of the run.
        threads: of every form. Default: as many as PyTorch uses here.
        rounds: timed turns of all forms.
        progress: called with the name of each step.

    All forms take turns within one process. Raises `UserError` for an exported file, and for sizes, threads
    and rounds that are none.
    """
    source = find_model(located(run))
    if source.suffix.lower() in (".onnx", ".xml"):
        raise UserError(f"{run}: is an exported file; name the run that it came from")
    shapes = [parse_size(text, "--sizes") for text in sizes]
    if rounds < 1 or (threads is not None and threads < 1):
        raise UserError("--rounds, --threads: give 1 or more")
    import torch

    from foveate.export.forms import prepare_forms, time_forms
    from foveate.models.checkpoints import load_model
    from foveate.prediction.facts import facts_of

    tell = progress or (lambda step: None)
    model = load_model(source)
    shapes = shapes or [facts_of(model).size or DEFAULT_SIZE]
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        with tempfile.TemporaryDirectory(prefix="foveate-") as folder:
            used = torch.get_num_threads()
            forms, left_out = prepare_forms(
                model, Path(folder), shapes[0], used, lambda form: tell(f"Preparing: {form}")
            )
            times = {}
            for size in dict.fromkeys(shapes):
                tell(f"Timing at {size[0]}x{size[1]}")
                times[size] = time_forms(forms, size, rounds)
    finally:
        torch.set_num_threads(before)
    return Benchmark(times, left_out, used)
