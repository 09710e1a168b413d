"""`foveate reproduce`: every work from its command to its page, on drawn images."""

import csv
import json

import pytest

from foveate.cli.main import main
from foveate.experiments.works.find import find_work, work_names
from foveate.specs.work import load_work

WORKS = work_names()


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """`outputs(work)` runs a work at scale smoke, once."""
    done = {}

    def run(work):
        if work not in done:
            out = tmp_path_factory.mktemp("works") / work
            assert main(["reproduce", work, "--scale", "smoke", "--out", str(out)]) == 0
            done[work] = out
        return done[work]

    return run


def rows(out):
    with (out / "tables.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("work", WORKS)
def test_a_work_runs_from_its_command_to_its_tables(work, outputs):
    out = outputs(work)
    found = rows(out)
    filled = [row for row in found if row["ours"]]
    assert filled
    assert all(row["reason"] for row in found if not row["ours"])
    assert all(row["stand_in"] == "yes" for row in filled if row["data"])
    page = (out / "index.html").read_text()
    assert "(stand-in)" in page
    assert all(row["theirs"] in page for row in found)
    drawn = {path.name for path in (out / "figures").iterdir()}
    assert drawn == set(load_work(find_work(work)).figures)
    assert page.count('src="data:image/') == page.count("<figure>") > len(drawn)


def test_the_same_command_goes_on_and_finds_all_runs_done(outputs, capsys):
    out = outputs("reduce-misclassification")
    before = rows(out)
    assert main(["reproduce", out.name, "--scale", "smoke", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "10 of 10 runs are done." in printed
    assert printed.splitlines()[-1] == str(out / "index.html")
    assert rows(out) == before


def test_the_sweeps_of_a_work_are_one_family_of_results(outputs, capsys):
    out = outputs("mssa")
    assert main(["results", str(out), "--out", str(out / "family.csv")]) == 0
    assert "4 runs: 4 done." in capsys.readouterr().out


def test_a_folder_of_another_work_or_scale_is_left_alone(outputs, capsys):
    out = outputs("mssa")
    assert main(["reproduce", "afma", "--scale", "smoke", "--out", str(out)]) == 2
    assert f"{out} holds mssa at scale smoke; name another folder" in capsys.readouterr().err
    assert json.loads((out / "work.json").read_text()) == {"work": "mssa", "scale": "smoke"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["afmaa"], "unknown work 'afmaa'; did you mean 'afma'?"),
        (["none.yaml"], "none.yaml: there is no such file; name a work"),
        (["afma", "--scale", "papr"], "unknown scale 'papr'; did you mean 'paper'?"),
        (["afma"], "--data-root is missing: name the folder that holds CamVid (CamVid)"),
        (["afma", "--data-root", "nowhere"], "--data-root: nowhere: there is no such folder"),
        (["afma", "--jobs", "none"], "--jobs: 'none' is no number"),
        (["afma", "--engine", "spark"], "unknown engine 'spark'"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_written(words, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["reproduce", *words]) == 2
    assert told in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "found:0.002",
            "found:0.003",
            "'found:0.003'; objects are counted by size, so there are found:0.0005",
        ),
        ("[miou,", "[mio,", "the table 'Eight hosts with and without AFMA': shows is 'mio'"),
        ("  objects: {}", "  object: {}", "unknown figure of a work 'object'; did you mean 'objects'?"),
    ],
)
def test_what_cannot_be_shown_is_told_before_anything_is_trained(tmp_path, old, new, told, capsys):
    work = tmp_path / "work.yaml"
    work.write_text(find_work("afma").read_text().replace(old, new))
    out = tmp_path / "out"
    assert main(["reproduce", str(work), "--scale", "smoke", "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert str(work) in error
    assert told in error
    assert not out.exists()


def test_without_any_data_all_that_is_missing_is_told(tmp_path, capsys):
    assert (
        main(["reproduce", "smooth-attention", "--data-root", str(tmp_path), "--out", str(tmp_path / "o")])
        == 2
    )
    told = capsys.readouterr().err
    assert "there are no data of this work to run on" in told
    for place in ("CUB_200_2011", "Fish_Dataset", "FSID", "kvasir-instrument", "FSSD"):
        assert f"put it at {tmp_path / place}." in told
    assert not (tmp_path / "o").exists()
