import torch
from safetensors.torch import load_file

from foveate.cli.main import main

HOST = ["--encoder", "tu-test_resnet", "--options", "{encoder_depth: 2, decoder_channels: [16, 8]}"]


def output(capsys, *words: str) -> str:
    assert main(["data", *words]) == 0
    return capsys.readouterr().out


def test_the_list_prints_all_datasets_and_how_to_get_them(capsys):
    head, *rows = output(capsys, "list").splitlines()
    assert head.split() == ["name", "classes", "images", "size", "get", "what"]
    by_name = {row.split()[0]: row for row in rows}
    assert list(by_name) == sorted(by_name)
    assert "  10    60000   170 MB  download  CIFAR-10" in by_name["cifar10"]
    assert "  by hand   Cityscapes" in by_name["cityscapes"]


def test_info_prints_all_facts(capsys):
    text = output(capsys, "info", "camvid")
    facts = dict(line.split(None, 1) for line in text.splitlines() if line)
    assert facts["classes"].startswith("11: Sky (128, 128, 128), Building (128, 0, 0), ")
    assert facts["splits"] == "train 367, val 101, test 233"
    assert facts["citation"].startswith("Brostow")
    assert "  3. check it: foveate data get camvid --out data/camvid" in text


def test_info_of_a_dataset_that_downloads_names_the_files(capsys):
    text = output(capsys, "info", "cifar10")
    assert text.rstrip().endswith("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz")
    assert "get it: foveate data get cifar10 --out data/cifar10" in text
    assert "10: airplane, automobile," in text


def test_an_unknown_dataset_is_reported_with_the_nearest(capsys):
    assert main(["data", "info", "camvd"]) == 2
    assert "unknown dataset 'camvd'; did you mean 'camvid'?" in capsys.readouterr().err


def test_a_run_on_shards_is_bit_for_bit_the_run_on_what_was_packed(tmp_path, capsys):
    source, shards = "synthetic:8:32x48", str(tmp_path / "shards")
    assert "14 images in 3 shards" in output(capsys, "pack", source, "--out", shards)
    for data, run in ((source, "a"), (shards, "b")):
        flags = ["--epochs", "1", "--size", "32x48", "--batch", "4", "--out", str(tmp_path / run)]
        assert main(["fit", data, *HOST, *flags]) == 0
    one, other = (load_file(tmp_path / run / "best.safetensors") for run in ("a", "b"))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
