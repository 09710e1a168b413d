"""Images that belong together by their names, and groups that parts tear apart."""

import numpy as np
import pytest

from foveate.doctor.finding import judge
from foveate.doctor.visit import visit


@pytest.fixture
def drives(plant):
    """Three drives of four frames."""
    for number in range(12):
        name = f"{number // 4:04d}TP_{number:03d}.png"
        plant.save(f"images/{name}", plant.draw(number)[0])
        plant.save(f"masks/{name}", plant.mask(number))
    return plant


def test_names_of_drives_are_a_note_with_the_flag(drives):
    finding = drives.finding()
    assert (finding.severity, finding.check) == ("note", "groups")
    assert finding.title == (
        "names look like 3 groups of images that belong together, such as 0000TP_000 and 0000TP_001: "
        "--group '^[^_]+'"
    )
    assert [case.detail for case in finding.cases] == [f"'{n:04d}TP', 4 images" for n in range(3)]
    assert drives.names(finding)[1] == "images/0001TP_004.png"
    assert "nearly the same" not in finding.why


def test_a_group_that_is_given_is_not_proposed(drives):
    survey = visit(drives.root, group="^[^_]+")
    assert judge(survey) == ()
    assert "images are in 3 groups by '^[^_]+'" in survey.folder.notes


def test_near_copies_strengthen_the_proposal_or_lie_across_it(drives):
    for source, name in ((1, "0000TP_100"), (5, "0002TP_100")):
        image, mask = drives.draw(source)
        image[30:38, 40:48] = 200
        drives.save(f"images/{name}.png", image)
        drives.save(f"masks/{name}.png", mask * np.uint8(255))
    proposal = next(finding for finding in drives.findings() if finding.check == "groups")
    assert "Of 2 pairs of images that are nearly the same, these groups hold 1 together" in proposal.why
    assert "; 0001TP_005 and 0002TP_100 would still be apart." in proposal.why


def test_groups_torn_by_the_parts_of_the_data_are_a_warning(plant):
    plant.pairs(8, "train/images", "train/masks").pairs(4, "val/images", "val/masks", first=20)
    finding = judge(visit(plant.root, group="[0-4]$"))[0]
    assert (finding.severity, finding.check) == ("warning", "torn")
    assert finding.title == "4 of 5 groups are torn apart between train and val, such as '0'"
    assert plant.names(finding)[0] == "train/images/00.png"
    assert finding.cases[0].detail == "of '0', in train and val"


def test_the_drives_of_real_streets(real_data):
    (finding,) = judge(visit(real_data / "camvid"))
    assert "3 groups" in finding.title
    assert "--group '^[^_]+'" in finding.title
    assert "20 together" in finding.why
