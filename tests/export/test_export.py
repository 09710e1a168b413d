import json
import re
import resource
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

import foveate
from foveate.api.export import FORMATS, export
from foveate.api.pack import pack
from foveate.cli.main import main
from foveate.errors import UserError
from foveate.evaluation.evaluate import read_scores
from foveate.export import export as exporting
from foveate.export.departs import first_departure
from foveate.export.forms import COMPILED, EAGER, FORMS, prepare_forms, time_forms
from foveate.export.graph import open_example, trace
from foveate.export.onnx_file import write_onnx
from foveate.export.openvino_file import write_openvino
from foveate.export.parity import INT8, measure, trial_sizes
from foveate.export.quantise import quantise
from foveate.models.checkpoints import load_model
from foveate.prediction.facts import Facts, facts_of

from .conftest import SIZE, png, scene

PAGE = Path(__file__).parents[2] / "docs" / "export.md"
PHOTO = scene(7, (61, 83))[0]


USED_AND_GONE = """
import gc, os, signal
from foveate.prediction.backends.openvino import OpenVinoNetwork

first, second = OpenVinoNetwork(file), OpenVinoNetwork(file)
del first
gc.collect()
del second
gc.collect()
signal.signal(signal.SIGINT, lambda *_: os._exit(3))
os.kill(os.getpid(), signal.SIGINT)
"""


@pytest.fixture(scope="module")
def openvino_file(setting, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("openvino") / "model.xml"
    write_openvino(setting.exported.path, path, facts_of(load_model(setting.run)))
    return path


def test_the_file_predicts_what_the_run_predicts(setting, openvino_file):
    expected = foveate.load(setting.run, "cpu").predict(PHOTO, probabilities=True)
    for path in (setting.exported.path, openvino_file):
        found = foveate.load(path).predict(PHOTO, probabilities=True)
        assert (found.classes, found.colors) == (expected.classes, expected.colors)
        np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-5)
        assert (found.mask != expected.mask).mean() <= 1e-4


def test_the_file_was_compared_at_three_sizes_with_one_and_three_images(setting):
    parity = setting.exported.parity
    shapes = [trial.shape for trial in parity.trials]
    assert [shape[0] for shape in shapes] == [1, 3] * 3
    sizes = {shape[2:] for shape in shapes}
    assert SIZE in sizes
    assert len(sizes) == 3
    assert any(height % 2 and width % 2 for height, width in sizes)
    assert parity.difference < 1e-4
    assert parity.changed == 0
    assert parity.score == pytest.approx(parity.score_exported)
    assert 0 <= parity.score <= 1
    assert min(parity.eager_ms, parity.exported_ms) > 0


def test_the_graph_has_no_transposes_and_no_names_of_source_files(setting):
    proto = onnx.load(setting.exported.path)
    assert "Transpose" not in {node.op_type for node in proto.graph.node}
    assert b".py" not in setting.exported.path.read_bytes()
    axes = proto.graph.input[0].type.tensor_type.shape.dim
    assert [axis.dim_param or axis.dim_value for axis in axes] == ["batch", 3, "height", "width"]


def test_the_metadata_says_what_the_file_is(setting):
    metadata = {one.key: json.loads(one.value) for one in onnx.load(setting.exported.path).metadata_props}
    assert metadata["classes"] == ["background", "foreground"]
    assert metadata["colors"] == [[0, 0, 0], [220, 40, 40]]
    assert metadata["palette"][:6] == [0, 0, 0, 220, 40, 40]
    assert len(metadata["palette"]) == 768
    assert metadata["size"] == list(SIZE)
    assert len(metadata["mean"]) == len(metadata["std"]) == 3
    assert metadata["arm"] == "cbam@decoder"
    assert metadata["version"] == foveate.__version__
    assert re.fullmatch("[0-9a-f]{64}", metadata["hash"])
    assert metadata["verdict"] == ""


def test_the_script_of_the_docs_needs_neither_torch_nor_foveate(setting, tmp_path):
    (script,) = [
        code for code in re.findall(r"```py\n(.*?)```", PAGE.read_text(), re.DOTALL) if "palette" in code
    ]
    assert len(script.strip().splitlines()) <= 20
    shutil.copy(setting.exported.path, tmp_path / "winner.onnx")
    (tmp_path / "photo.jpg").write_bytes(png(PHOTO))  # Pillow goes by the content
    blocked = "import sys; sys.modules.update(dict.fromkeys(['torch', 'foveate', 'torchvision', 'onnx']))\n"
    subprocess.run([sys.executable, "-c", blocked + script], cwd=tmp_path, check=True)
    with Image.open(tmp_path / "mask.png") as mask:
        assert mask.getpalette()[:6] == [0, 0, 0, 220, 40, 40]
        found = np.asarray(mask)
    expected = foveate.load(setting.run, "cpu").predict(PHOTO).mask
    assert found.shape == expected.shape
    assert (found != expected).mean() < 0.03  # the script resizes the classes, foveate their probabilities


