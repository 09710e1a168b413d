"""Layouts with their own reader: it decodes, and its errors are reported."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from foveate.data.open import open_dataset
from foveate.doctor.copying import copy_mended
from foveate.doctor.facts import gather
from foveate.doctor.finding import judge
from foveate.doctor.visit import visit
from foveate.errors import DataError

from ..data.published.imitations import kvasir_seg


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
    assert "found in inner/" in dict(gather(visit(tmp_path / "outer")).rows)["Understood"]


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
    assert "the image is damaged or truncated" in finding.cases[0].detail


def test_swapped_masks_of_a_table(table):
    table.save("truths/02.png", table.mask(9))
    table.save("truths/09.png", table.mask(2))
    assert table.finding().check == "swapped"


def test_rows_that_name_what_is_not_there_do_not_hide_the_others(table):
    (table.root / "photos/05.png").unlink()
    (table.root / "truths/07.png").unlink()
    found = table.finding()
    assert (found.severity, found.title) == ("error", "The folder cannot be read as csv")
    assert ["data.csv:7" in found.cases[0].detail, "data.csv:9" in found.cases[1].detail] == [True, True]
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


def test_a_copy_of_a_table_has_rows_for_what_is_in_it(table, tmp_path):
    broken = table.root / "photos/03.png"
    broken.write_bytes(broken.read_bytes()[:200])
    (table.root / "photos/05.png").unlink()
    table.save("truths/07.jpg", table.mask(7), quality=60)
    (table.root / "truths/07.png").unlink()
    rows = (table.root / "data.csv").read_text().replace("truths/07.png", "truths/07.jpg")
    (table.root / "data.csv").write_text(rows)
    survey = visit(table.root)
    findings = judge(survey)
    assert {finding.check for finding in findings} == {"refused", "unreadable", "jpeg"}
    done = copy_mended(survey, findings, tmp_path / "mended")
    assert (done.untouched, done.mended, done.left_out, done.remaining) == (9, 1, 1, ())
    mended = visit(tmp_path / "mended")
    stems = [exam.entry.stem for exam in mended.exams]
    assert stems == [f"photos/{number:02d}" for number in range(12) if number not in (3, 5)]
    (left,) = judge(mended)
    assert (left.severity, left.check) == ("note", "files")  # the mask of the image that was not there


def test_rows_that_only_a_person_can_mend_stay_in_the_copy(table, tmp_path):
    path = table.root / "data.csv"
    lines = path.read_text().splitlines()
    again, other = "photos/02.png,truths/02.png", "photos/03.png,truths/04.png"
    path.write_text("\n".join([*lines, again, other, "photos/05.png,"]) + "\n")
    finding = table.finding()
    assert (finding.check, finding.mend, len(finding.cases)) == ("refused", None, 3)
    done = copy_mended(visit(table.root), [finding], tmp_path / "copy")
    assert done.remaining == (finding,)
    assert (tmp_path / "copy" / "data.csv").read_text().splitlines() == [*lines, other, "photos/05.png,"]


def test_a_table_whose_columns_have_other_names_is_named(plant):
    plant.pairs(6, "images", "truths")
    (plant.root / "list.csv").write_text("filename,annotation\n00.png,00.png\n")
    finding = plant.finding()
    assert finding.check == "unpaired"
    assert "if list.csv lists the masks or labels of the images, name its columns" in finding.remedy
    assert "if truths/ holds the masks, call it masks/" in finding.remedy


def test_how_columns_are_understood_is_reported(table):
    rows = (table.root / "data.csv").read_text().splitlines()
    text = [f"{rows[0]},patient,age", *(f"{row},{number // 3},7" for number, row in enumerate(rows[1:]))]
    (table.root / "data.csv").write_text("\n".join(text) + "\n")
    words = "columns image and mask; others: patient, age; images are in 4 groups by the column patient"
    assert words in dict(gather(visit(table.root)).rows)["Understood"]


def test_no_copy_of_what_is_no_folder_of_pairs(plant, tmp_path):
    kvasir_seg(plant.root)
    path = sorted(plant.root.rglob("images/*.jpg"))[0]
    path.write_bytes(path.read_bytes()[:200])
    (finding,) = plant.findings()
    assert (finding.check, finding.mend) == ("unreadable", None)
    with pytest.raises(DataError, match="is read as kvasir_seg; mend its files as the findings say"):
        copy_mended(visit(plant.root), (), tmp_path / "mended")


def test_annotations_that_outline_nothing_are_not_taken_for_missing_masks(plant):
    plant.save("images/0.png", plant.draw(0)[0])
    empty = {"images": [{"id": 1, "file_name": "0.png", "height": 72, "width": 96}], "annotations": []}
    (plant.root / "_annotations.coco.json").write_text(json.dumps(empty | {"categories": []}))
    finding = plant.finding()
    assert (finding.check, "no object is outlined" in finding.cases[0].detail) == ("refused", True)


def test_folders_and_lists_that_nothing_reads(plant):
    for split, first in (("train", 0), ("test", 12)):
        plant.pairs(images=f"{split}/images", masks=f"{split}/mask", first=first)
        plant.save(f"{split}/1st_manual/0.png", plant.mask(0))
    finding = plant.finding()
    assert (finding.severity, finding.check) == ("warning", "unread")
    assert [case.file.name for case in finding.cases] == ["1st_manual", "1st_manual"]
    assert finding.why.startswith("Masks are taken from test/mask/, train/mask/")


def test_lists_of_splits(plant):
    plant.pairs()
    (plant.root / "val.txt").write_text("00\n01\n")
    (plant.root / "test.txt").write_text("02\n03\n")
    survey = visit(plant.root)
    assert plant.findings() == ()
    assert {part: len(entries) for part, entries in survey.folder.parts.items()} == {
        "train": 8,
        "val": 2,
        "test": 2,
    }
    assert "the splits are those of test.txt, val.txt" in dict(gather(survey).rows)["Understood"]
    (plant.root / "val.txt").write_text("00\nxx\n")
    assert "val.txt:2: 'xx' names none of the images" in plant.finding().cases[0].detail


def test_lists_of_splits_beside_folders_of_splits(plant):
    for split, first in (("train", 0), ("val", 12)):
        plant.pairs(images=f"images/{split}", masks=f"masks/{split}", first=first)
    (plant.root / "val.txt").write_text("00\n")
    assert plant.finding().why == "They are not read; the folders say the splits."


def test_a_table_with_backslashes_keeps_its_rows(table):
    text = (table.root / "data.csv").read_text()
    (table.root / "data.csv").write_text(text.replace("/", "\\"))
    out = table.root.parent / "copy"
    survey = visit(table.root)
    done = copy_mended(survey, judge(survey), out)
    assert (done.left_out, done.remaining) == (0, ())
    assert (out / "data.csv").read_text() == text


def test_a_table_beside_masks_in_colour_is_named(plant):
    plant.colored()
    (plant.root / "data.csv").write_text("image,mask,split\n00.png,00.png,train\n")
    finding = plant.finding()
    assert (finding.check, plant.names(finding)) == ("unread", ["data.csv"])
    assert "CSV" not in finding.remedy
    assert "Not read: data.csv, since coloured masks" in open_dataset(plant.root).describe()


def test_no_table_of_colours_is_added_where_a_table_says_what_belongs_together(table):
    for path in (table.root / "truths").iterdir():
        mask = np.asarray(Image.open(path))
        table.save(f"truths/{path.name}", np.stack([mask, 0 * mask, 255 - mask], axis=-1))
    finding = table.finding()
    assert (finding.check, finding.mend) == ("colours", None)
