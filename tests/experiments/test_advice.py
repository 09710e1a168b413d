from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from foveate.doctor.facts import gather
from foveate.doctor.visit import visit
from foveate.experiments import advice
from foveate.experiments.advice import advise
from foveate.experiments.capacity import STATES, WORKING, free_bytes, step_bytes
from foveate.experiments.defaults import HOSTS
from foveate.models.create import create_model
from foveate.training.environment import device_kind


def advised(root):
    survey = visit(root)
    return advise(survey, gather(survey))


def write(root, count: int = 8, share: float = 0.2) -> None:
    for number in range(count):
        image = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        mask = np.zeros((96, 128), dtype=np.uint8)
        mask[: max(2, int(96 * share)), :20] = 1
        mask[60:62, 60:62] = 2
        for folder, pixels in (("images", image), ("masks", mask)):
            (root / folder).mkdir(parents=True, exist_ok=True)
            shown = Image.fromarray(pixels).resize((128, 96), Image.Resampling.NEAREST)
            shown.save(root / folder / f"{number}.png")


@pytest.mark.parametrize(
    ("task", "options", "classes", "size"),
    [
        ("segmentation", {}, 2, (64, 96)),
        ("segmentation", {}, 21, (32, 32)),
        ("classification", {}, 10, (64, 96)),
        ("classification", {"stem": "small"}, 100, (32, 32)),
    ],
)
def test_memory_of_a_step_is_what_autograd_saves(task, options, classes, size):
    """Compare with the storages of the tensors saved for the backward pass of two images."""
    spec = replace(HOSTS[task], options=options)
    fixed, per_image = step_bytes(spec, classes, size)
    host = create_model(spec.arch, spec.encoder, classes=classes, arm="none", **options)
    parameters = {p.untyped_storage().data_ptr() for p in host.parameters()}
    kept = {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = host(torch.rand(2, 3, *size)).square().mean()
    held = sum(t.untyped_storage().nbytes() for pointer, t in kept.items() if pointer not in parameters)
    assert loss.requires_grad
    assert per_image == pytest.approx(WORKING * held / 2, rel=0.02)
    assert fixed == STATES * 4 * sum(p.numel() for p in host.parameters())


def test_free_memory_is_positive():
    device, free = free_bytes()
    assert device == device_kind()
    assert 0 < free < 2**50


def test_class_weights_are_recommended_for_rare_classes(tmp_path):
    write(tmp_path)
    recommended = advised(tmp_path)
    assert (recommended.size, recommended.batch) == ((96, 128), 2)
    assert recommended.flags == "--size 96x128 --batch 2 --loss dice_ce --class-weights inverse_sqrt"
    assert recommended.why[0].endswith("2 make 3 steps of an epoch of 6 training images")
    assert recommended.why[1].startswith("'class 2' has 0.03% of the pixels")
    assert recommended.score == "mIoU, and the IoU of each class"
    assert "most objects are below 32 x 32 pixels at this size" in recommended.why[2]


def test_short_memory_makes_batch_and_size_smaller(tmp_path, monkeypatch):
    write(tmp_path, count=80)
    fixed, per_image = step_bytes(HOSTS["segmentation"], 3, (96, 128))
    monkeypatch.setattr(advice, "free_bytes", lambda: ("cpu", int((fixed + 3 * per_image) / 0.75)))
    assert (advised(tmp_path).size, advised(tmp_path).batch) == ((96, 128), 2)
    monkeypatch.setattr(advice, "free_bytes", lambda: ("cpu", int((fixed + 1.5 * per_image) / 0.75)))
    assert (advised(tmp_path).size, advised(tmp_path).batch) == ((32, 64), 4)


def test_too_little_memory_is_reported(tmp_path, monkeypatch):
    write(tmp_path)
    monkeypatch.setattr(advice, "free_bytes", lambda: ("cpu", 10_000_000))
    assert "too little memory even for one image" in advised(tmp_path).why[0]


@pytest.mark.parametrize(
    ("counts", "flags", "score"),
    [
        ({"ant": 6, "bee": 8}, "--size 32x32 --batch 2 --loss ce", "accuracy"),
        (
            {"ant": 4, "bee": 24},
            "--size 32x32 --batch 2 --loss ce --class-weights inverse_sqrt",
            "balanced accuracy",
        ),
    ],
)
def test_class_folders(tmp_path, counts, flags, score):
    for name, count in counts.items():
        (tmp_path / name).mkdir()
        for number in range(count):
            pixels = np.random.default_rng(number).integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    recommended = advised(tmp_path)
    assert (recommended.flags, recommended.score) == (flags, score)


def test_too_few_images_for_any_advice(tmp_path):
    write(tmp_path, count=2)
    assert advised(tmp_path) is None