def test_a_file_and_a_packed_run_are_scored_as_the_run(setting, tmp_path, capsys):
    run = Path(shutil.copytree(setting.run, tmp_path / "run"))
    files = [setting.exported.path, pack(run, tmp_path / "packed.zip").path, run]
    expected, *others = (foveate.evaluate(path, setting.data, device="cpu") for path in reversed(files))
    assert expected.images == 4
    for found in others:
        assert found.miou == pytest.approx(expected.miou, abs=1e-3)
    assert read_scores(run, "scores-data-test.json").miou == expected.miou
    assert {path.name for path in tmp_path.iterdir()} == {"run", "packed.zip"}
    for path in files[:2]:
        assert main(["evaluate", str(path)]) == 2
        assert f"{path}: does not say which images are its own; name data" in capsys.readouterr().err
    assert main(["evaluate", str(files[1]), str(setting.data)]) == 0
    assert f"{files[1]} does not record what mask values stand for" in capsys.readouterr().out
    assert main(["inspect", str(files[0]), str(setting.data), "--out", str(tmp_path / "figures")]) == 2
    assert "attention in an exported file cannot be seen" in capsys.readouterr().err


def test_threads_share_a_file(setting, openvino_file):
    photos = [scene(seed, (40 + seed, 60))[0] for seed in range(8)]
    for path in (setting.exported.path, openvino_file):
        predictor = foveate.load(path)
        expected = [predictor.predict(photo, probabilities=True).probabilities for photo in photos]
        with ThreadPoolExecutor(4) as pool:
            for _ in range(3):
                found = pool.map(partial(predictor.predict, probabilities=True), photos)
                for one, other in zip(found, expected, strict=True):
                    np.testing.assert_allclose(one.probabilities, other, atol=1e-6)


@pytest.mark.parametrize("place", [0.3, 0.6, 0.9])
def test_a_file_that_was_changed_is_refused(setting, openvino_file, tmp_path, place):
    for path, suffix in ((setting.exported.path, ".onnx"), (openvino_file, ".xml")):
        copy = shutil.copy(path, tmp_path / f"copy{suffix}")
        changed = copy
        if suffix == ".xml":
            changed = shutil.copy(path.with_suffix(".bin"), copy.with_suffix(".bin"))
        content = bytearray(changed.read_bytes())
        content[int(place * len(content))] ^= 1
        changed.write_bytes(content)
        with pytest.raises(UserError, match=r"copy\.(onnx|xml): "):
            foveate.load(copy)


@pytest.mark.parametrize("content", [b"", b"no model", b"\x80\x04pickle"])
def test_what_is_no_model_is_refused(tmp_path, content):
    path = tmp_path / "a.onnx"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.onnx: ONNX Runtime cannot read the file|has not the metadata"):
        foveate.load(path)
    path = tmp_path / "a.xml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.bin: there is no such file; an OpenVINO model is"):
        foveate.load(path)
    path.with_suffix(".bin").write_bytes(b"")
    with pytest.raises(UserError, match=r"a\.xml: "):
        foveate.load(path)


def test_a_model_of_another_origin_is_refused(setting, tmp_path):
    proto = onnx.load(setting.exported.path)
    del proto.metadata_props[:]
    onnx.save(proto, tmp_path / "other.onnx")
    with pytest.raises(UserError, match=r"other\.onnx: has not the metadata of a file from `foveate export`"):
        foveate.load(tmp_path / "other.onnx")


def test_a_program_of_pytorch_is_not_loaded(tmp_path):
    (tmp_path / "a.pt2").write_bytes(b"")
    with pytest.raises(UserError, match=r"a\.pt2: PyTorch reads its exported programs with pickle"):
        foveate.load(tmp_path / "a.pt2")


def test_a_file_that_computes_something_else_is_not_kept(setting, tmp_path, monkeypatch, capsys):
    def broken(*arguments) -> onnx.ModelProto:
        proto = onnx.ModelProto()
        proto.CopyFrom(setting.proto)
        weight = next(one for one in proto.graph.initializer if "attached" in one.name and "fc1" in one.name)
        value = 5 - 3 * onnx.numpy_helper.to_array(weight)
        weight.CopyFrom(onnx.numpy_helper.from_array(value, weight.name))
        return proto

    monkeypatch.setattr(exporting, "trace", lambda *arguments: None)
    monkeypatch.setattr(exporting, "to_onnx", broken)
    out = tmp_path / "out" / "a.onnx"
    assert main(["export", str(setting.run), "--images", str(setting.data), "--out", str(out)]) == 2
    message = capsys.readouterr().err
    assert "not written, because the export differs from the run" in message
    assert "The first module whose output departs is attached.cbam_decoder.channel.fc1" in message
    assert list(out.parent.iterdir()) == []


