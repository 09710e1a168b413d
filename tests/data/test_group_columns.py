"""Columns that say which images belong together."""

import pytest

from foveate.data.group_columns import group_column, repeating_columns

IMAGES = [f"{number:03d}" for number in range(24)]
REPEATING = {image: f"P{number // 3}" for number, image in enumerate(IMAGES)}
UNIQUE = {image: f"K{image}" for image in IMAGES}
AGES = {image: str(40 + number // 3) for number, image in enumerate(IMAGES)}
LABELS = {image: number % 2 for number, image in enumerate(IMAGES)}

GROUPS = [
    *("patient_id", "PatientID", "patientid", "Patient ID", "PATIENT-ID", "patient", "Patient Name"),
    *("case_id", "case", "CaseNumber", "lesion_id", "subject", "Subject ID", "study", "StudyInstanceUID"),
    *("group", "video", "video_name", "clip_id", "scene", "sequence", "series_uid", "slide_id", "animal"),
    *("participant", "donor_id", "plant_id", "scan id", "dicom_patient_id", "patients"),
]
NONE = [
    *("age", "sex", "patient_age", "patient_sex", "blood_group", "age_group", "casein", "grouping", "plant"),
    *("study_date", "caseload", "scenery", "label", "split", "image_id", "width", "localization", "dx_type"),
]


@pytest.mark.parametrize("name", GROUPS)
def test_names_of_groups(name):
    assert group_column({"age": REPEATING, name: REPEATING}, LABELS) == name


@pytest.mark.parametrize("name", NONE)
def test_names_of_other_things(name):
    assert group_column({name: REPEATING}, LABELS) is None


def test_the_widest_group_counts():
    columns = {"lesion_id": REPEATING, "study": REPEATING, "patient": REPEATING}
    assert group_column(columns) == "patient"
    assert group_column({"lesion_id": REPEATING, "patient": UNIQUE}) == "lesion_id"


def test_a_column_without_repetition_or_of_the_classes_groups_nothing():
    same = dict.fromkeys(IMAGES, "P1")
    classes = {image: "case" if label else "control" for image, label in LABELS.items()}
    assert group_column({"patient_id": UNIQUE, "video": same, "case": classes}, LABELS) is None


def test_other_columns_that_repeat_are_named():
    columns = {"hospital": REPEATING, "camera_id": dict.fromkeys(IMAGES, "3") | {"000": "2"}, "age": AGES}
    columns |= dict.fromkeys(("image_path", "fold", "diagnosis", "class_id"), REPEATING) | {"key": UNIQUE}
    assert repeating_columns(columns) == ("hospital", "camera_id")
