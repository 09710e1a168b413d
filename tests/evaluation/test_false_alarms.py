"""A small run of benchmarks/false_alarms.py: arms that differ by luck alone are rarely told apart."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from foveate.evaluation.comparison import paired_difference

SIMULATIONS = 300
# At 5% false alarms, more than this happens once in 1,000 runs of the test.
MOST = int(stats.binom.ppf(0.999, SIMULATIONS, 0.05))


@pytest.fixture(scope="module")
def benchmark():
    path = Path(__file__).parents[2] / "benchmarks" / "false_alarms.py"
    spec = importlib.util.spec_from_file_location("false_alarms", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("seeds", "noise"), [(2, 0.02), (3, 0.01), (8, 0.0)])
def test_false_alarms_stay_at_five_percent(benchmark, seeds, noise):
    pairs = benchmark.draw_pairs(seeds, noise, SIMULATIONS)
    assert sum(paired_difference(a, b).excludes_zero for a, b in pairs) <= MOST


def test_a_true_difference_is_found(benchmark):
    for arm, baseline in benchmark.draw_pairs(5, 0.005, 30):
        mended = arm * (1 - np.eye(benchmark.CLASSES, dtype=np.int64)) // 2
        better = arm - mended + np.eye(benchmark.CLASSES, dtype=np.int64) * mended.sum(-1, keepdims=True)
        found = paired_difference(better, baseline)
        assert found.excludes_zero
        assert found.mean > 0
