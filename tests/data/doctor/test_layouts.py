"""Layouts with a reader of their own: it decodes, and what it refuses is told."""

import shutil

import pytest
from PIL import Image

from foveate.data.doctor.copying import copy_mended
from foveate.data.doctor.facts import gather
from foveate.data.doctor.visit import visit
from foveate.data.errors import DataError


@pytest.fixture
def table(plant):
    """Pairs that a CSV puts together."""
    plant.pairs(12, "photos", "truths")
    rows = [f"photos/{number:02d}.png,truths/{number:02d}.png" for number in range(12)]
    (plant.root / "data.csv").write_text("\n".join(["image,mask", *rows]) + "\n")
    return plant


def test_a_folder_in_a_folder_and_one_in_an_archive(plant, tmp_path, monkeypatch):
    monkeypatch.setenv("FOVEATE_CACHE", str(tmp_path / "cache"))
    plant.pairs()
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", plant.root.parent, plant.root.name)
    (tmp_path / "outer").mkdir()
    plant.root.rename(tmp_path / "outer" / "inner")
    for root in (tmp_path / "outer", packed):
        survey = visit(root)
        assert (survey.folder.layout, len(survey.exams)) == ("paired", 12)
        assert survey.folder.name(survey.exams[0].entry.mask) == "masks/00.png"


def test_pairs_of_a_table(table):
    survey = visit(table.root)
    assert (survey.folder.layout, len(survey.exams)) == ("csv", 12)
    assert gather(survey).classes[1].name == "foreground"
    assert table.findings() == ()


def test_a_broken_image_of_a_table(table):
    image = table.root / "photos/03.png"
    image.write_bytes(image.read_bytes()[:200])
    finding = table.finding()
    assert (finding.check, table.names(finding)) == ("unreadable", ["photos/03.png"])
    assert "the image is damaged or truncated" in finding.cases[0].said


def test_swapped_masks_of_a_table(table):
    table.save("truths/02.png", table.mask(9))
    table.save("truths/09.png", table.mask(2))
    assert table.finding().check == "swapped"


def test_rows_that_name_what_is_not_there_do_not_hide_the_others(table):
    (table.root / "photos/05.png").unlink()
    (table.root / "truths/07.png").unlink()
    found = table.finding()
    assert (found.severity, found.title) == ("error", "The folder cannot be read as csv")
    assert ["data.csv:7" in found.cases[0].said, "data.csv:9" in found.cases[1].said] == [True, True]
    assert len(visit(table.root).exams) == 10


def test_masks_of_a_table_are_looked_at_as_those_of_folders(table):
    for number in range(3):
        table.save(f"truths/{number:02d}.png", table.mask(number) // 255)
    finding = table.finding()
    assert (finding.check, table.names(finding)) == ("mixed", [f"truths/{n:02d}.png" for n in range(3)])


def test_stray_values_and_turned_images_of_a_table(table):
    mask = table.mask(4)
    mask[0, :5] = 77
    table.save("truths/04.png", mask)
    tag = Image.Exif()
    tag[0x0112] = 3
    table.save("photos/06.png", table.draw(6)[0][::-1, ::-1], exif=tag)
    found = {finding.check: table.names(finding) for finding in table.findings()}
    assert found == {"stray": ["truths/04.png"], "rotation": ["photos/06.png"]}


def test_a_table_of_labels(plant):
    for number in range(12):
        plant.save(f"photos/{number:02d}.png", plant.draw(number, (40, 40))[0])
    rows = [f"photos/{number:02d}.png,{'ant' if number % 2 else 'bee'}" for number in range(12)]
    (plant.root / "data.csv").write_text("\n".join(["image,label", *rows]) + "\n")
    assert plant.findings() == ()
    assert [known.name for known in gather(visit(plant.root)).classes] == ["ant", "bee"]


def test_no_copy_of_what_is_no_folder_of_pairs(table):
    image = table.root / "photos/03.png"
    image.write_bytes(image.read_bytes()[:200])
    assert table.finding().mend is None
    with pytest.raises(DataError, match="is read as csv; mend its files as the findings say"):
        copy_mended(visit(table.root), (), table.root.parent / "mended")