def test_int8_is_close_and_says_so(setting, tmp_path):
    images = [torch.from_numpy(scene(seed, SIZE)[0]).movedim(-1, 0)[None] / 255 for seed in range(4)]
    quantise(setting.exported.path, tmp_path / "q.onnx", images)
    proto = onnx.load(tmp_path / "q.onnx")
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in proto.graph.node}
    model = load_model(setting.run)
    write_onnx(proto, tmp_path / "int8.onnx", facts_of(model))
    samples = [scene(seed) for seed in range(4)]
    exported = foveate.load(tmp_path / "int8.onnx").model
    parity = measure(model, exported, samples, trial_sizes(SIZE), classes=("a", "b"))
    assert parity.excess(INT8) == ""
    assert parity.mean > 1e-3
    write_openvino(tmp_path / "int8.onnx", tmp_path / "int8.xml", facts_of(model))
    other = foveate.load(tmp_path / "int8.xml").model
    other = measure(model, other, samples, trial_sizes(SIZE), classes=("a", "b"))
    assert other.changed <= INT8.changed


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--to", "onxn"], r"unknown format \(--to\) 'onxn'; did you mean 'onnx'\?"),
        (["--opset", "11"], r"--opset: 11 is too old; choose from 18 to"),
        (["--opset", "99"], r"--opset: 99 is not known yet; choose from 18 to"),
        (["--to", "torch", "--int8"], r"--int8: is for onnx and openvino"),
        (
            ["--fixed", "1x4x8x8"],
            r"--fixed: '1x4x8x8' is no shape that the network takes; write IMAGESx3xHEIGHT",
        ),
        (["--fixed", "large"], r"--fixed: 'large' is no shape"),
        (["--out", "model.txt"], r"--out: model\.txt is no name of a \.onnx file"),
        (["--images", "nowhere"], r"nowhere"),
    ],
)
def test_wrong_flags(setting, tmp_path, monkeypatch, capsys, flags, message):
    monkeypatch.chdir(tmp_path)
    given = ["--images", str(setting.data), "--out", "a.onnx", *flags]
    if "torch" in flags:
        given[3] = "a.pt2"
    assert main(["export", str(setting.run), *given]) == 2
    assert re.search(message, capsys.readouterr().err)
    assert list(tmp_path.iterdir()) == []


def test_results_are_replaced_only_on_demand(setting):
    with pytest.raises(UserError, match=r"run\.onnx is there already; .* add --overwrite"):
        export(setting.run, images=setting.data)


def test_a_run_that_is_not_finished(setting, tmp_path):
    run = shutil.copytree(setting.run, tmp_path / "run")
    (run / "spec.yaml").write_text("{}")
    with pytest.raises(UserError, match=r"run: the run is not finished; resume it"):
        export(run, images=setting.data)
    with pytest.raises(UserError, match=r"there is no such checkpoint"):
        export(tmp_path, images=setting.data)
    assert list(tmp_path.iterdir()) == [run]


def test_a_missing_package_is_named_with_its_install_line(setting, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(
        UserError, match=r"--to openvino needs the package openvino: pip install 'foveate\[openvino"
    ):
        export(setting.run, "openvino", tmp_path / "a.xml", images=setting.data)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(
        UserError, match=r"an ONNX file needs the package onnxruntime: pip install 'foveate\[export"
    ):
        foveate.load(setting.exported.path)


def test_a_full_disk_leaves_nothing(setting, tmp_path, monkeypatch):
    def full(*arguments) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exporting, "trace", full)
    with pytest.raises(
        UserError, match=r"a\.onnx: cannot be written \(No space left on device\); nothing was"
    ):
        export(setting.run, out=tmp_path / "a.onnx", images=setting.data)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("to", "int8", "step"),
    [
        ("onnx", False, "write_onnx"),
        ("onnx", True, "quantise"),
        ("openvino", False, "write_openvino"),
        ("torch", False, "write_program"),
    ],
)
def test_a_disk_that_fills_in_mid_file_leaves_nothing(setting, tmp_path, monkeypatch, to, int8, step):
    program = torch.export.export(torch.nn.Conv2d(3, 8, 64), (torch.zeros(1, 3, 64, 64),))
    monkeypatch.setattr(exporting, "trace", lambda *words: program)
    monkeypatch.setattr(exporting, "to_onnx", lambda *words: setting.proto)
    write, (_, most) = getattr(exporting, step), resource.getrlimit(resource.RLIMIT_FSIZE)

    def full(*words: object) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, most))
        write(*words)

    monkeypatch.setattr(exporting, step, full)
    target = tmp_path / f"a{FORMATS[to]}"
    try:
        with pytest.raises(UserError, match=rf"{target.name}: cannot be written .*; nothing was kept"):
            export(setting.run, to, target, int8, images=setting.data)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    assert list(tmp_path.iterdir()) == []


