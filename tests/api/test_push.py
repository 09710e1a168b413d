import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from huggingface_hub import constants
from PIL import Image

import foveate
from foveate.api.export import export
from foveate.api.pack import pack
from foveate.api.push import push
from foveate.cli.main import main
from foveate.errors import UserError
from foveate.evaluation.evaluate import read_scores
from foveate.evaluation.scores import scores
from foveate.export import export as exporting
from foveate.export.hub import public_name, shared_files, without_paths
from foveate.models.checkpoints import load_model, save_model
from foveate.models.create import create_model
from foveate.models.hub import is_address, located
from foveate.models.packed import LIST, listing
from foveate.plain import to_json
from foveate.specs.data import DataSpec
from foveate.specs.model import ModelSpec
from foveate.specs.run import RunSpec
from foveate.training.run_directory import Run, RunResult

from .fake_hub import TOKEN, FakeHub, Repository, commit_id

REPO, ADDRESS = "ada/streets", "hf://ada/streets"
PHOTO = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub that the library asks, with an empty cache and the token of its user."""
    server = FakeHub()
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name, value in {
        "ENDPOINT": server.url,
        "HUGGINGFACE_CO_URL_TEMPLATE": server.url + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_OFFLINE": False,
        "HF_HUB_CACHE": str(tmp_path / "cache"),
        "HF_HUB_DISABLE_XET": True,
        "HF_TOKEN_PATH": str(tmp_path / "no-token"),
    }.items():
        monkeypatch.setattr(constants, name, value)
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A finished and scored run on drawn scenes, as it lies on disk; its network was never trained."""
    folder = tmp_path_factory.mktemp("runs") / "winner"
    folder.mkdir()
    torch.manual_seed(0)
    model = create_model("mssa", classes=2, arm="se@decoder", gate="none")
    model.notes = {"classes": ["road", "sky"], "colors": [[0, 0, 0], [9, 9, 9]], "size": [32, 48]}
    save_model(model, folder)
    files = Run(folder)
    files.write_spec(RunSpec(DataSpec("synthetic:12", size=(32, 48)), ModelSpec("mssa", arm="se@decoder")))
    files.write_splits({"train": ["street_1"], "val": ["street_2"], "test": ["street_3", "street_4"]})
    files.write_environment({"command": "foveate fit /home/ada/clinic"})
    files.write_result(RunResult(folder, 1, 1, 0.5, "val_miou", 1.0))
    confusions = np.random.default_rng(0).integers(50, 500, (9, 2, 2)) + 900 * np.eye(2, dtype=int)
    about = {"split": "test", "data": "synthetic:12", "size": [32, 48]}
    result = scores(confusions.sum(0), ["road", "sky"], 9)
    (folder / "scores.json").write_text(json.dumps({**about, **to_json(result)}))
    np.savez(
        folder / "per_image.npz", stems=np.array([f"street_{n}" for n in range(9)]), confusions=confusions
    )
    return folder


@pytest.fixture(scope="module")
def files(run) -> dict[str, bytes]:
    """What a repository of the run holds."""
    return shared_files(run)


@pytest.fixture
def private_run(run, tmp_path) -> Path:
    """The run as if it had been trained on somebody's own photographs."""
    copy = Path(shutil.copytree(run, tmp_path / "secret-folder" / "winner"))
    text = (copy / "spec.yaml").read_text().replace("synthetic:12", "/home/ada/clinic/photos")
    (copy / "spec.yaml").write_text(text)
    (copy / "scores-val.json").write_text(json.dumps({"data": "/home/ada/clinic/photos", "split": "val"}))
    splits = {"train": ["miller_anna"], "val": ["jones_bob"], "test": ["smith_eve"]}
    (copy / "splits.json").write_text(json.dumps(splits))
    (copy / "verdict.txt").write_text("se@decoder against none on unet: helps, +2.0 points of mIoU")
    return copy


