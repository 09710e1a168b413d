"""Test what the benchmarks count, predict and write; run the largest one on small maps."""

import json
import os
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention as fused

from foveate.attention.kernels.rowwise import attend_by_rows

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    """Load a benchmark by name, under a module name that does not clash with the package `attention`."""
    monkeypatch.syspath_prepend(BENCHMARKS)

    def load(name: str) -> ModuleType:
        spec = spec_from_file_location(f"benchmark_{name}", BENCHMARKS / f"{name}.py")
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def test_work_is_operations_bytes_and_exponentials(benchmark):
    count_work = benchmark("bounds").count_work
    a, b = torch.randn(5, 4), torch.randn(4, 6)
    assert count_work(lambda: a + a) == {"operations": 0, "bytes": 3 * 80, "exponentials": 0}
    assert count_work(lambda: a.mT) == {"operations": 0, "bytes": 0, "exponentials": 0}
    assert (
        count_work(lambda: a[:, :1].expand(5, 9).exp())["bytes"] == 80 + 180
    )  # expanded elements count once
    moved = 4 * (20 + 24 + 30) + 4 * (30 + 30)
    assert count_work(lambda: (a @ b).softmax(-1)) == {"operations": 240, "bytes": moved, "exponentials": 30}


@pytest.mark.parametrize(
    "attend", [lambda *qkv: attend_by_rows(*qkv)[0], lambda *qkv: fused(*(a[None] for a in qkv))]
)
def test_work_inside_fused_attention_is_counted(benchmark, attend):
    count_work = benchmark("bounds").count_work
    q, k, v = torch.randn(3, 1, 36, 8).requires_grad_()
    done = count_work(lambda: attend(q, k, v).sum().backward())
    assert done["operations"] == (2 + 5) * 2 * 36**2 * 8
    assert done["exponentials"] == 2 * 36**2  # forward, and backward again


def test_costs_are_predicted_as_linear_plus_quadratic(benchmark):
    predict_cost = benchmark("attention").predict_cost
    rows = [{"side": side, "growth_mb": 3 * side**2 + 0.5 * side**4} for side in (2, 4, 8)]
    assert predict_cost(rows[:2], "growth_mb", 8) == pytest.approx(rows[2]["growth_mb"])
    assert predict_cost(rows[:1], "growth_mb", 4) == pytest.approx(16 * rows[0]["growth_mb"])
    flat = [{"side": 2, "growth_mb": 5.0}, {"side": 4, "growth_mb": 6.0}]
    assert predict_cost(flat, "growth_mb", 8) == pytest.approx(24.0)


def test_the_table_says_what_a_form_left_out_would_need(benchmark):
    ours = {"mechanism": "se", "side": 8, "form": "ours", "forward_s": 1e-3, "backward_s": 2e-3}
    ours |= {"median_s": 3e-3, "lower_quartile_s": 2e-3, "upper_quartile_s": 4e-3, "growth_mb": 2.0}
    naive = {"mechanism": "se", "side": 8, "form": "naive"}
    ended = {**naive, "once_s": 1.0, "predicted_growth_mb": 1.0, "predicted_median_s": 1.0}
    left_out = {**naive, "predicted_growth_mb": 12345.0, "predicted_median_s": 99.6}
    run = {**ours, "form": "naive", "median_s": 9e-3, "growth_mb": 6.0}
    times = benchmark("attention_page").times
    shown = [next(times([ours, other]))[6:] for other in (left_out, ended, run)]
    assert shown[0] == ["left out: would need about 12.3 GB and 100 s", "", "", "", ""]
    assert shown[1][0] == "ended by the system"
    assert shown[2] == ["9.00", "2.00 to 4.00", "6", "3.0", "1/3.0"]


def test_every_run_takes_one_turn_in_every_round(benchmark):
    calls = []
    runs = {name: lambda name=name: calls.append(name) for name in "abc"}
    taken = benchmark("measuring").in_turn(runs, rounds=2, pause=1e-6)
    assert [len(values) for values in taken.values()] == [2, 2, 2]
    assert all(sorted(calls[start : start + 6]) == list("aabbcc") for start in (0, 6, 12))
    assert all(first == second for first, second in zip(calls[::2], calls[1::2], strict=True))


def test_a_process_returns_its_result_fails_or_is_killed(benchmark):
    run_in_process = benchmark("measuring").run_in_process
    assert run_in_process(os.path.join, "a", "b", threads=1) == "a/b"
    assert run_in_process(lambda: os.kill(os.getpid(), 9), threads=1) is None
    with pytest.raises(SystemExit, match="failed, see above"):
        run_in_process(os.path.join, 3, threads=1)


def test_the_section_between_two_comments_is_replaced(benchmark, tmp_path):
    page, replace_section = tmp_path / "page.md", benchmark("measuring").replace_section
    page.write_text("# Title\n\n<!-- it -->\n\nold\n\n<!-- end of it -->\n\nWords.\n")
    for lines in (["new", "lines"], ["newer"]):
        replace_section(page, "it", lines)
    assert page.read_text() == "# Title\n\n<!-- it -->\n\nnewer\n\n<!-- end of it -->\n\nWords.\n"
    with pytest.raises(SystemExit, match="expected the lines '<!-- that -->' and '<!-- end of that -->'"):
        replace_section(page, "that", [])