def test_a_fixed_shape_with_maps_and_in_pytorch(setting, tmp_path):
    flags = {"fixed": "2x3x33x48", "images": setting.data}
    exported = export(setting.run, "onnx", tmp_path / "a.onnx", with_maps=True, **flags)
    predictor = foveate.load(exported.path)
    assert predictor.size == (33, 48)
    expected = load_model(setting.run)
    with torch.inference_mode():
        image = torch.rand(3, 3, 33, 48)
        torch.testing.assert_close(predictor.model(image), expected(image), rtol=1e-4, atol=1e-4)
    with pytest.raises(UserError, match=r"takes images of the fixed shape b 3 33 48, got \(1, 3, 32, 48\)"):
        predictor.model(torch.rand(1, 3, 32, 48))
    maps = json.loads({one.key: one.value for one in onnx.load(exported.path).metadata_props}["maps"])
    names = ["cbam@decoder.0", "cbam@decoder.1"]
    assert [maps[name]["kind"] for name in names] == ["channel", "spatial"]
    outputs = [output.name for output in predictor.model.session.get_outputs()]
    assert outputs == ["logits", *maps]  # with the maps of the host's own attention
    values = predictor.model.session.run(names, {"image": image[:2].numpy()})
    with foveate.record(expected) as recording:
        expected(image[:2])
    for found, one in zip(values, recording.maps["cbam@decoder"], strict=True):
        np.testing.assert_allclose(found, one.factor, atol=1e-5)
    program = export(setting.run, "torch", tmp_path / "a.pt2", **flags)
    assert program.parity.difference < 1e-4


def test_a_module_that_cannot_be_traced_is_named(shallow):
    class Counting(torch.nn.Module):
        def forward(self, x):
            return x * int(x.sum())

    model = foveate.create_model("mssa", classes=2).eval()
    model.logits = Counting()
    with pytest.raises(UserError, match=r"the network cannot be traced at logits: "):
        trace(model, open_example(model))


def test_nothing_departs_in_a_right_graph(setting):
    assert first_departure(load_model(setting.run), setting.proto, torch.rand(1, 3, 33, 65)) == ""


def test_facts_of_a_file_must_fit_together():
    metadata = Facts("segmentation", ("a", "b"), ((0, 0, 0), (9, 9, 9))).metadata()
    for name, value in {"task": '"detection"', "classes": '["a"]', "size": '["1", 2]', "colors": "{"}.items():
        with pytest.raises(UserError, match=r"a\.onnx: has not the metadata"):
            foveate.prediction.facts.read_facts({**metadata, name: value}, "a.onnx")


def test_a_signal_is_handled_after_openvino_networks_are_gone(openvino_file, begin):
    process = begin(USED_AND_GONE, file=openvino_file)
    process.join()
    assert process.exitcode == 3


def test_every_form_of_a_network_is_timed(setting, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    shutil.copy(setting.exported.path, tmp_path / "network.onnx")  # tracing takes long
    found, left_out = prepare_forms(load_model(setting.run), tmp_path, SIZE, threads=1)
    assert list(found) == [form for form in FORMS if form != COMPILED]
    assert left_out == {COMPILED: "a C++ compiler"}
    image = torch.rand(1, 3, 33, 41)
    with torch.inference_mode():
        expected = found[EAGER](image)
        for form, network in found.items():
            limit = 0.1 if "INT8" in form else 1e-4
            assert (network(image) - expected).abs().max() < limit * max(1, expected.abs().max())
    times = time_forms(found, (33, 41), rounds=3)
    assert all(0 < one.low_ms <= one.median_ms <= one.high_ms for one in times.values())


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--sizes", "big"], r"--sizes: "),
        (["--rounds", "0"], r"--rounds, --threads: give 1 or more"),
        (["--threads", "0"], r"--rounds, --threads: give 1 or more"),
    ],
)
def test_wrong_flags_of_benchmark(setting, capsys, flags, message):
    assert main(["benchmark", str(setting.run), *flags]) == 2
    assert re.search(message, capsys.readouterr().err)


def test_exported_files_are_not_exported_again(setting, capsys):
    for command in ("benchmark", "export"):
        assert main([command, str(setting.exported.path)]) == 2
        assert "is an exported file" in capsys.readouterr().err