def test_a_run_is_pushed_and_loaded_with_the_same_answers(hub, run, tmp_path, capsys):
    assert main(["push", str(run), REPO, "--license", "apache-2.0"]) == 0
    said = capsys.readouterr().out
    made = commit_id(1)
    assert "Public: everybody can see it." in said
    assert f"foveate.load('{ADDRESS}@{made}') gives this version." in said
    assert len(hub.repositories[REPO].commits) == 2  # all files in one commit

    expected = foveate.load(run, "cpu").predict(PHOTO, probabilities=True)
    for address in (ADDRESS, Path(ADDRESS), f"{ADDRESS}@{made}", f"hf://models/{REPO}/"):
        found = foveate.load(address, "cpu").predict(PHOTO, probabilities=True)
        assert found.classes == expected.classes
        assert np.array_equal(found.probabilities, expected.probabilities)

    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(PHOTO).save(photos / "a.png")
    assert main(["predict", ADDRESS, str(photos), "--out", str(tmp_path / "masks")]) == 0
    with Image.open(tmp_path / "masks" / "a.png") as mask:
        assert np.array_equal(np.asarray(mask), expected.mask)


def test_a_pushed_network_can_be_trained_further(hub, run):
    push(run, REPO)
    network, again = foveate.from_pretrained(REPO), foveate.from_pretrained(ADDRESS, revision="main")
    image = torch.rand(1, 3, 32, 64)
    expected = load_model(run)(image)
    assert torch.equal(network(image), expected)
    assert torch.equal(again(image), expected)
    network(image).sum().backward()
    assert tuple(network.notes["classes"]) == foveate.load(run).classes


def test_a_second_load_downloads_nothing_again_and_offline_needs_no_hub(hub, run, files, monkeypatch):
    hub.repositories[REPO] = Repository(commits=[files])
    expected = foveate.load(ADDRESS, "cpu").predict(PHOTO).mask
    before = len(hub.asked)
    foveate.load(ADDRESS)
    assert not [asked for asked in hub.asked[before:] if asked.startswith("GET") and "/resolve/" in asked]
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    before = len(hub.asked)
    assert np.array_equal(foveate.load(ADDRESS, "cpu").predict(PHOTO).mask, expected)
    assert len(hub.asked) == before
    with pytest.raises(
        UserError, match=r"hf://ada/other: is not in the cache of this machine .*HF_HUB_OFFLINE"
    ):
        foveate.load("hf://ada/other")


def test_nothing_private_is_shared(hub, private_run):
    push(private_run, REPO)
    held = hub.repositories[REPO].files
    assert not {"environment.json", "splits.json", "last.ckpt", "per_image.npz"} & held.keys()
    everything = b"\n".join(held.values())
    for secret in (b"/home/ada", b"clinic", b"secret-folder", b"miller_anna", b"smith_eve", b"pytest"):
        assert secret not in everything
    assert yaml.safe_load(held["spec.yaml"])["data"]["source"] == "photos"
    assert json.loads(held["scores-val.json"])["data"] == "photos"


def card_of(content: bytes) -> tuple[dict, str]:
    _, header, text = content.decode().split("---\n", 2)
    return yaml.safe_load(header), text


