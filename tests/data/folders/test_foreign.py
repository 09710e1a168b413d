"""Files of other programs are named for what they are."""

import pytest

from foveate.data.folders.foreign import foreign_files


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "export.json",
            '[{"id": 1, "annotations": [{"result": [{"from_name": "a", "to_name": "b"}]}]}]',
            "Label",
        ),
        ("via.json", '{"_via_settings": {}, "_via_img_metadata": {}}', "a project of VIA; export its"),
        ("regions.json", '{"a.jpg1": {"regions": [{"shape_attributes": {"name": "polygon"}}]}}', "of VIA"),
        ("a.json", '{"type": "FeatureCollection", "features": []}', "GeoJSON; draw its shapes as masks"),
        ("a.json", '[{"annotations": [{"label": "a", "coordinates": {"x": 1, "width": 2}}]}]', "no masks"),
        (
            "a.xml",
            "<annotation><object><bndbox></bndbox></object></annotation>",
            "boxes are no masks; outline",
        ),
        (
            "a.json",
            '{"images": [], "annotations": [{"segments_info": []}], "categories": []}',
            "COCO's panoptic form; export outlines",
        ),
        ("a.geojson", "{}", "GeoJSON; draw its shapes as masks"),
        ("a.csv", "ImageId,EncodedPixels\n1,2 3\n", "run lengths; draw them as masks"),
        ("a.parquet", "PAR1", "a table of Hugging Face; load it with datasets.load_dataset and save it with"),
        ("a.mat", "MATLAB", "a file of arrays; save each image and each mask as an image file"),
    ],
)
def test_what_a_file_is(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    (sentence,) = foreign_files(tmp_path)
    assert sentence.startswith(f"{name} is ")
    assert said in sentence


def test_files_of_no_known_kind_and_empty_ones(tmp_path):
    for name in ("settings.json", "empty.json", "empty.xml", "a.txt"):
        (tmp_path / name).write_text("" if "empty" in name else '{"a": 1}')
    assert foreign_files(tmp_path) == []


def test_many_files_of_one_kind_are_one_sentence(tmp_path):
    for number in range(30):
        (tmp_path / f"{number:02}.xml").write_text("<annotation><bndbox>")
    assert [sentence.partition(" ")[0] for sentence in foreign_files(tmp_path)] == ["00.xml"]
