import pytest
import torch

import foveate
from foveate.specs.run import RunSpec


def test_a_result_has_scores_a_model_and_how_training_went(fitted):
    result, _ = fitted
    assert 0 <= result.scores.miou <= 1
    assert result.scored_on == "test"
    assert result.training.epochs == 1
    model = result.model()
    assert isinstance(model, torch.nn.Module)
    assert not model.training
    assert model(torch.rand(1, 3, 40, 70)).shape == (1, len(result.scores.classes), 40, 70)


def test_keywords_reach_the_spec_of_the_run(fitted):
    spec = RunSpec.load(fitted[0].folder / "spec.yaml")
    assert (spec.data.size, spec.data.batch, spec.training.epochs) == ((32, 64), 4, 1)
    assert (spec.model.encoder, spec.model.arm) == ("tu-test_resnet", "se@decoder(reduction=4)")


def test_repr_is_two_lines(fitted):
    lines = repr(fitted[0]).splitlines()
    assert lines[0].startswith(f"{fitted[0].folder}: Best validation mean IoU ")
    assert lines[1].startswith("Scores(mIoU ")
    assert lines[1].endswith("4 images) of the test images")
    assert len(lines) == 2


def test_progress_is_called_and_nothing_is_printed(small, tmp_path, fitted, capfd):
    _, events = fitted
    assert [event.step for event in events if event.score is None] == [1, 2, 3]
    foveate.fit("synthetic:8", out=tmp_path / "run", **small)
    assert capfd.readouterr() == ("", "")


def test_the_folder_opens_again(fitted):
    again = foveate.FitResult(str(fitted[0].folder))
    assert repr(again) == repr(fitted[0])


def test_a_run_is_resumed_only_if_asked(fitted, small):
    result, _ = fitted
    weights = (result.folder / "best.safetensors").read_bytes()
    with pytest.raises(foveate.UserError, match="exists and is not empty"):
        foveate.fit("synthetic:12", arm="se@decoder(reduction=4)", out=result.folder, **small)
    again = foveate.fit(
        "synthetic:12", arm="se@decoder(reduction=4)", out=result.folder, resume=True, **small
    )
    assert repr(again) == repr(result)
    assert (result.folder / "best.safetensors").read_bytes() == weights


def test_evaluate_scores_any_split(fitted):
    result, _ = fitted
    assert repr(foveate.evaluate(result.folder)) == repr(result.scores)
    assert foveate.evaluate(result.folder, split="train").images == 12
    assert foveate.evaluate(result.folder, "synthetic:5", size=(32, 32)).images == 3


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"data": "nowhere"}, "nowhere: there is no such folder"),
        ({"epoch": 3}, r"unknown argument of foveate.fit 'epoch'; did you mean 'epochs'\?"),
        ({"encodr": "resnet18"}, r"unknown argument of foveate.fit 'encodr'; did you mean 'encoder'\?"),
        ({"batch": "four"}, "batch is 'four'; expected int"),
        ({"size": "wide"}, "size: 'wide' is not a size"),
        ({"arm": "cbma@decoder"}, r"did you mean 'cbam'\?"),
        ({"lr": -1.0}, "lr is -1.0; it must be"),
        ({"test_scales": [9.0]}, "test_scales is 9.0"),
    ],
)
def test_wrong_arguments_raise_before_anything_is_written(wrong, words, small, fresh):
    with pytest.raises(foveate.UserError, match=words):
        foveate.fit(**{"data": "synthetic:12", "out": fresh} | small | wrong)
    assert not fresh.parent.exists()