def test_the_card_tells_what_the_run_knows(private_run, tmp_path):
    folder = foveate.save_pretrained(private_run, tmp_path / "shared", license="cc-by-4.0")
    header, text = card_of((folder / "README.md").read_bytes())
    known = read_scores(private_run)
    assert (header["library_name"], header["pipeline_tag"]) == ("foveate", "image-segmentation")
    assert header["license"] == "cc-by-4.0"
    assert {"foveate", "mssa", "se"} <= set(header["tags"])
    (metric,) = header["model-index"][0]["results"][0]["metrics"]
    assert metric["type"] == "mean_iou"
    assert metric["value"] == pytest.approx(known.miou, abs=1e-4)
    for words in (
        "## Data",
        "- source: photos",
        "1 to train, 1 to validate, 1 to test",
        "## Limits",
        "## Intended use",
    ):
        assert words in text
    assert f"| **mean IoU** |  | {100 * known.miou:.1f} |" in text
    low, high = (float(end) for end in text.partition("| **mean IoU** |")[2].split("|")[2].split(" to "))
    assert 0 <= low <= 100 * known.miou <= high + 0.05 <= 100.05
    assert "A comparison with several seeds says: se@decoder against none on unet: helps" in text
    assert "The weights: cc-by-4.0." in text
    assert 'foveate.load("shared")' in text
    assert str(tmp_path) not in text
    with torch.inference_mode():
        image = torch.rand(1, 3, 32, 64)
        assert torch.equal(foveate.from_pretrained(folder)(image), load_model(private_run)(image))


def test_a_run_is_not_saved_over_itself(private_run):
    before = (private_run / "spec.yaml").read_bytes()
    for model in (private_run, private_run / "best.safetensors"):
        with pytest.raises(UserError, match="is the run itself, which needs its own files"):
            foveate.save_pretrained(model, private_run / ".." / private_run.name, overwrite=True)
    assert (private_run / "spec.yaml").read_bytes() == before


def test_the_card_says_what_is_not_known(tmp_path):
    folder = foveate.save_pretrained(create_model("mssa", classes=2, arm="se@decoder"), tmp_path / "shared")
    header, text = card_of((folder / "README.md").read_bytes())
    assert "license" not in header
    for words in (
        "Not scored on test images yet",
        "whether its attention helps has not been shown",
        "None was stated",
    ):
        assert words in text
    with pytest.raises(UserError, match=r"README\.md and \d more of the results are there already"):
        foveate.save_pretrained(create_model("mssa", classes=2), folder)


def test_a_card_in_the_run_is_taken(hub, private_run):
    (private_run / "README.md").write_text("---\nlicense: mit\n---\nMy own words.\n")
    push(private_run, REPO)
    assert b"My own words." in hub.repositories[REPO].files["README.md"]


def test_a_run_is_replaced_only_on_demand(hub, run, files):
    hub.repositories[REPO] = Repository(commits=[{**files, "scores-old.json": b"{}", "notes.md": b"mine"}])
    with pytest.raises(UserError, match=r"holds a run already; add --overwrite to replace it"):
        push(run, REPO)
    push(run, REPO, overwrite=True)
    held = hub.repositories[REPO].files
    assert "scores-old.json" not in held
    assert held["notes.md"] == b"mine"
    foveate.load(ADDRESS)


def test_a_repository_of_other_files_is_left_alone(hub, run):
    hub.repositories[REPO] = Repository(commits=[{"llama.gguf": b"", "README.md": b""}])
    with pytest.raises(UserError, match=r"other files, such as llama\.gguf; name another one"):
        push(run, REPO, overwrite=True)
    assert len(hub.repositories[REPO].commits) == 1


def test_private_runs_are_seen_by_their_owner_alone(hub, run, monkeypatch):
    hub.repositories["ada/open"] = Repository(commits=[{}])
    with pytest.raises(UserError, match="the repository is public; make it private"):
        push(run, "ada/open", private=True)
    assert push(run, REPO, private=True).pushed.private
    assert hub.repositories[REPO].private
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(UserError, match="no such repository on the Hub, or it is private"):
        foveate.load(ADDRESS)


@pytest.mark.parametrize(
    ("repo", "message"),
    [
        ("streets", "streets: names no run on the Hugging Face Hub; write hf://USER/NAME"),
        ("ada/../streets", "names no run on the Hugging Face Hub"),
        ("hf://datasets/ada/streets", "names no run on the Hugging Face Hub"),
        ("ada/streets@v2", "a run is pushed to the main branch; leave @v2 out"),
        ("bob/streets", "the Hub forbids it: your token may not do that"),
    ],
)
def test_wrong_names_are_told(hub, run, capsys, repo, message):
    assert main(["push", str(run), repo]) == 2
    assert message in capsys.readouterr().err
    assert not hub.repositories


