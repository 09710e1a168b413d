"""The sheet of training images and of their augmentation."""

import re

import pytest

from foveate.cli.main import main


def test_images_masks_and_augmentations_are_on_one_page(make, tmp_path, capsys):
    source, out = str(make.pairs(count=12)), tmp_path / "sheets" / "preview.html"
    argv = ["data", "show", source, "--size", "8x8", "--limit", "3", "--draws", "2", "--rotation", "30"]
    assert main([*argv, "--out", str(out)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(out)
    page = out.read_text()
    assert page.count('class="exhibit"') == 3
    assert page.count('alt="Mask of') == 3 * (1 + 2)
    assert page.count("epoch 2</small>") == 3
    images = re.findall(r'<img src="([^"]*)" alt="[^"]*(?:as it is|epoch [12])"', page)
    assert len(set(images)) == 3 * (1 + 2)
    assert all(image.startswith("data:image/png") for image in images)
    assert main([*argv, "--out", str(out)]) == 0
    assert out.read_text() == page  # as a run with that seed draws them


def test_policies_are_shown_one_below_the_other(make, tmp_path):
    source, out = str(make.pairs(count=6)), tmp_path / "preview.html"
    argv = ["data", "show", source, "--size", "8x8", "--limit", "1", "--draws", "1", "--out", str(out)]
    assert main([*argv, "--policies", "none", "tutorial"]) == 0
    page = out.read_text()
    assert page.index(">none</p>") < page.index(">tutorial: rotation 40")
    images = re.findall(r'<img src="([^"]*)" alt="(?!Mask)', page)
    as_it_is, unchanged, tutorial = images
    assert as_it_is == unchanged != tutorial


def test_labels_are_shown(make, tmp_path):
    out = tmp_path / "preview.html"
    assert (
        main(["data", "show", str(make.class_folders(cat=6, dog=6)), "--size", "8x8", "--out", str(out)]) == 0
    )
    page = out.read_text()
    assert {"cat", "dog"} & set(re.findall(r"<small>(\w+)</small></header>", page))
    assert "Mask of" not in page


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--limit", "0"], "--limit: 0 shows nothing; give 1 or more"),
        (["--draws", "0"], "--draws: 0 shows nothing; give 1 or more"),
        (["--rotation", "200"], "rotation 200.0 is an angle"),
        (["--policies", "lite"], "did you mean 'light'"),
    ],
)
def test_wrong_flags_are_told_and_nothing_is_written(flags, words, make, tmp_path, capsys):
    out = tmp_path / "preview.html"
    assert main(["data", "show", str(make.pairs(count=6)), "--size", "8x8", *flags, "--out", str(out)]) == 2
    assert words in capsys.readouterr().err
    assert not out.exists()
