"""What a network costs: parameters, floating-point operations, time and memory of one inference."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """One image through a network.

    parameters: how many numbers were learned. flops: floating-point operations, two per multiply-accumulate.
    latency_ms, latency_spread_ms: median and interquartile range. memory_bytes: peak above the weights.
    """

    parameters: int
    flops: int
    latency_ms: float
    latency_spread_ms: float
    memory_bytes: int
