"""The doctor says what is not read, and which groups the data tears apart."""

from foveate.doctor.facts import gather
from foveate.doctor.finding import judge
from foveate.doctor.visit import visit


def findings(plant, check):
    return [finding for finding in judge(visit(plant.root)) if finding.check == check]


def test_photos_that_are_not_read_are_a_warning_and_a_row_of_the_facts(plant):
    plant.folders(ripe=6, unripe=6)
    for number in range(40):
        (plant.root / "ripe" / f"IMG_{number:04d}.dng").write_bytes(b"1")
    (finding,) = findings(plant, "files")
    assert finding.severity == "warning"
    assert finding.title == "40 files that may belong to the data, not read, beside 12 that are"
    assert finding.cases[0].detail == (
        "the first of 40 .dng (raw photos of a camera): develop them to JPEG, PNG or TIFF"
    )
    rows = dict(gather(visit(plant.root)).rows)
    assert rows["Files"].startswith("12 used, 0 others (tables, texts), not read: 40 .dng")


def test_a_stray_file_is_a_note_and_known_files_are_nothing(plant):
    plant.folders(ripe=12, unripe=12)
    (plant.root / "README.md").write_text("1")
    assert findings(plant, "files") == []
    assert "Files" not in dict(gather(visit(plant.root)).rows)
    (plant.root / "demo.mp4").write_bytes(b"1")
    assert [finding.severity for finding in findings(plant, "files")] == ["note"]


def test_images_that_are_one_file_by_links_are_a_warning(plant):
    plant.folders(ripe=6, unripe=6)
    (plant.root / "ripe" / "again.png").symlink_to(plant.root / "unripe" / "00.png")
    (finding,) = findings(plant, "links")
    assert finding.title == "1 image that is the file of another, by links"


def test_copies_in_two_parts_are_torn_groups(plant):
    plant.pairs(6, "train/images", "train/masks").pairs(6, "test/images", "test/masks")
    for path in sorted((plant.root / "test").rglob("*.png")):
        path.rename(path.with_stem(f"{path.stem}_aug1"))
    (finding,) = findings(plant, "torn")
    assert "6 of 6 groups are torn apart between train and test" in finding.title


def test_folders_of_videos_are_proposed_with_their_flag(plant):
    for video in range(4):
        plant.pairs(4, f"images/video{video}", f"masks/video{video}", first=video * 4)
    (finding,) = findings(plant, "groups")
    assert finding.severity == "note"
    assert "4 groups" in finding.title
    assert finding.title.endswith("--group '^([^/]+)/'")
