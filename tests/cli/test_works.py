"""Test that the papers' configs are valid for `compare`, start training, and state their command."""

import re
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from foveate.cli.commands.compare import compare
from foveate.cli.flags import build_settings
from foveate.cli.main import main
from foveate.cli.parser import build_parser, group_flags, normalise
from foveate.loading.module import DataModule
from foveate.models.attaching.check import check_arm
from foveate.models.attaching.heads import create_head
from foveate.specs.comparison import ComparisonSpec
from foveate.specs.model import ModelSpec
from foveate.training.build import build_task
from foveate.training.optimization import create_optimizer, parameter_groups

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "configs" / "works").glob("*.yaml"))
SMALL = ["--size", "64x64", "--crop", "64x64", "--batch", "2", "--epochs", "1", "--seeds", "2"]
SMALL += ["--encoder-weights", "none", "--precision", "32"]

each = pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)


def arms_of(path: Path) -> list[str]:
    return yaml.safe_load(path.read_text())["arms"]


def flags(path: Path, *more: str) -> dict:
    parser = build_parser(compare, "foveate compare")
    words = ["photos", "--config", str(path), *more]
    return group_flags(compare, vars(parser.parse_args(normalise(words, parser))))


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> dict[str, str]:
    """Images by what they are labelled with: scenes with masks, and leaves in a folder a class."""
    leaves = tmp_path_factory.mktemp("leaves")
    for number, label in product(range(4), ("healthy", "mosaic", "wilted")):
        (leaves / label).mkdir(exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(leaves / label / f"{number}.png")
    return {"masks": "synthetic:2:64x64", "labels": str(leaves)}


@each
def test_a_work_starts(path, sources):
    """Its first, middle and last arm are built, and make one training step as a run makes it."""
    arms = arms_of(path)
    given = flags(path, *SMALL, *(["--encoder", "tu-pvt_v2_b0"] if "fcbformer" in path.stem else []))
    source = sources["labels" if path.stem.startswith("residual") else "masks"]
    settings = build_settings(source, given["images"], given["model"], given["training"])
    spec = ComparisonSpec(
        settings.data,
        settings.host(ModelSpec()),
        settings.schedule(given["epochs"]),
        arms=tuple(given["arms"]),
        seeds=given["seeds"],
    )
    data = DataModule(spec.data, spec.first_seed, spec.training.epochs)
    batch = next(iter(data.train_dataloader()))
    for arm in dict.fromkeys((arms[0], arms[len(arms) // 2], arms[-1])):
        task = build_task(spec.run(arm, spec.first_seed), data).train()
        groups = parameter_groups(task.model, task.encoder[0], spec.training, steps=100)
        optimizer = create_optimizer(groups, spec.training, fused=True)
        task.training_step(batch, 0)["loss"].backward()
        optimizer.step()
        assert all(parameter.isfinite().all() for parameter in task.parameters())


@each
def test_every_arm_of_a_work_is_known(path):
    for text in arms_of(path):
        for head in check_arm(text).heads:
            create_head(head.name, 4, 2, **dict(head.options))
    assert len(set(arms_of(path))) == len(arms_of(path))


@each
def test_fit_takes_the_file_of_a_work_with_one_of_its_arms(path, capsys):
    arms = arms_of(path)
    chosen = ["--arm", arms[-1]] if len(arms) > 1 else []
    assert main(["fit", "photos", "--config", str(path), *chosen, "--print-config"]) == 0
    printed, config = yaml.safe_load(capsys.readouterr().out), yaml.safe_load(path.read_text())
    assert printed["arm"] == arms[-1]
    shared = config.keys() & printed.keys() - {"classes", "milestones"}
    assert shared >= {"arch", "size", "epochs", "lr", "batch"}
    assert {name: printed[name] for name in shared} == {name: config[name] for name in shared}


def test_fit_asks_which_of_several_arms_to_train(capsys):
    path = ROOT / "configs" / "works" / "smooth_thresholds.yaml"
    assert main(["fit", "photos", "--config", str(path)]) == 2
    assert "has 10 arms, and fit trains one; choose it with --arm" in capsys.readouterr().err


def test_what_only_compare_knows_is_left_out_by_fit_and_what_nobody_knows_is_refused(tmp_path, capsys):
    path = tmp_path / "mine.yaml"
    path.write_text("arms: [B=se@decoder]\nplacebo: true\nseeds: 5\nlr: 1e-3\n")
    assert main(["fit", "photos", "--config", str(path), "--print-config"]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert (printed["arm"], printed["lr"], "seeds" in printed) == ("se@decoder", 0.001, False)
    path.write_text("arms: [se@decoder]\nepoch: 5\n")
    assert main(["fit", "photos", "--config", str(path)]) == 2
    assert f"{path}: there is no flag 'epoch'; did you mean 'epochs'?" in capsys.readouterr().err


def test_the_published_arms_are_there():
    (thresholds,) = [arms_of(path) for path in CONFIGS if path.stem.startswith("smooth")]
    expected = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 2]
    assert [dict(check_arm(arm).parts[0].options)["threshold"] for arm in thresholds] == expected
    remedies = ("", "cbam@decoder+", "cbam@decoder(gates=sigmoid_tanh)+")
    activations = ("none", "tanh", "relu", "leaky_relu", "selu", "gelu")
    grid = [f"{a}two_branch(activation={b})" for a, b in product(remedies, activations)]
    hosts = {path.stem.partition("_")[2]: arms_of(path) for path in CONFIGS if "misclass" in path.stem}
    assert hosts == dict.fromkeys(("deeplabv3plus", "fcbformer", "fcn", "unet"), grid)
    refined = {path.stem.removeprefix("afma_") for path in CONFIGS if path.stem.startswith("afma")}
    assert refined == {"pspnet", "deeplabv3", "unet", "unetplusplus", "manet", "fpn", "pan", "linknet"}


@pytest.mark.parametrize(
    ("work", "published"),
    [
        ("smooth", {"schedule": "plateau", "lr_factor": 0.1, "lr_patience": 5, "split": "80/20"}),
        ("misclassification", {"split": "60/20/20"}),
        ("afma", {"schedule": "step", "lr_factor": 0.5}),
        ("mssa", {"optimizer": "rmsprop", "rotation": 10}),
        ("residual_cassava", {"split": "80/20", "epochs": 56}),
        ("residual_cifar10", {"schedule": "step", "lr_factor": 0.1, "milestones": [0.4, 0.6]}),
    ],
)
def test_what_was_published_of_training_is_set(work, published):
    for path in (path for path in CONFIGS if path.stem.startswith(work)):
        config = yaml.safe_load(path.read_text())
        assert {name: config.get(name) for name in published} == published


@each
def test_a_work_opens_with_its_command_what_was_published_and_what_was_measured(path):
    head = "\n".join(line for line in path.read_text().splitlines() if line.startswith("#"))
    assert path.read_text().startswith(head[:40])
    assert "foveate compare PATH/TO/" in head
    assert f"--config {path.relative_to(ROOT)} --out runs/{path.stem}\n" in head
    assert re.search(r"^# Published\b.*:", head, re.MULTILINE)
    assert re.search(r"^# Measured: ", head, re.MULTILINE)
    assert re.search(r"^# As published: ", head, re.MULTILINE)
    assert flags(path)["model"].gate == "none"  # the published form


def test_a_work_runs_from_its_command_to_its_report(tmp_path, capsys):
    path = ROOT / "configs" / "works" / "mssa_camvid_as_drawn.yaml"
    out = tmp_path / "out"
    assert main(["compare", "synthetic:2:64x64", "--config", str(path), *SMALL, "--out", str(out)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(out / "report.html")
    run = out / "runs" / "mssa@attention_down+mssa@attention_up" / "seed0"
    assert str(run.relative_to(out)) in path.read_text()
    for name in ("metrics.csv", "per_image.csv", "tb"):
        assert (run / name).exists()