def test_pages_have_the_comments(benchmark):
    docs = BENCHMARKS.parent / "docs"
    for name, page in (
        ("attention", "results/attention"),
        ("gates", "results/benchmarks"),
        ("jobs", "results/benchmarks"),
        ("planted", "results/planted"),
        ("light_hosts", "hosts"),
    ):
        text = (docs / f"{page}.md").read_text()
        assert text.count(f"<!-- benchmarks/{name}.py -->") == 1
        assert text.count(f"<!-- end of benchmarks/{name}.py -->") == 1


def test_planted_contenders_have_the_gates_that_their_mechanism_can_have(benchmark, tmp_path):
    planted = benchmark("planted")
    of = {name: planted.Pool(name, tmp_path).contenders for name in ("light", "cue")}
    forms = {name: [gate for _, gate in contenders.values()] for name, contenders in of.items()}
    assert forms["light"] == ["zero", "zero", "zero", "none"]
    assert forms["cue"] == ["zero", "zero", "zero", "zero", "none"]


def test_triples_of_seeds_share_none_and_every_pair_comes_once(benchmark):
    planted = benchmark("planted")
    assert planted.disjoint([0, 1, 3, 4, 5, 6, 8]) == [(0, 1, 3), (4, 5, 6)]
    pairs = list(planted.pairs_of_triples(range(7)))
    assert len(set(map(frozenset, pairs))) == len(pairs) == 35 * 4 / 2
    assert all(not set(first) & set(second) for first, second in pairs)


def test_the_colour_of_a_disc_says_its_class_in_most_cases_and_its_neighbours_nothing(benchmark):
    draw, right, shares = benchmark("planted").draw_local, [], []
    for index in range(100):
        image, mask = draw(index, (48, 48))
        pixels = image[mask > 0].astype(float)
        right.append(((pixels[:, 2] > pixels[:, 0] - 10) + 1 == mask[mask > 0]).mean())
        shares.append((mask[mask > 0] == 1).mean())
    assert 0.78 < np.mean(right) < 0.9
    assert np.mean(shares) == pytest.approx(0.5, abs=0.05)


def test_every_attention_is_measured_and_drawn(tmp_path):
    comments = "<!-- benchmarks/attention.py -->\n<!-- end of benchmarks/attention.py -->\n"
    (tmp_path / "attention.md").write_text(comments)
    script = [sys.executable, str(BENCHMARKS / "attention.py"), "--mechanisms", "se", "--sides", "4", "6"]
    options = ["--rounds", "3", "--threads", "1", "--out", str(tmp_path)]
    subprocess.run([*script, *options], check=True, capture_output=True, timeout=300)
    rows = json.loads((tmp_path / "attention.json").read_text())["rows"]
    assert [(row["side"], row["form"]) for row in rows] == [
        (4, "ours"),
        (4, "naive"),
        (6, "ours"),
        (6, "naive"),
    ]
    assert all(row["median_s"] > 0 and row["rounds"] == 3 for row in rows)
    assert all(rate > 0 for row in rows[::2] for rate in row["rates"].values())
    assert (tmp_path / "attention.md").read_text().count("\n| se | 4 |") == 2
    assert (tmp_path / "attention.svg").stat().st_size > 0


def test_a_rank_correlation_counts_only_candidates_that_are_trained(benchmark, tmp_path, monkeypatch):
    place = benchmark("place")
    monkeypatch.setattr(
        place, "_spec", lambda name: place.default_comparison(place.open_dataset("synthetic:cue:8"))
    )
    task = place.Task("cue", tmp_path, place.SMALL)
    task.arms = ("a@x", "b@x", "c@x", "d@x")
    gains = {"none": 0.5, "a@x": 0.6, "b@x": 0.7, "c@x": 0.9}
    for arm in gains:
        for form in place.FORMS:
            folder = task.folder(form, arm, 0)
            folder.mkdir(parents=True)
            (folder / "scores.json").write_text("{}")
    monkeypatch.setattr(place, "read_scores", lambda run: SimpleNamespace(miou=gains[run.parent.name]))
    monkeypatch.setattr(
        place, "Run", lambda run: SimpleNamespace(result=SimpleNamespace(best_score=gains[run.parent.name]))
    )
    place.save(
        task.out / "scores.json",
        {"scores": {arm: dict.fromkeys(place.SCORES, -gains.get(arm, 0)) for arm in task.arms}},
    )
    assert task.counted == ["a@x", "b@x", "c@x"]
    assert task.truth == pytest.approx([0.1, 0.2, 0.4])
    found = task.correlations()
    assert (found["trial"], found["short"]) == (pytest.approx(-1), pytest.approx(1))