@pytest.mark.parametrize(
    ("fails", "message"),
    [
        ({REPO: 401}, "the Hub does not let you in"),
        ({REPO: 403}, "the Hub forbids it"),
        ({REPO: 429}, "asked too often"),
        ({REPO: 500}, r"the Hub failed \(500\); try again later"),
        ({"/": 503}, r"the Hugging Face Hub \(http://127.* is out of reach: .*503"),
        ({"repos/create": 401}, "the Hub does not let you in"),
        ({"commit/main": 500}, r"the Hub failed \(500\).*the repository was made and is empty"),
    ],
)
def test_a_hub_that_refuses_is_a_sentence(hub, run, capsys, fails, message):
    hub.fails = fails
    with pytest.raises(UserError, match=message):
        push(run, REPO)
    assert not any(repository.files for repository in hub.repositories.values())
    if REPO in fails or "/" in fails:
        assert main(["predict", ADDRESS, "photos"]) == 2
        with pytest.raises(UserError, match=message):
            foveate.load(ADDRESS)
    hub.fails = {}
    push(run, REPO)
    foveate.load(ADDRESS)


def test_a_hub_that_does_not_answer(hub, run, capsys, monkeypatch, tmp_path):
    hub.http.shutdown()
    hub.http.server_close()
    (tmp_path / "a.png").write_bytes(b"")
    for words in (
        ["push", str(run), REPO],
        ["predict", ADDRESS, str(tmp_path / "a.png")],
        ["export", ADDRESS],
    ):
        assert main(words) == 2
        assert "the Hugging Face Hub" in (said := capsys.readouterr().err)
        assert "out of reach" in said
    assert not (tmp_path / "cache").exists()
    monkeypatch.delenv("HF_TOKEN")
    assert main(["push", str(run), REPO]) == 2
    assert (
        "pushing needs a token of the Hub; log in with `hf auth login`, or set HF_TOKEN"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize("port", ["", ":1"])
def test_a_password_in_the_address_of_the_hub_is_never_shown(hub, run, monkeypatch, port):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", f"http://ada:secret@127.0.0.1{port}")
    with pytest.raises(UserError, match=r"the Hugging Face Hub \(http://127\.0\.0\.1") as told:
        push(run, REPO)
    assert "secret" not in str(told.value)


def test_a_wrong_token_is_told(hub, run, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_eve")
    with pytest.raises(UserError, match=r"the Hub does not let you in: .*the token is wrong"):
        push(run, REPO)


def test_a_token_is_never_shown(hub, files, monkeypatch):
    hub.repositories[REPO] = Repository(private=True, commits=[files])
    monkeypatch.delenv("HF_TOKEN")
    for token in ("hf_se\ncret", "hf_se\0cret", "hf_se cret", "hf_sécret"):
        with pytest.raises(UserError, match="holds blanks or signs that no token has") as told:
            foveate.from_pretrained(REPO, token=token)
        assert "cret" not in str(told.value)
    foveate.from_pretrained(REPO, token=f" {TOKEN}\n")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"best.safetensors": b"other"}, r"'best\.safetensors' is not the file that its list names"),
        ({"config.json": None}, r"'config\.json' is missing, the upload was perhaps broken off"),
        ({LIST: None}, r"holds no run of foveate; it holds README\.md"),
        ({LIST: b"{"}, r"packed\.json is missing or damaged"),
        (
            {LIST: listing({"best.safetensors": b"", "config.json": b"", "evil.pkl": b""})},
            r"'evil\.pkl', which is no",
        ),
        (
            {LIST: listing({"best.safetensors": b"", "config.json": b"", "scores/../../x.json": b""})},
            "is no file of",
        ),
        ({LIST: b"0" * 1_000_001}, "1000001 bytes, which is no list of files"),
    ],
)
def test_what_is_not_as_listed_is_not_loaded(hub, files, change, message):
    changed = {"README.md": b"", **files, **change}
    hub.repositories[REPO] = Repository(commits=[{name: c for name, c in changed.items() if c is not None}])
    with pytest.raises(UserError, match=message):
        foveate.load(ADDRESS)


