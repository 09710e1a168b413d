import nibabel
import numpy as np
import pytest

from foveate.data.dataset import SPLITS
from foveate.data.errors import DataError
from foveate.data.open import open_dataset

from .imitations import lits
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
    path = tmp_path / "Training Batch 1" / "segmentation-1.nii"
    nibabel.Nifti1Image(np.zeros((6, 5, 9), np.uint8), np.eye(4)).to_filename(path)
    with pytest.raises(DataError, match=r"segmentation-1\.nii: has 9 axial slices and .*volume-1\.nii has 4"):
        open_dataset(tmp_path)
    nibabel.Nifti1Image(np.full((6, 5, 4), 7, np.uint8), np.eye(4)).to_filename(path)
    dataset = open_dataset(tmp_path, to_score=True)
    entry = next(entry for entry in dataset.index("test") if entry.group == "volume-1")
    with pytest.raises(
        DataError, match=r"segmentation-1\.nii \(slice 0\): mask value 7 .* none of the 3 classes"
    ):
        dataset.read(entry)
    nibabel.Nifti1Image(np.zeros((7, 5, 4), np.uint8), np.eye(4)).to_filename(path)
    with pytest.raises(
        DataError, match=r"segmentation-1\.nii \(slice 0\): is \(5, 7\) pixels and its volume"
    ):
        dataset.read(entry)
