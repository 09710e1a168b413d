from pathlib import Path

import pytest
import yaml

from foveate.errors import UserError
from foveate.specs.work import Datum, WorkSweep, load_work

TREE = {
    "title": "A work",
    "paper": "Somewhere, 2020",
    "about": "It helps.",
    "data": {"polyps": {"title": "Polyps", "place": "polyps"}, "roads": {"title": "Roads", "place": "roads"}},
    "parts": {"unet": {"config": "part.yaml", "data": ["polyps", "roads"], "epochs": 3}},
    "scales": {
        "paper": {"settings": {"seeds": 1}},
        "small": {
            "settings": {"seeds": 2, "size": "32x32"},
            "data": {"polyps": [{"title": "Cells", "place": "cells", "settings": {"classes": ["cell"]}}]},
        },
    },
    "tables": [
        {
            "title": "Scores",
            "columns": [{"name": "Polyps", "data": "polyps"}, {"name": "Roads", "data": "roads"}],
            "rows": [{"name": "A", "part": "unet", "published": ["0.9", None]}],
        }
    ],
}


@pytest.fixture
def write(tmp_path):
    (tmp_path / "part.yaml").write_text("arms: [se@decoder]\nepochs: 50\nlr: 0.01\n")

    def save(**keys) -> Path:
        path = tmp_path / "work.yaml"
        path.write_text(yaml.safe_dump({**TREE, **keys}))
        return path

    return save


def test_a_part_is_its_comparison_changed_by_the_part_the_scale_and_the_data(write):
    path = write()
    (sweep,) = load_work(path).sweeps("small")
    spec = sweep.spec("photos", [path.parent])
    assert spec.data == ("photos",)
    assert spec.arms == ("none", "se@decoder")
    assert spec.settings == {"epochs": 3, "lr": 0.01, "size": "32x32", "classes": ["cell"]}
    assert spec.seeds == 2
    assert sweep.name == "unet/polyps-cells"


def test_what_stands_in_is_named_as_such_and_the_published_data_are_not(write):
    work = load_work(write())
    assert [datum.heading for datum in work.data_at("paper")["polyps"]] == ["Polyps"]
    assert [datum.heading for datum in work.data_at("small")["polyps"]] == ["Cells (stand-in)"]
    assert work.data_at("small")["roads"] == ()
    assert [sweep.name for sweep in work.sweeps("paper")] == ["unet/polyps", "unet/roads"]


def test_a_part_may_be_left_out_at_a_scale(write):
    scales = {"paper": {"parts": {"unet": None}}}
    assert list(load_work(write(scales=scales)).sweeps("paper")) == []


def table(**keys):
    return {"tables": [{**TREE["tables"][0], **keys}]}


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            {"parts": {"unet": {"data": ["polips"]}}},
            "unknown data (parts.unet) 'polips'; did you mean 'polyps'?",
        ),
        ({"parts": {"unet": {}}}, "parts.unet: names no data; give data: [polyps, roads]"),
        ({"scales": {"papr": {}}}, "unknown scale 'papr'; did you mean 'paper'?"),
        ({"scales": {"small": {"data": {"poly": []}}}}, "unknown data (scales.small) 'poly'"),
        ({"scales": {"small": {"parts": {"unt": {}}}}}, "unknown parts (scales.small) 'unt'"),
        (
            {"data": {"polyps": {"title": "Polyps"}}},
            "the data 'Polyps' need one of place, source and made, not none",
        ),
        (
            {"data": {"polyps": {"title": "P", "place": "../p"}}},
            "place is '../p'; name a folder below --data-root",
        ),
        ({"titel": "A"}, "unknown key 'titel'; did you mean 'title'?"),
        (table(rows=[{"name": "A", "published": ["1"]}]), "row 'A': published has 1 cells for 2 columns"),
        (table(rows=[{"name": "A"}, {"name": "A"}]), "has two of the name 'A' among its rows"),
        ({"parts": {"unet": {"data": "polyps"}}}, "parts.unet.data is 'polyps'; give a list"),
        ({"parts": {"../unet": {"data": ["polyps"]}}}, "parts.'../unet' names a folder of the results"),
        ({"data": {"..": {"title": "P", "place": "p"}}}, "data.'..' names a folder of the results"),
        (
            {"scales": {"small": {"data": {"polyps": "cells"}}}},
            "scales.small.data.polyps is 'cells'; give title",
        ),
        (
            {"scales": {"small": {"parts": {"unet": [1]}}}},
            "scales.small.parts.unet is [1]; give keys of a sweep",
        ),
        (
            {"scales": {"small": {"parts": {"unet": {"data": ["roas"]}}}}},
            "unknown data (scales.small.parts.unet) 'roas'; did you mean 'roads'?",
        ),
        (table(columns=[]), "has none among its columns"),
        (table(rows=[{"name": "A", "part": "fcn"}]), "unknown part (table 'Scores', 'A') 'fcn'"),
        (
            table(columns=[{"name": "Avg", "mean": ["B"]}, {"name": "A"}]),
            "unknown column of the table 'Scores' 'B'",
        ),
    ],
)
def test_what_is_wrong_in_a_file_is_named(write, keys, words):
    path = write(**keys)
    with pytest.raises(UserError) as error:
        load_work(path)
    assert str(error.value).startswith(f"{path}: ")
    assert words in str(error.value)


@pytest.mark.parametrize(("text", "words"), [("a: [", "line 1: not valid"), ("- a", "holds no keys")])
def test_a_file_that_is_no_work_is_told(tmp_path, text, words):
    path = tmp_path / "work.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=words):
        load_work(path)
    with pytest.raises(UserError, match="there is no such file"):
        load_work(tmp_path / "none.yaml")


@pytest.mark.parametrize("key", ["grid", "variants"])
def test_an_empty_key_of_a_part_is_no_traceback(write, key):
    path = write(parts={"unet": {**TREE["parts"]["unet"], "data": ["polyps"], key: None}})
    (sweep,) = load_work(path).sweeps("small")
    with pytest.raises(UserError, match=key):
        sweep.spec("photos", [path.parent])


def test_a_config_that_is_missing_is_named(tmp_path):
    sweep = WorkSweep("unet", Datum("Polyps", source="synthetic"), {"config": "gone.yaml"})
    with pytest.raises(UserError, match=r"gone\.yaml: there is no such file"):
        sweep.spec("photos", [tmp_path])
