import json
import os
import pickle
import resource
import shutil

import pytest
import torch
from safetensors.torch import load_file

from foveate.errors import UserError
from foveate.models.attaching.attach import attached
from foveate.models.checkpoints import load_model, save_model
from foveate.models.create import create_model


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    model = create_model(
        "unet",
        "mobilenet_v2",
        in_channels=4,
        classes=3,
        arm="cbam@decoder(reduction=4)+two_branch(activation=tanh)",
        decoder_channels=[64, 32, 16, 16, 8],
    )
    model.notes["class_names"] = ["road", "sign", "pole"]
    return model.eval()


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    save_model(model, folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "run")


def test_a_saved_model_comes_back_whole(model, saved):
    again = load_model(saved)
    image = torch.rand(1, 4, 30, 40)
    assert torch.equal(again(image), model(image))
    assert again.notes == {"class_names": ["road", "sign", "pole"]}
    assert again.config == model.config
    assert list(attached(again)) == ["cbam@decoder"]
    assert not again.training
    assert torch.equal(load_model(saved / "best.safetensors")(image), model(image))


def test_the_config_is_json_that_names_everything(saved):
    config = json.loads((saved / "config.json").read_text())
    assert config["format"] == 1
    named = {"arch": "unet", "encoder_name": "mobilenet_v2", "classes": 3, "gate": "zero"}
    assert config["model"] | named == config["model"]
    assert sorted(os.listdir(saved)) == ["best.safetensors", "config.json"]


def test_loading_does_not_change_the_random_state(saved):
    torch.manual_seed(2)
    expected = torch.rand(1)
    torch.manual_seed(2)
    load_model(saved)
    assert torch.equal(torch.rand(1), expected)


def test_a_custom_normalisation_is_saved(tmp_path):
    model = create_model("unet", "mobilenet_v2")
    model.set_normalisation([0.1, 0.2, 0.3], [1, 1, 1])
    save_model(model, tmp_path)
    torch.testing.assert_close(load_model(tmp_path).mean.flatten(), torch.tensor([0.1, 0.2, 0.3]))


def test_tied_weights_are_stored_once_and_tied_again(tmp_path):
    model = create_model("unet", "mobilenet_v2", arm="se@encoder1+se@encoder2(reduction=24)")
    model.network.other = model.network.segmentation_head[0]
    save_model(model, tmp_path)
    names = load_file(tmp_path / "best.safetensors")
    assert "network.segmentation_head.0.weight" in names
    assert "network.other.weight" not in names


def test_other_names_lie_beside_best(model, folder):
    save_model(model, folder, name="last")
    assert load_model(folder, name="last").config == model.config


def test_a_truncated_checkpoint_is_refused(folder):
    whole = (folder / "best.safetensors").read_bytes()
    for length in (0, 1000, len(whole) // 2):
        (folder / "best.safetensors").write_bytes(whole[:length])
        with pytest.raises(
            UserError, match=r"best\.safetensors: not a readable safetensors file \(truncated"
        ):
            load_model(folder)


class Malicious:
    def __reduce__(self):
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("write", [pickle.dump, torch.save])
@pytest.mark.parametrize("name", ["best.safetensors", "best.ckpt"])
def test_a_malicious_pickle_is_refused_and_not_executed(folder, name, write):
    bomb = Malicious()
    bomb.target = folder / "executed"
    with open(folder / name, "wb") as file:
        write(bomb, file)
    with pytest.raises(UserError, match="can run code and"):
        load_model(folder / name)
    assert not bomb.target.exists()


def test_another_version_is_refused(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"format": 7}))
    with pytest.raises(UserError, match="a checkpoint of format 7, this foveate reads format 1"):
        load_model(folder)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"format": 1, "mod', "not readable as JSON, perhaps truncated"),
        ("[" * 100_000, "not readable as JSON"),
        ("[1, 2]", "a checkpoint of format None"),
        ('{"format": 1}', "lacks the entry 'model'"),
        ('{"format": 1, "model": {"arch": "unet"}}', "the model it describes cannot be built"),
    ],
)
def test_a_damaged_config_is_refused(folder, text, words):
    (folder / "config.json").write_text(text)
    with pytest.raises(UserError, match=words):
        load_model(folder)


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("model", "classes"), 10**9, r"model\.classes is 1000000000, above the limit 65536"),
        (("model", "in_channels"), 10**12, r"model\.in_channels is 1000000000000"),
        (
            ("model", "options", "decoder_channels", 0),
            10**6,
            r"model\.options\.decoder_channels\.0 is 1000000",
        ),
        (
            ("model", "options", "decoder_channels"),
            [1, *[65_536] * 4],
            "the model it describes cannot be built",
        ),
        (("notes", "size"), [10**6, 32], r"notes\.size\.0 is 1000000"),
        (("notes", "size"), [60_000, 60_000], "images of 60000x60000 are larger than any image may be"),
        (("notes",), ["road"], "'notes' is not a table"),
    ],
)
def test_a_config_that_asks_for_too_much_is_refused(folder, place, value, words):
    config = json.loads((folder / "config.json").read_text())
    part = config
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=words):
        load_model(folder)


def test_missing_files_are_named(folder):
    with pytest.raises(UserError, match=r"last\.safetensors: there is no such checkpoint"):
        load_model(folder, name="last")
    with pytest.raises(UserError, match=rf"give the folder that holds best\.safetensors, such as {folder}"):
        load_model(folder.parent)
    (folder / "config.json").unlink()
    with pytest.raises(UserError, match=r"config\.json: missing"):
        load_model(folder)


def test_weights_of_another_model_are_refused(folder):
    save_model(create_model("unet", "mobilenet_v2"), folder, name="other")
    config = json.loads((folder / "config.json").read_text())
    config["model"]["classes"] = 7
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"the weights are not those of the model in config\.json"):
        load_model(folder, name="other")


def test_when_the_disk_is_full_the_previous_checkpoint_survives(model, folder):
    before = (folder / "best.safetensors").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(UserError, match=r"cannot be written .* the previous one is kept"):
            save_model(model, folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (folder / "best.safetensors").read_bytes() == before
    assert sorted(os.listdir(folder)) == ["best.safetensors", "config.json"]


def test_a_missing_folder_raises_a_clear_error(model, tmp_path):
    with pytest.raises(UserError, match="cannot be written"):
        save_model(model, tmp_path / "nowhere")
