"""The doctor reads whatever can be opened, not folders of pairs alone."""

import pickle

import pytest
from PIL import Image

from foveate.data.open import open_dataset
from foveate.data.pack import pack
from foveate.doctor.exam import examine
from foveate.doctor.facts import as_dataset
from foveate.doctor.finding import judge
from foveate.doctor.visit import visit
from foveate.loading.sizes import choose_size

from ..data.published.imitations import IMITATIONS


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FOVEATE_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("name", sorted(IMITATIONS))
def test_every_published_dataset_is_examined_and_can_be_advised_on(name, tmp_path):
    root = tmp_path / name
    truth = IMITATIONS[name](root)
    survey = visit(root)
    assert (survey.folder.layout, len(survey.exams)) == (name, sum(map(len, truth.values())))
    assert [finding.title for finding in judge(survey) if finding.severity == "error"] == []
    assert choose_size(as_dataset(survey)) == choose_size(open_dataset(root))
    first, elsewhere = survey.exams[0], pickle.loads(pickle.dumps(survey.folder.read))
    assert examine(first.part, first.entry, elsewhere, survey.folder.masks).image.digest == first.image.digest


def test_images_of_one_file_have_names_of_their_own(tmp_path):
    IMITATIONS["cifar10"](tmp_path / "cifar10")
    survey = visit(tmp_path / "cifar10")
    (twins,) = [finding for finding in judge(survey) if finding.check == "duplicates"]
    files = {survey.folder.name(case.file) for case in twins.cases}
    assert len(files) == len(twins.cases)


def test_a_photograph_that_is_turned(tmp_path):
    IMITATIONS["kvasir_seg"](tmp_path)
    path = sorted(tmp_path.rglob("images/*.jpg"))[0]
    tag = Image.Exif()
    tag[0x0112] = 3
    Image.open(path).save(path, exif=tag)
    (finding,) = [finding for finding in judge(visit(tmp_path)) if finding.check == "rotation"]
    assert [case.file.name for case in finding.cases] == [path.name]
    assert finding.mend is None


def test_a_missing_mask_of_a_published_dataset_is_all_that_is_reported(tmp_path):
    IMITATIONS["kvasir_seg"](tmp_path)
    sorted(tmp_path.rglob("masks/*.jpg"))[0].unlink()
    findings = judge(visit(tmp_path))
    assert {finding.check for finding in findings} == {"refused", "unpaired"}


def test_drawn_scenes_and_shards_at_an_address(tmp_path):
    pack("synthetic:6:32x48", tmp_path / "shards")
    drawn, streamed = visit("synthetic:6:32x48"), visit((tmp_path / "shards").as_uri())
    assert (drawn.folder.layout, streamed.folder.layout) == ("synthetic", "shards")
    assert len(drawn.exams) == len(streamed.exams) == 12
    assert [exam.mask.digest for exam in drawn.exams] == [exam.mask.digest for exam in streamed.exams]
