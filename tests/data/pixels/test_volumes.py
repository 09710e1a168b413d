"""Volumes that were stored in any of the 48 directions read as the same slices."""

import itertools

import nibabel
import numpy as np
import pytest
from nibabel.orientations import axcodes2ornt, ornt_transform

from foveate.data.pixels.volumes import read_grid, read_slice
from foveate.errors import DataError

UNITS = np.random.default_rng(0).integers(-1000, 1000, (4, 3, 2)).astype(np.int16)
DIRECTIONS = [
    "".join(codes)
    for axes in itertools.permutations(["LR", "PA", "IS"])
    for codes in itertools.product(*axes)
]


def store(path, towards="RAS", values=UNITS):
    turn = ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(towards))
    image = nibabel.Nifti1Image(values, np.diag([0.5, 0.7, 3, 1])).as_reoriented(turn)
    assert "".join(nibabel.aff2axcodes(image.affine)) == towards
    image.to_filename(path)
    return path


def test_slices_show_the_right_at_the_left_and_the_front_on_top(tmp_path):
    for towards in DIRECTIONS:
        path = store(tmp_path / f"{towards}.nii", towards)
        assert read_grid(path).slices == 2
        for index in range(2):
            canonical = nibabel.as_closest_canonical(nibabel.load(path)).get_fdata()[:, :, index]
            assert np.array_equal(read_slice(path, index), canonical[::-1, ::-1].T), towards
            assert np.array_equal(read_slice(path, index), UNITS[::-1, ::-1, index].T), towards


def test_a_mask_is_turned_as_its_volume_whatever_its_own_header_says(tmp_path):
    for towards in DIRECTIONS:
        volume, mask = store(tmp_path / f"{towards}.nii", towards), tmp_path / "mask.nii"
        nibabel.Nifti1Image(np.asarray(nibabel.load(volume).dataobj), np.eye(4)).to_filename(mask)
        for index in range(2):
            assert np.array_equal(read_slice(mask, index, volume), read_slice(volume, index)), towards


def test_compressed_volumes_read_the_same(tmp_path):
    plain, packed = store(tmp_path / "a.nii", "LSA"), store(tmp_path / "a.nii.gz", "LSA")
    assert np.array_equal(read_slice(plain, 1), read_slice(packed, 1))


def test_stored_scales_are_applied(tmp_path):
    image = nibabel.Nifti1Image(UNITS, np.eye(4))
    image.header.set_slope_inter(0.5, -3)
    image.to_filename(tmp_path / "a.nii")
    stored = nibabel.load(tmp_path / "a.nii").get_fdata()
    assert np.allclose(read_slice(tmp_path / "a.nii", 0), stored[::-1, ::-1, 0].T)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_volumes_that_are_truncated(tmp_path, name):
    path = store(
        tmp_path / name, values=np.random.default_rng(0).integers(0, 999, (32, 32, 8)).astype(np.int16)
    )
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=rf"{name}: the volume is damaged or truncated \(.*\); copy it again"):
        read_slice(path, 7)
    path.write_bytes(content[:100])
    with pytest.raises(DataError, match=rf"{name}: the volume is damaged or truncated"):
        read_grid(path)


@pytest.mark.parametrize(("byte", "value"), [(71, 99), (110, 66)])
def test_headers_that_make_no_sense(tmp_path, byte, value):
    path = store(tmp_path / "a.nii")
    content = bytearray(path.read_bytes())
    content[byte] = value  # of the kind of the values; of the place where they begin
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.nii: the volume is damaged or truncated \(.*\); copy it again"):
        read_grid(path)


def test_volumes_that_are_none(tmp_path):
    with pytest.raises(DataError, match=r"b\.nii: there is no such volume"):
        read_grid(tmp_path / "b.nii")
    nibabel.Nifti1Image(np.zeros((2, 2, 2, 3), np.int16), np.eye(4)).to_filename(tmp_path / "c.nii")
    with pytest.raises(DataError, match=r"c\.nii: has 4 dimensions, not three; export one volume a file"):
        read_grid(tmp_path / "c.nii")
