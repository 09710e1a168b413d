"""What tiles change: counted by hand, and 0 where the network looks no farther than the overlap allows."""

import numpy as np
import pytest
import torch

from foveate.cli.main import main
from foveate.models.checkpoints import save_model
from foveate.models.create import create_model
from foveate.prediction.predictor import Predictor
from foveate.prediction.seams import Seams, compare_tilings, propose
from foveate.prediction.tiling import Tiling


def host(arm: str = "none"):
    torch.manual_seed(0)
    model = create_model("unet", "resnet18", classes=3, encoder_depth=1, decoder_channels=[8], arm=arm)
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.weight.data.mul_(1.5)
    return model.eval()


def photo(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_tiles_change_pixels_beside_seams_alone():
    near, none = compare_tilings(
        Predictor(host(), "cpu"), photo(140, 100), [Tiling(64, 0, 4), Tiling(96, 32, 4)]
    )
    assert none.changed == 0
    assert none.by_distance[:2] == (0, 0)
    assert near.changed > 0.001
    assert near.by_distance[0] > near.changed
    assert near.by_distance[1] == 0, "the network looks 8 pixels far"
    assert near.by_distance[2:] == (None, None), "no pixel is 64 pixels from a seam"
    assert propose([near, none]) is none


def test_where_nothing_is_good_enough_the_best_is_proposed():
    worse, better = Seams(Tiling(256, 32), 0.2, ()), Seams(Tiling(256, 64), 0.1, ())
    assert propose([worse, better]) is better


def test_the_command_prints_shares_and_proposes_sizes(tmp_path, capsys, make):
    (tmp_path / "run").mkdir()
    save_model(host(), tmp_path / "run")
    image = make.save("a.png", photo(150, 140))
    assert main(["predict", str(tmp_path / "run"), str(image), "--check-tiling", "--tile", "96"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:4] == ["tile", "overlap", "work", "changed"]
    assert [line.split()[:2] for line in lines[1:4]] == [["96", "12"], ["96", "24"], ["96", "48"]]
    assert lines[-1].startswith("--tile 96 --overlap ")
    assert main(["predict", str(tmp_path / "run"), str(image), "--check-tiling", "--tile", "512"]) == 2
    assert "name a larger image, or a smaller --tile" in capsys.readouterr().err
    assert main(["predict", str(tmp_path / "run"), str(tmp_path), "--check-tiling"]) == 2
    assert "--check-tiling needs one image" in capsys.readouterr().err


@pytest.mark.parametrize("overlap", [0, 20])
def test_an_overlap_can_be_named(tmp_path, capsys, make, overlap):
    (tmp_path / "run").mkdir()
    save_model(host(), tmp_path / "run")
    image = make.save("a.png", photo(90, 80))
    words = ["--check-tiling", "--tile", "64", "--overlap", str(overlap)]
    assert main(["predict", str(tmp_path / "run"), str(image), *words]) == 0
    assert f"--tile 64 --overlap {overlap}" in capsys.readouterr().out
