import shutil

import nibabel
import numpy as np
import pytest

from foveate.cli.main import main
from foveate.data.dataset import SPLITS
from foveate.data.open import open_dataset
from foveate.errors import DataError

from .imitations import LITS, lits
from .test_published import agree


@pytest.mark.parametrize(("towards", "ending"), [("ASR", ".nii"), ("RPI", ".nii.gz")])
def test_volumes_in_other_orientations_are_read_right(tmp_path, towards, ending):
    truth = lits(tmp_path, towards, ending)
    dataset = open_dataset(tmp_path)
    agree(dataset, truth)
    assert ("gunzip" in dataset.describe()) == (ending == ".nii.gz")


def test_no_volume_lies_in_two_splits_and_values_are_clipped(tmp_path):
    lits(tmp_path, "RAS")
    dataset = open_dataset(tmp_path)
    volumes = [{entry.group for entry in dataset.index(split)} for split in SPLITS]
    assert [len(each) for each in volumes] == [3, 1, 1]
    assert len(set.union(*volumes)) == 5
    assert "70/15/15 by group, split seed 0" in dataset.describe()
    entry = dataset.index("test")[1]
    units = nibabel.load(entry.image).get_fdata()[::-1, ::-1, entry.part].T
    grey = np.rint((units.clip(-250, 250) + 250) * 255 / 500)
    image, _ = dataset.read(entry)
    assert image.shape == (5, 6, 3)
    assert np.array_equal(image[..., 0], grey)
    assert {0, 255} <= set(np.unique(image))


def test_masks_that_do_not_fit_their_volume(tmp_path):
    lits(tmp_path, "RAS")
    path = tmp_path / LITS / "Training Batch 1" / "segmentation-1.nii"
    nibabel.Nifti1Image(np.zeros((6, 5, 9), np.uint8), np.eye(4)).to_filename(path)
    words = r"segmentation-1\.nii: has 6 x 5 x 9 voxels and .*volume-1\.nii has 6 x 5 x 4; a mask has one for"
    with pytest.raises(DataError, match=words):
        open_dataset(tmp_path)
    nibabel.Nifti1Image(np.full((6, 5, 4), 7, np.uint8), np.eye(4)).to_filename(path)
    dataset = open_dataset(tmp_path, to_score=True)
    entry = next(entry for entry in dataset.index("test") if entry.group == "volume-1")
    with pytest.raises(
        DataError, match=r"segmentation-1\.nii \(slice 0\): mask value 7 .* none of the 3 classes"
    ):
        dataset.read(entry)


def apart(root):
    for number in (1, 2):
        folder = root / f"Training_Batch{number}" / LITS
        folder.mkdir(parents=True)
        (root / LITS / f"Training Batch {number}").rename(folder / f"Training Batch {number}")
    shutil.rmtree(root / "media")


def packed(root):
    apart(root)
    for folder in (root / "Training_Batch1", root / "Training_Batch2"):
        shutil.make_archive(str(folder), "zip", folder)
        shutil.rmtree(folder)


def flat(root):
    for path in list((root / LITS).glob("*/*.nii")):
        path.rename(root / path.name)
    shutil.rmtree(root / "media")


@pytest.mark.parametrize("lay_out", [apart, packed, flat])
def test_batches_are_found_however_they_were_unpacked(tmp_path, monkeypatch, lay_out):
    monkeypatch.setenv("FOVEATE_CACHE", str(tmp_path / "cache"))
    truth = lits(tmp_path / "L")
    lay_out(tmp_path / "L")
    dataset = open_dataset(tmp_path / "L")
    assert dataset.name == "lits"
    agree(dataset, truth)
    assert main(["data", "get", "lits", "--out", str(tmp_path / "L")]) == 0


def test_one_batch_alone(tmp_path):
    truth = lits(tmp_path)
    shutil.rmtree(tmp_path / LITS / "Training Batch 1")
    known = {stem: ids for stem, ids in truth["all"].items() if int(stem[7]) > 1}
    agree(open_dataset(tmp_path), {"all": known})


def test_masks_are_laid_on_their_volumes_voxel_for_voxel(tmp_path):
    truth = lits(tmp_path)
    for number, affine in ((1, np.eye(4)), (3, np.diag([-0.7, -0.7, 2.5, 1]))):
        path = next(tmp_path.rglob(f"segmentation-{number}.nii"))
        drawn = np.array(nibabel.load(path).dataobj)
        nibabel.Nifti1Image(drawn, affine).to_filename(path)
    dataset = open_dataset(tmp_path)
    agree(dataset, truth)
    assert "headers of 1 masks (segmentation-1.nii is the first) turn them otherwise" in dataset.describe()
