import os
import socket
import threading
import time
from contextlib import suppress

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from foveate import online as network
from foveate.errors import UserError
from foveate.models.create import create_model
from foveate.models.hosts import pretrained as module
from foveate.models.places.find import find_places


@pytest.fixture(scope="module")
def weights(real_data):
    return real_data.parent / "weights" / "mobilenet_v2_imagenet.safetensors"


def test_a_zero_gate_on_the_pretrained_encoder_is_bit_for_bit_the_host(weights):
    models = []
    for arm in (
        "none",
        "+".join(f"cbam@{place}" for place in find_places(create_model("unet", "mobilenet_v2"))),
    ):
        torch.manual_seed(0)
        models.append(create_model("unet", "mobilenet_v2", encoder_weights=weights, classes=11, arm=arm))
    image = torch.rand(2, 3, 64, 96)
    for training in (True, False):
        assert torch.equal(models[0].train(training)(image), models[1].train(training)(image))
    stored = load_file(weights)
    for model in models:
        first = model.network.encoder.features[0][0].weight
        assert torch.equal(first, stored["features.0.0.weight"])


def test_the_pretrained_encoder_adapts_to_other_channels(weights):
    stored = load_file(weights)["features.0.0.weight"]
    grey = create_model("unet", "mobilenet_v2", encoder_weights=str(weights), in_channels=1)
    torch.testing.assert_close(grey.network.encoder.features[0][0].weight, stored.sum(1, keepdim=True))
    four = create_model("unet", "mobilenet_v2", encoder_weights=str(weights), in_channels=4)
    torch.testing.assert_close(four.network.encoder.features[0][0].weight[:, 3], stored[:, 0] * 0.75)


@pytest.mark.parametrize(
    ("arch", "encoder", "source"),
    [
        ("unet", "resnet18", "resnet18"),
        ("unet", "tu-resnet18", "resnet18"),
        ("unet", "tu-convnext_atto", "convnext_atto"),
        ("classifier", "resnet18", "resnet18"),
        ("classifier", "mobilenetv3_small_050", "mobilenetv3_small_050"),
    ],
)
def test_timms_layouts_are_read(arch, encoder, source, tmp_path):
    donor = create_model("classifier", source, classes=7)
    save_file(donor.network.state_dict(), tmp_path / "weights.safetensors")
    model = create_model(arch, encoder, encoder_weights=tmp_path / "weights.safetensors")
    stored = {tuple(value.shape): value for value in donor.network.state_dict().values() if value.ndim == 4}
    network = model.network.get_submodule(model.encoder)
    convolutions = [value for value in network.state_dict().values() if value.ndim == 4]
    assert any(torch.equal(value, stored[tuple(value.shape)]) for value in convolutions)


def test_another_encoders_file_is_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file(create_model("classifier", "mobilenetv3_small_050").network.state_dict(), path)
    with pytest.raises(
        UserError, match=r"tensors of the encoder are not in the file .* is the file for another encoder\?"
    ):
        create_model("unet", "resnet18", encoder_weights=path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match="not a readable safetensors file"):
        create_model("unet", "resnet18", encoder_weights=path)


def test_a_tensor_of_another_shape_is_refused(tmp_path):
    state = create_model("classifier", "resnet18").network.state_dict()
    state["layer1.0.conv1.weight"] = torch.zeros(64, 64, 5, 5)
    save_file(state, tmp_path / "weights.safetensors")
    with pytest.raises(UserError, match=r"layer1\.0\.conv1\.weight has the shape \(64, 64, 5, 5\)"):
        create_model("unet", "resnet18", encoder_weights=tmp_path / "weights.safetensors")


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ("nowhere/a.safetensors", "there is no such file"),
        ("a.pth", r"expected a \.safetensors file \(pickles are not read\)"),
        ("imagnet", "unknown weights of resnet18 'imagnet'; did you mean 'imagenet'"),
    ],
)
def test_missing_weights_are_refused(weights, words):
    with pytest.raises(UserError, match=words):
        create_model("unet", "resnet18", encoder_weights=weights)


@pytest.fixture
def proxy(request, monkeypatch):
    """A proxy that refuses connections, forbids what it is asked for, or takes a connection and is silent."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def forbid() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    if request.param == "refuses":
        listener.close()
    elif request.param == "forbids":
        threading.Thread(target=forbid, daemon=True).start()
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
    for name in ("ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    yield request.param
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()


ENCODERS = [
    ("unet", "resnet18"),
    ("unet", "tu-resnet18"),
    ("classifier", "resnet18"),
    ("fcn_torchvision", "resnet50"),
    ("fcn", "resnet18"),
]


@pytest.fixture
def empty_caches(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


@pytest.mark.parametrize("proxy", ["refuses", "forbids"], indirect=True)
@pytest.mark.parametrize(("arch", "encoder"), ENCODERS)
def test_without_a_network_there_is_an_error_of_one_line_within_five_seconds(
    arch, encoder, proxy, empty_caches
):
    refuses_to_download(arch, encoder, {"refuses": "refused", "forbids": "403 Forbidden"}[proxy])


@pytest.mark.parametrize("proxy", ["is silent"], indirect=True)
def test_a_proxy_that_never_answers_times_out_within_five_seconds(proxy, empty_caches):
    refuses_to_download("unet", "resnet18", "huggingface.co ")


@pytest.mark.parametrize(("arch", "encoder"), ENCODERS)
def test_offline_mode_raises_a_clear_error(arch, encoder, empty_caches, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    refuses_to_download(arch, encoder, "HF_HUB_OFFLINE is set")


@pytest.mark.parametrize(("arch", "encoder"), ENCODERS)
def test_where_the_cache_cannot_be_written_its_variable_is_named(arch, encoder, empty_caches, monkeypatch):
    monkeypatch.setattr(module, "unreachable_reason", lambda url: None)
    monkeypatch.setenv("TORCH_HOME", "/proc/none")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", "/proc/none")
    with pytest.raises(
        UserError, match=r"/proc/none.* cannot be written to .* variable (TORCH_HOME|HF_HOME)"
    ):
        create_model(arch, encoder, encoder_weights="imagenet")


@pytest.mark.parametrize(
    ("proxy", "words"), [("forbids", "HTTP Error 403"), ("is silent", "")], indirect=["proxy"]
)
def test_without_a_proxy_the_server_is_asked_directly(proxy, words, monkeypatch):
    monkeypatch.setattr(network, "REACH_SECONDS", 0.3)
    address = os.environ["HTTP_PROXY"]
    monkeypatch.setenv("NO_PROXY", "*")
    start = time.perf_counter()
    assert words in network.unreachable_reason(f"{address}/model/config.json")
    assert time.perf_counter() - start < 2


def refuses_to_download(arch: str, encoder: str, words: str) -> None:
    start = time.perf_counter()
    with pytest.raises(UserError, match="cannot download the imagenet weights of") as error:
        create_model(arch, encoder, encoder_weights="imagenet")
    assert time.perf_counter() - start < 5
    message = str(error.value)
    assert "\n" not in message
    assert words in message
    assert "use encoder_weights=None (--encoder-weights none) or the path of a .safetensors file" in message


def test_a_server_that_never_answers_times_out_soon(monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(network, "REACH_SECONDS", 0.2)
    start = time.perf_counter()
    # A block of addresses that is kept for documentation.
    assert network.unreachable_reason("https://192.0.2.1").startswith("192.0.2.1 ")
    assert time.perf_counter() - start < 2
