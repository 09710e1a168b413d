"""Run benchmarks/false_alarms.py on few simulations: arms that differ only by luck rarely get a verdict, and
other methods give more than 5% false alarms on the same draws."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from foveate.verdicts.comparison import paired_difference

SIMULATIONS = 400
# With a true rate of 5%, a larger count has a probability of 5%. The draws are fixed.
MOST = int(stats.binom.ppf(0.95, SIMULATIONS, 0.05))


@pytest.fixture(scope="module")
def benchmark():
    path = Path(__file__).parents[2] / "benchmarks" / "false_alarms.py"
    spec = importlib.util.spec_from_file_location("false_alarms", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("score", "seeds", "noise", "rejected"),
    [
        ("mIoU", 2, 0.02, "bootstrap of seeds"),
        ("mIoU", 3, 0.01, "t over seeds"),
        ("mIoU", 8, 0.0, "t over seeds"),
        ("accuracy", 2, 0.0, "t over seeds"),
        ("accuracy", 3, 0.01, "t over seeds"),
        ("accuracy", 5, 0.02, "t over seeds"),
    ],
)
def test_false_alarms_stay_at_five_percent_where_another_method_has_more(
    benchmark, score, seeds, noise, rejected
):
    names = ("foveate", rejected)
    pairs = benchmark.draw_pairs(score, seeds, noise, SIMULATIONS)
    alarms = np.array([[benchmark.METHODS[name](pair) for name in names] for pair in pairs]).sum(0)
    assert alarms[0] <= MOST < alarms[1]


def test_a_true_difference_is_found(benchmark):
    for pair in benchmark.draw_pairs("mIoU", 5, 0.005, 30):
        arm, baseline = pair.arms
        mended = arm * (1 - np.eye(benchmark.CLASSES, dtype=np.int64)) // 2
        better = arm - mended + np.eye(benchmark.CLASSES, dtype=np.int64) * mended.sum(-1, keepdims=True)
        found = paired_difference(better, baseline)
        assert found.excludes_zero
        assert found.mean > 0
