"""`--fix`: what it mends in its copy, what it leaves to people, and that it never touches the original."""

import hashlib
import shutil

import numpy as np
import pytest
from PIL import Image

from foveate.data.open import open_dataset
from foveate.doctor.copying import copy_mended
from foveate.doctor.finding import judge
from foveate.doctor.visit import visit
from foveate.errors import DataError


def fixed(plant, calls=None):
    """The copy's folder, what was done, and what is still found there."""
    before = contents(plant.root)
    survey = visit(plant.root)
    out = plant.root.parent / "mended"
    advance = None if calls is None else lambda *words: calls.append(words)
    done = copy_mended(survey, judge(survey), out, advance)
    assert contents(plant.root) == before
    return out, done, judge(visit(out))


def contents(root) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_broken_unpaired_and_copied_images_are_left_out(plant):
    plant.pairs()
    (plant.root / "LICENCE").write_text("free\n")
    (plant.root / "masks/02.png").unlink()
    image = plant.root / "images/05.png"
    image.write_bytes(image.read_bytes()[:200])
    plant.save("images/copy.png", plant.draw(3)[0])
    plant.save("masks/copy.png", plant.mask(3))
    out, done, found = fixed(plant)
    assert (done.untouched, done.mended, done.left_out, done.remaining) == (10, 0, 2, ())
    assert found == ()
    assert len(open_dataset(out)) == 10
    assert (out / "LICENCE").read_text() == "free\n"
    assert (done.unpaired, done.others) == (1, 1)


def test_other_files_and_folders_are_copied_and_counted(plant):
    plant.pairs()
    for name in ("notes/deep/a.txt", "images/b.txt", ".git/c.txt", "masks/.d.png"):
        path = plant.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    plant.save("masks/06_mask.png", plant.mask(6))
    plant.save("masks/alone.png", plant.mask(3))
    calls = []
    out, done, _ = fixed(plant, calls=calls)
    assert (done.untouched, done.mended, done.unpaired, done.others) == (12, 0, 2, 2)
    assert (out / "notes/deep/a.txt").read_text() == "notes/deep/a.txt"
    assert (out / "images/b.txt").is_file()
    assert not any(
        (out / name).exists() for name in (".git", "masks/.d.png", "masks/06_mask.png", "masks/alone.png")
    )
    assert calls[-1] == (14, 14)


