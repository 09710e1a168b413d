"""A sweep on a real Ray cluster of two nodes on this machine, one of which is killed while it trains."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from foveate.experiments.result import load_comparison

pytest.importorskip("ray")

SCRIPT = Path(__file__).with_name("ray_story.py")


@pytest.fixture(scope="module")
def story(tmp_path_factory) -> SimpleNamespace:
    """What happened, and where; see ray_story.py."""
    out, data = tmp_path_factory.mktemp("sweeps"), tmp_path_factory.mktemp("data")
    for folder in ("images", "masks"):
        (data / folder).mkdir()
        for number in range(8):
            pixels = np.random.default_rng(number).choice(np.array([0, 255], np.uint8), (12, 16))
            Image.fromarray(pixels).save(data / folder / f"{number:02d}.png")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(out), str(data)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return SimpleNamespace(out=out, data=data, **json.loads((out / "story.json").read_text()))


def test_no_run_is_lost_and_none_is_doubled(story):
    assert story.killed
    assert story.failed == []
    assert story.done == 4
    assert story.begun_again == 1
    assert len(list((story.out / "ray/runs").iterdir())) == 4


def test_the_weights_are_those_of_the_local_engine(story):
    assert len(story.runs) == 4
    for run in story.runs:
        on_ray, here = (story.out / name / run / "best.safetensors" for name in ("ray", "here"))
        assert on_ray.read_bytes() == here.read_bytes()


def test_the_results_are_those_of_the_local_engine(story):
    on_ray, here = story.rows
    assert len(on_ray) == 4
    assert on_ray == here


def test_a_run_with_opened_data_and_its_splits_is_sent_without_them(story):
    on_ray, here = story.splits
    assert on_ray == here
    assert on_ray["val"] == ["scene000008"]
    on_ray, here = (story.out / "opened" / name / "best.safetensors" for name in ("ray", "here"))
    assert on_ray.read_bytes() == here.read_bytes()


def test_a_machine_without_the_data_is_named(story):
    (error,) = story.absent
    assert error.startswith(f"DataError: on {story.host}: {story.data}")


def test_a_command_that_is_killed_and_given_again_compares_as_one_without_ray(story):
    assert story.compared == {"begun_before_the_kill": 1, "codes": [0, 0]}
    folders = [story.out / "compared" / name for name in ("ray", "here")]
    runs = [sorted(path.relative_to(folder) for path in folder.glob("runs/*/*")) for folder in folders]
    assert len(runs[0]) == 4
    assert runs[0] == runs[1]
    for run in runs[0]:
        on_ray, here = (folder / run / "best.safetensors" for folder in folders)
        assert on_ray.read_bytes() == here.read_bytes()
    on_ray, here = (load_comparison(folder) for folder in folders)
    assert str(on_ray.contenders) == str(here.contenders)
    assert on_ray.result("se@decoder").verdict == here.result("se@decoder").verdict
