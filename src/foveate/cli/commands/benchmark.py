"""`foveate benchmark`: the speed of a trained network in every form in which it can run."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from foveate.evaluation.cost import Latency


def benchmark(
    run: str, *, sizes: list[str] | None = None, threads: int | None = None, rounds: int = 20
) -> None:
    """Time one image in PyTorch (eager, channels last, compiled), ONNX Runtime, OpenVINO and INT8.

    All forms take turns on this machine's CPU. Each line has the median, the quartiles, and how many times as
    fast as eager the form is. What this machine lacks is named.

    Args:
        run: a run directory, a packed run (.zip), or hf://USER/NAME.
        sizes: heights and widths, such as 360x480 720x960; the run's size if not given.
        threads: of every form; as many as PyTorch uses here if not given.
        rounds: timed turns.

    Example:
      foveate benchmark runs/a --sizes 360x480 --threads 2
    """
    from foveate.api.benchmark import benchmark as measure

    found = measure(run, sizes or (), threads, rounds, lambda step: print(step, flush=True))
    for (height, width), times in found.times.items():
        threads_used = f"{found.threads} thread{'s' * (found.threads != 1)}"
        print(f"\n{height}x{width}, one image, {threads_used}, median of {rounds} turns (quartiles):")
        print("\n".join(_rows(times)))
    for form, reason in found.left_out.items():
        print(f"{form}: left out, needs {reason}")


def _rows(times: "dict[str, Latency]") -> list[str]:
    width = max(map(len, times))
    eager = times["eager"].median_ms
    return [
        f"  {form:<{width}}  {one.median_ms:8.1f} ms ({one.low_ms:.1f} to {one.high_ms:.1f})"
        f"  {eager / one.median_ms:5.2f} times as fast"
        for form, one in times.items()
    ]
