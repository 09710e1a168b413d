"""Every image is examined once, in order; missing sources are reported."""

import json
import pickle
import threading

import numpy as np
import psutil
import pytest
from scipy import ndimage

from foveate.data.dataset import Entry
from foveate.doctor import exam as examination
from foveate.doctor import visit as visiting
from foveate.doctor.exam import examine
from foveate.doctor.facts import gather
from foveate.doctor.finding import checks
from foveate.doctor.objects import objects
from foveate.doctor.processes import Processes
from foveate.doctor.visit import visit
from foveate.errors import DataError


def test_each_file_is_decoded_once(plant, monkeypatch):
    decoded = []

    def counted(function):
        def call(file, *rest):
            decoded.append(file.image if isinstance(file, Entry) else file)
            return function(file, *rest)

        return call

    monkeypatch.setattr(examination, "pixels_of", counted(examination.pixels_of))
    monkeypatch.setattr(examination, "stored_mask", counted(examination.stored_mask))
    visit(plant.pairs().root)
    assert len(decoded) == len(set(decoded)) == 24


def test_progress_and_order(plant):
    calls = []
    survey = visit(plant.pairs(9).root, advance=lambda done, total: calls.append((done, total)), workers=3)
    assert calls == [(number, 9) for number in range(1, 10)]
    assert [exam.entry.stem for exam in survey.exams] == [f"{number:02d}" for number in range(9)]


def test_a_limit_is_spread_evenly(plant):
    survey = visit(plant.pairs(9).root, limit=3)
    assert [exam.entry.stem for exam in survey.exams] == ["00", "03", "06"]
    assert ("Looked at", "3 of 9, evenly spread") in gather(survey).rows


def test_ctrl_c_ends_the_threads(plant):
    plant.pairs(12)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        visit(plant.root, advance=stop)
    assert threading.active_count() == before


@pytest.mark.parametrize("faster", ["threads", "processes"])
def test_what_is_found_does_not_depend_on_where_it_is_examined(plant, monkeypatch, faster):
    plant.pairs(24)
    (plant.root / "images/20.png").write_bytes(b"no image")
    examined_here = []
    monkeypatch.setattr(
        visiting, "examine", lambda *each, **known: examined_here.append(each) or examine(*each, **known)
    )
    monkeypatch.setattr(visiting, "TRIAL_S", 0.0)
    monkeypatch.setattr(visiting, "LONG_S", 0.0)
    monkeypatch.setattr(visiting, "THREADS_GAIN", 0.0 if faster == "threads" else np.inf)
    monkeypatch.setattr(visiting.os, "cpu_count", lambda: 2)
    elsewhere, here = visit(plant.root).exams, len(examined_here)
    assert here == (24 if faster == "threads" else 10)
    for exam, alone in zip(elsewhere, visit(plant.root, workers=1).exams, strict=True):
        assert pickle.dumps(exam) == pickle.dumps(alone)


def test_processes_raise_the_errors_of_the_function_and_go_on():
    with Processes(int, 1) as processes:
        with pytest.raises(ValueError, match="invalid literal"):
            processes.map(["1", "x"])
        assert processes.map(["1", "2"]) == [1, 2]


def test_a_function_that_no_other_process_can_have_is_called_here(capfd):
    with Processes(lambda number: -number, 1) as processes:
        assert processes.map([1, 2]) == [-1, -2]
        assert processes.map([3]) == [-3]
    assert capfd.readouterr().err == ""


def test_what_a_killed_process_was_given_is_done_here():
    others = set(psutil.Process().children())
    with Processes(abs, 1) as processes:
        assert processes.map([-1]) == [1]
        (child,) = set(psutil.Process().children()) - others
        child.kill()
        child.wait()
        assert processes.map([-2]) == [2]
    assert set(psutil.Process().children()) == others


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda root: root.write_text("a"), "is a file; give the folder of your images, such as the one it"),
        (lambda root: None, "there is no such folder; give the folder of your images"),
        (lambda root: root.mkdir(), "the folder is empty; put images/ and masks/ there"),
    ],
)
def test_where_there_is_nothing_to_look_at(plant, make, words):
    make(plant.root)
    with pytest.raises(DataError, match=words):
        visit(plant.root)


def test_a_limit_that_leaves_nothing(plant):
    with pytest.raises(DataError, match="limit 0 leaves nothing to look at; give 1 or more"):
        visit(plant.pairs(2).root, limit=0)


def test_facts(plant):
    facts = gather(visit(plant.pairs().root))
    rows = dict(facts.rows)
    assert rows["Recognised"].startswith("paired: images/ masks/")
    assert rows["Images"] == "12 images, no splits of their own"
    assert rows["Size"] == "72 x 96 (height x width)"
    assert (rows["Mode"], rows["Masks"], rows["Stored as"]) == ("RGB PNG (12)", "L PNG (12)", "0/255 (12)")
    background, foreground = facts.classes
    masks = [plant.mask(number) for number in range(12)]
    assert foreground.share == pytest.approx(np.mean([mask > 0 for mask in masks]))
    found = [ndimage.label(mask, np.ones((3, 3)))[1] for mask in masks]
    assert (background.objects, foreground.objects) == (0, sum(found))
    assert rows["Objects in an image"].startswith(str(int(np.quantile(found, 0.5, method="nearest"))))


def test_the_background_of_several_classes_is_no_object(plant):
    images = [{"id": number, "file_name": f"{number}.png", "width": 40, "height": 30} for number in range(4)]
    outline = {"segmentation": [[5, 5, 15, 5, 15, 15]]}
    outlined = [{"id": n, "image_id": n, "category_id": 1 + n % 2, **outline} for n in range(4)]
    for each in images:
        plant.save(each["file_name"], np.zeros((30, 40, 3), np.uint8))
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    (plant.root / "_annotations.coco.json").write_text(
        json.dumps({"images": images, "annotations": outlined, "categories": categories})
    )
    facts = gather(visit(plant.root))
    counts = {each.name: each.objects for each in facts.classes}
    assert counts == {"background": 0, "cat": 2, "dog": 2}
    assert dict(facts.rows)["Objects in an image"].startswith("1 (1 to 1 ")


def test_objects_are_those_of_one_value_at_a_time():
    random = np.random.default_rng(0)
    for _ in range(60):
        mask = random.integers(0, 3, random.integers(1, 12, 2)).astype(np.uint8)
        naive = []
        for value in np.unique(mask):
            labels, _ = ndimage.label(mask == value, np.ones((3, 3)))
            naive += [(int(value), int(area)) for area in np.bincount(labels.ravel())[1:]]
        values, areas = objects(mask)
        assert sorted(zip(values.tolist(), areas.tolist(), strict=True)) == sorted(naive)


def test_every_check_has_a_name_and_a_place():
    assert list(checks())[:4] == ["refused", "empty", "unreadable", "unpaired"]