def test_masks_are_rewritten(plant):
    plant.pairs()
    truth = plant.mask(3)
    small = Image.fromarray(truth).resize((48, 36), Image.Resampling.NEAREST)
    plant.save("masks/03.png", np.asarray(small))
    soft = Image.fromarray(plant.mask(4)).resize((48, 36), Image.Resampling.BILINEAR)
    plant.save("masks/04.png", np.asarray(soft.resize((96, 72), Image.Resampling.BILINEAR)))
    plant.save("masks/05.png", plant.mask(5) // np.uint8(255))
    plant.save("masks/06.jpg", plant.mask(6), quality=80)
    (plant.root / "masks/06.png").unlink()
    out, done, found = fixed(plant)
    assert (done.untouched, done.mended, done.left_out) == (8, 4, 0)
    assert found == ()
    for number, least in (("03", 0.9), ("04", 0.97), ("05", 1.0), ("06", 0.98)):
        mended = np.asarray(Image.open(out / f"masks/{number}.png"))
        assert set(np.unique(mended)) == {0, 255}
        assert (mended == plant.mask(int(number))).mean() >= least
    assert len(open_dataset(out)) == 12


def test_stray_ids_become_ignored(plant):
    plant.ids()
    mask = np.array(Image.open(plant.root / "masks/05.png"))
    mask[10, 10:13] = 40
    plant.save("masks/05.png", mask)
    out, done, found = fixed(plant)
    assert (done.mended, found) == (1, ())
    assert (np.asarray(Image.open(out / "masks/05.png"))[10, 10:13] == 255).all()


def test_unknown_colours_become_the_nearest(plant):
    plant.colored()
    mask = np.array(Image.open(plant.root / "masks/02.png"))
    was = mask.copy()
    mask[5, 5:9] += 2
    plant.save("masks/02.png", mask)
    out, _, found = fixed(plant)
    assert found == ()
    assert (np.asarray(Image.open(out / "masks/02.png")) == was).all()


def test_soft_edges_become_one_of_the_two_classes_beside_them(plant):
    """Half way from one colour to the next may lie a third."""
    plant.colored()
    rows = ["name,r,g,b", "ground,128,128,128", "red,128,0,0", "blue,0,0,128", "rose,128,64,64"]
    (plant.root / "class_dict.csv").write_text("\n".join(rows) + "\n")
    mask = np.full((72, 96, 3), 128, dtype=np.uint8)
    mask[:, 48:] = (128, 0, 0)
    mask[10:30, 48] = (128, 60, 68)
    plant.save("masks/02.png", mask)
    out, _, _ = fixed(plant)
    colors = {tuple(color) for color in np.asarray(Image.open(out / "masks/02.png")).reshape(-1, 3).tolist()}
    assert (128, 64, 64) in colors
    mask[10:30, 48] = (128, 90, 90)
    plant.save("masks/02.png", mask)
    shutil.rmtree(out)
    out, _, _ = fixed(plant)
    colors = {tuple(color) for color in np.asarray(Image.open(out / "masks/02.png")).reshape(-1, 3).tolist()}
    assert colors == {(128, 128, 128), (128, 0, 0)}


def test_a_colour_that_fills_areas_is_left_to_its_owner(plant):
    plant.colored()
    table = plant.root / "class_dict.csv"
    table.write_text("".join(line for line in table.open() if not line.startswith("blue")))
    _, done, found = fixed(plant)
    assert done.mended == 0
    (remaining,) = done.remaining
    assert remaining.title == "8 masks in a colour that stands for no class"
    assert [one.title for one in found] == [remaining.title]


def test_a_class_that_is_lacking_is_left_in_all_masks_however_small(plant):
    plant.colored()
    for number, wide in ((2, 20), (3, 3), (4, 2)):
        mask = np.array(Image.open(plant.root / f"masks/0{number}.png"))
        mask[30 : 30 + wide, 40 : 40 + wide] = (0, 160, 60)
        plant.save(f"masks/0{number}.png", mask)
    _, done, _ = fixed(plant)
    assert (done.mended, [len(one.cases) for one in done.remaining]) == (0, [3])


def test_a_thin_class_that_is_lacking_is_left_to_its_owner(plant):
    plant.colored()
    for number in range(8):
        mask = np.array(Image.open(plant.root / f"masks/0{number}.png"))
        mask[10:50, 40] = (0, 160, 60)
        plant.save(f"masks/0{number}.png", mask)
    _, done, _ = fixed(plant)
    assert (done.mended, [one.check for one in done.remaining]) == (0, ["stray"])


@pytest.mark.parametrize("kind", ["one colour", "noise", "jpeg"])
def test_no_area_becomes_another_class(plant, kind):
    """A colour that the table lacks, exact, in many shades, and as JPEG spoils it."""
    plant.colored()
    mask = np.array(Image.open(plant.root / "masks/02.png"))
    noise = np.random.default_rng(0).integers(0, 8, (30, 40, 1)) if kind == "noise" else 0
    mask[20:50, 30:70] = np.array([0, 160, 60]) + noise
    (plant.root / "masks/02.png").unlink()
    plant.save("masks/02.jpg" if kind == "jpeg" else "masks/02.png", mask)
    _, done, found = fixed(plant)
    assert done.mended == 0
    assert [one.check for one in done.remaining] == ["jpeg" if kind == "jpeg" else "stray"]
    assert [one.title for one in found] == [one.title for one in done.remaining]


def test_coloured_masks_that_went_through_jpeg(plant):
    plant.colored()
    was = np.array(Image.open(plant.root / "masks/02.png"))
    (plant.root / "masks/02.png").unlink()
    plant.save("masks/02.jpg", was, quality=95, subsampling=0)
    out, done, found = fixed(plant)
    assert (done.mended, found) == (1, ())
    assert (np.asarray(Image.open(out / "masks/02.png")) == was).all(-1).mean() > 0.98


def test_a_table_of_colours_is_added(plant):
    out, _, found = fixed(plant.colored(table=False))
    assert found == ()
    assert open_dataset(out).classes == ("class 0", "class 1", "class 2")


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_images_and_masks_that_lie_are_set_upright(plant, orientation):
    plant.pairs()
    image, _ = plant.draw(3)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = {
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a),
        7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
        8: lambda a: np.rot90(a, -1),
    }[orientation]
    (plant.root / "images/03.png").unlink()
    plant.save("images/03.jpg", stored(image), exif=exif, quality=95)
    plant.save("masks/03.png", stored(plant.mask(3)))
    out, done, found = fixed(plant)
    assert (done.mended, found) == (1, ())
    assert (np.asarray(Image.open(out / "masks/03.png")) == plant.mask(3)).all()
    shown = np.asarray(Image.open(out / "images/03.png"))
    assert np.abs(shown.astype(int) - image).mean() < 6


def test_what_needs_a_decision_remains(plant):
    plant.pairs().save("masks/05.png", np.zeros((72, 96), dtype=np.uint8))
    _, done, found = fixed(plant)
    assert [one.check for one in done.remaining] == ["uniform"] == [one.check for one in found]


def test_the_copy_has_a_place_of_its_own(plant):
    survey = visit(plant.pairs(2).root)
    (plant.root.parent / "full").mkdir()
    (plant.root.parent / "full" / "a.txt").touch()
    for out, words in (
        (plant.root, "lie inside one another"),
        (plant.root / "mended", "lie inside one another"),
        (plant.root.parent, "lie inside one another"),
        (plant.root.parent / "full", "exists already"),
    ):
        with pytest.raises(DataError, match=words):
            copy_mended(survey, (), out)


def test_a_part_of_the_data_is_not_copied(plant):
    survey = visit(plant.pairs(4).root, limit=2)
    with pytest.raises(DataError, match="--limit looks at a part of it; leave one of them out"):
        copy_mended(survey, (), plant.root.parent / "mended")
