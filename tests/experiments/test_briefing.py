from foveate.data.open import open_dataset
from foveate.experiments.briefing import group_note


def test_names_that_look_like_groups_are_noted_until_groups_are_given(real_data):
    note = group_note(open_dataset(real_data / "camvid"))
    assert note == (
        "Names look like 3 groups of images that belong together, such as 0001TP_006690 and 0001TP_006720; "
        "--group '^[^_]+' keeps each in one part, and intervals then leave out groups."
    )
    assert group_note(open_dataset(real_data / "camvid", group="^[^_]+")) == ""
    assert group_note(open_dataset(real_data / "drive")) == ""
    assert group_note(open_dataset("synthetic:8")) == ""
