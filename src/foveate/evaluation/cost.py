"""The cost of a network: parameters, floating-point operations, time and memory of one inference.

FLOPs are counted by `torch.utils.flop_counter`: two for each multiply-accumulate of convolutions, matrix
products and scaled dot-product attention; element-wise work and normalisation are not counted. The fused
encoder path of `nn.MultiheadAttention`, which the counter cannot see, is switched off while counting.
"""

import copy
import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Cost:
    """The cost of inference on one image, at one input size and on one device.

    parameters: number of learnable values. flops: floating-point operations, two per multiply-accumulate.
    latency_ms, latency_low_ms, latency_high_ms: median and quartiles over repeats. memory_bytes: peak memory
    allocated during inference, without weights and input.
    """

    parameters: int
    flops: int
    latency_ms: float
    latency_low_ms: float
    latency_high_ms: float
    memory_bytes: int


@dataclass(frozen=True)
class Latency:
    """Median and quartiles in milliseconds of one batch-1 inference."""

    median_ms: float
    low_ms: float
    high_ms: float


def parameters(model: nn.Module) -> int:
    """Count the learnable values; shared parameters count once.

    >>> parameters(nn.Conv2d(3, 4, 1))
    16
    """
    return sum(p.numel() for p in model.parameters())


def flops(model: nn.Module, image: Float[Tensor, "b c h w"]) -> int:
    """Count the FLOPs of one forward pass in evaluation mode, two per multiply-accumulate.

    >>> flops(nn.Conv2d(3, 4, 1, bias=False), torch.zeros(1, 3, 5, 5))
    600
    """
    return flops_by_module(model, image)[""]


def flops_by_module(model: nn.Module, image: Float[Tensor, "b c h w"]) -> dict[str, int]:
    """Count as `flops` does, for the model ("") and each of its modules with such operations, by dotted name.

    >>> model = nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), nn.ReLU())
    >>> flops_by_module(model, torch.zeros(1, 3, 5, 5))
    {'': 600, '0': 600}
    """
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with FlopCounterMode(display=False) as counter:
            _infer(model, image)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    root = f"{type(model).__name__}."
    counts = {name: sum(each.values()) for name, each in counter.get_flop_counts().items()}
    modules = {name.removeprefix(root): count for name, count in counts.items() if name.startswith(root)}
    return {"": counter.get_total_flops(), **modules}


def latency(
    models: Mapping[str, nn.Module], image: Float[Tensor, "b c h w"], repeats: int = 20, warm_up: int = 3
) -> dict[str, Latency]:
    """Time one inference of each model in turns (`time_in_turns`); return medians and quartiles.

    >>> times = latency({"a": nn.Identity(), "b": nn.Conv2d(3, 3, 3)}, torch.zeros(1, 3, 8, 8), repeats=5)
    >>> sorted(times), times["b"].low_ms <= times["b"].median_ms
    (['a', 'b'], True)
    """
    times = time_in_turns(models, image, repeats, warm_up)
    return {name: _quartiles(measured) for name, measured in times.items()}


def time_in_turns(
    models: Mapping[str, nn.Module], image: Float[Tensor, "b c h w"], repeats: int = 20, warm_up: int = 3
) -> dict[str, list[float]]:
    """Time one inference of each model in turns: a machine that slows down then slows all models alike.

    Each turn begins with another model. Times are wall clock in milliseconds, one for each turn after
    `warm_up` unmeasured turns.
    """
    names = list(models)
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(warm_up + repeats):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            _finish(image)
            start = time.perf_counter()
            _infer(models[name], image)
            _finish(image)
            if turn >= warm_up:
                times[name].append(1000 * (time.perf_counter() - start))
    return times


def peak_memory(model: nn.Module, image: Float[Tensor, "b c h w"]) -> int:
    """Measure the peak memory of one inference in bytes, without the weights and the input.

    On CUDA it is the allocator's own peak. On the CPU it comes from the profiler, which records every
    allocation and release of PyTorch's allocator; scratch memory inside oneDNN and BLAS is not included.

    >>> peak_memory(nn.Conv2d(3, 4, 1, bias=False), torch.zeros(1, 3, 8, 8)) >= 4 * 8 * 8 * 4
    True
    """
    _infer(model, image)
    if image.is_cuda:
        torch.cuda.synchronize(image.device)
        torch.cuda.reset_peak_memory_stats(image.device)
        before = torch.cuda.memory_allocated(image.device)
        _infer(model, image)
        return torch.cuda.max_memory_allocated(image.device) - before
    # Without this, the profiler's C++ part writes a line to stderr for every start and stop.
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        _infer(model, image)
    allocated = peak = 0
    changes = (e for e in profiler.profiler.kineto_results.events() if e.name() == "[memory]")
    for event in sorted(changes, key=lambda e: e.start_ns()):
        allocated += event.nbytes()
        peak = max(peak, allocated)
    return peak


def costs(
    models: Mapping[str, nn.Module],
    size: tuple[int, int],
    channels: int = 3,
    repeats: int = 20,
    device: torch.device | str = "cpu",
    progress: Callable[[str], None] | None = None,
) -> dict[str, Cost]:
    """Measure every model on the same image of noise, `channels` by `size` (h, w), at batch 1 in float32.

    The models keep their mode and device.
    """
    image = noise_image(channels, size, device)
    on_device = {name: _on_device(model, image.device) for name, model in models.items()}
    times = latency(on_device, image, repeats)
    result = {}
    for name, model in on_device.items():
        if progress is not None:
            progress(name)
        time_ms = times[name]
        result[name] = Cost(
            parameters(model),
            flops(model, image),
            time_ms.median_ms,
            time_ms.low_ms,
            time_ms.high_ms,
            peak_memory(model, image),
        )
    return result


def noise_image(channels: int, size: tuple[int, int], device: torch.device | str) -> Float[Tensor, "1 c h w"]:
    """Return the image of noise that costs are measured on, of a height and width."""
    return torch.rand(1, channels, *size, generator=torch.Generator().manual_seed(0)).to(device)


def _on_device(model: nn.Module, device: torch.device) -> nn.Module:
    current = next(iter(model.parameters()), torch.empty(0)).device
    return model if current == device else copy.deepcopy(model).to(device)


def _infer(model: nn.Module, image: Tensor) -> None:
    training = [module for module in model.modules() if module.training]
    if training:
        model.eval()
    try:
        with torch.inference_mode():
            model(image)
    finally:
        for module in training:
            module.training = True


def _finish(image: Tensor) -> None:
    if image.is_cuda:
        torch.cuda.synchronize(image.device)


def _quartiles(times: list[float]) -> Latency:
    if len(times) < 2:
        return Latency(times[0], times[0], times[0])
    low, median, high = statistics.quantiles(times, n=4, method="inclusive")
    return Latency(median, low, high)
