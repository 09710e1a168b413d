"""One image never ends the prediction of a folder."""

import errno
import os
import shutil

import pytest

from foveate.api import predict as module
from foveate.api.predict import predict


@pytest.fixture
def photos(make):
    for name in ("a", "b", "最"):
        make.save(f"new/{name}.png", make.photo(1, (24, 32)))
    return make.root / "new"


def predicted(folder) -> list[str]:
    return sorted(path.name.removesuffix("_color.png") for path in folder.glob("*_color.png"))


@pytest.mark.parametrize("name", ["图" * 77, "x" * 243], ids=["231 bytes", "the longest"])
def test_an_image_with_a_long_name_is_predicted(name, fitted, photos, tmp_path):
    shutil.copy(photos / "a.png", photos / f"{name}.png")
    done = predict(fitted[0].folder, photos, tmp_path / "out")
    assert done.left_out == ()
    assert predicted(tmp_path / "out") == sorted(["a", "b", "最", name])


def test_a_name_without_room_for_the_results_is_left_out(fitted, photos, tmp_path):
    name = "图" * 83
    shutil.copy(photos / "a.png", photos / f"{name}.png")
    done = predict(fitted[0].folder, photos, tmp_path / "out")
    assert predicted(tmp_path / "out") == ["a", "b", "最"]
    assert len(list((tmp_path / "out").iterdir())) == 9, "nothing is left of the other image"
    assert [name in str(error) and "rename the image" in str(error) for error in done.left_out] == [True]


def test_a_name_that_is_not_utf8_is_left_out(fitted, photos, tmp_path):
    shutil.copy(photos / "a.png", os.fsencode(photos) + b"/caf\xe9.png")
    done = predict(fitted[0].folder, photos, tmp_path / "out")
    assert predicted(tmp_path / "out") == ["a", "b", "最"]
    assert "is not UTF-8" in str(*done.left_out)


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "b.png: Permission denied"),
        (MemoryError(), "b.png: the memory is too small"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "b.png: the memory is too small"),
    ],
    ids=["the system", "Python's memory", "PyTorch's memory"],
)
def test_trouble_with_one_image_leaves_out_that_image(trouble, words, fitted, photos, tmp_path, monkeypatch):
    one = module._predict_mask

    def trip(predictor, predict_pixels, path, *rest):
        if path.name == "b.png":
            raise trouble
        return one(predictor, predict_pixels, path, *rest)

    monkeypatch.setattr(module, "_predict_mask", trip)
    done = predict(fitted[0].folder, photos, tmp_path / "out")
    assert predicted(tmp_path / "out") == ["a", "最"]
    assert words in str(*done.left_out)


def test_a_full_disk_ends_the_prediction(fitted, photos, tmp_path, monkeypatch):
    def trip(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "_predict_mask", trip)
    with pytest.raises(OSError, match="No space left"):
        predict(fitted[0].folder, photos, tmp_path / "out")