def test_an_empty_repository_and_a_missing_one_or_revision(hub, files):
    hub.repositories[REPO] = Repository()
    with pytest.raises(UserError, match="holds no run of foveate, it is empty"):
        foveate.load(ADDRESS)
    with pytest.raises(UserError, match="hf://ada/none: there is no such repository on the Hub"):
        foveate.load("hf://ada/none")
    with pytest.raises(UserError, match="there is no such branch, tag or commit"):
        foveate.load(f"{ADDRESS}@v9")


def test_a_run_that_is_too_large_is_not_downloaded(hub, files):
    hub.repositories[REPO] = Repository(commits=[files])
    hub.sizes["best.safetensors"] = 9 * 10**9
    with pytest.raises(UserError, match=r"has 9\.0 GB, and a run has at most 8 GB; it is not downloaded"):
        foveate.load(ADDRESS)
    assert not [asked for asked in hub.asked if "best.safetensors" in asked]


def test_what_is_no_finished_run_is_not_pushed(hub, private_run, tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"")
    with pytest.raises(UserError, match="is an exported file; name the run"):
        push(tmp_path / "a.onnx", REPO)
    (private_run / "best.safetensors").write_bytes(b"cut")
    with pytest.raises(UserError, match="not a readable safetensors file"):
        push(private_run, REPO)
    (private_run / "result.json").unlink()
    with pytest.raises(UserError, match="the run is not finished"):
        push(private_run, REPO)
    assert not hub.repositories


def test_a_packed_run_is_pushed(hub, run, tmp_path):
    push(pack(run, tmp_path / "run.zip").path, REPO)
    assert foveate.load(ADDRESS).classes == foveate.load(run).classes


def test_a_run_of_the_hub_is_exported_here(hub, files, tmp_path, monkeypatch):
    hub.repositories[REPO] = Repository(commits=[files])
    monkeypatch.chdir(tmp_path)
    asked = []
    monkeypatch.setattr(exporting, "export_run", lambda *words: asked.append(words))
    assert export(ADDRESS).path == Path("streets.onnx")
    ((folder, target, *_),) = asked
    assert (folder / "best.safetensors").is_file()
    assert target == Path("streets.onnx")


def test_a_run_of_the_hub_is_scored_and_the_cache_stays_as_it_is(hub, files, run, make, tmp_path):
    hub.repositories[REPO] = Repository(commits=[files])
    data, classes = make.pairs("data/images", "data/masks") / "data", {"road": 0, "sky": 255}
    found = foveate.evaluate(ADDRESS, data, device="cpu", classes=classes)
    copy = shutil.copytree(run, tmp_path / "copy")
    assert repr(found) == repr(foveate.evaluate(copy, data, device="cpu", classes=classes))
    assert {path.name for path in located(ADDRESS).iterdir()} == files.keys()


def test_names_of_data_say_nothing_of_the_machine(run):
    spec = RunSpec.load(run / "spec.yaml")
    assert without_paths(spec) == spec
    own = DataSpec("x", masks="left/masks+/home/ada/right", ignore_outside="C:\\Users\\ada\\view")
    shared = without_paths(replace(spec, data=own)).data
    assert (shared.masks, shared.ignore_outside) == ("left/masks+right", "view")
    for source in ("s3://key:word@bucket/set/", "C:\\Users\\ada\\set", "/home/ada/set/", "../set"):
        assert public_name(source) == "set"
    assert is_address("hf:ada/streets")
