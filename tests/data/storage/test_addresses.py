"""Addresses that are not on this disk: a real S3 server on this machine, and what goes wrong with one."""

import errno
import resource
import time
from contextlib import contextmanager

import boto3
import numpy as np
import pytest
from botocore.config import Config
from fsspec.implementations.memory import MemoryFileSystem
from moto.server import ThreadedMotoServer

from foveate.cli.main import main
from foveate.data.open import open_dataset
from foveate.data.pack import pack
from foveate.data.storage import addresses
from foveate.data.storage.addresses import create, read_bytes, require_empty
from foveate.errors import DataError
from foveate.loading.module import DataModule
from foveate.specs.data import DataSpec

KEYS = {"AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture(scope="module")
def moto():
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def s3(moto, monkeypatch):
    """A client of S3 on this machine, where there is one bucket: shelf."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9")  # a cloud gives keys, too
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(addresses, "ANSWER_SECONDS", 60.0)  # a busy machine is no fault
    client = boto3.client("s3", config=Config(retries={"max_attempts": 0}))
    client.create_bucket(Bucket="shelf")
    forget()
    yield client
    for item in client.list_objects_v2(Bucket="shelf").get("Contents", ()):
        client.delete_object(Bucket="shelf", Key=item["Key"])
    forget()


def forget() -> None:
    """fsspec keeps connections with the credentials and the server that they were made with."""
    from s3fs import S3FileSystem

    S3FileSystem.clear_instance_cache()


def keys(s3) -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket="shelf").get("Contents", ())]


def test_a_dataset_is_packed_to_s3_and_streamed_from_there(make, s3):
    root = make.pairs(count=12)
    assert main(["data", "pack", str(root), "--out", "s3://shelf/a/photos", "--shard-mb", "0.002"]) == 0
    shards = [key for key in keys(s3) if key.endswith(".tar")]
    assert len(shards) > 2
    assert keys(s3) == [*shards, "a/photos/shards.json"]

    there, here = open_dataset("s3://shelf/a/photos"), open_dataset(root)
    assert there.split_table() == here.split_table()
    for one, other in zip(here.index("train"), there.index("train"), strict=True):
        for pixels, same in zip(here.read(one), there.read(other), strict=True):
            assert np.array_equal(pixels, same)

    for workers in (0, 2):
        module = DataModule(
            DataSpec("s3://shelf/a/photos", size=(12, 16), batch=3, workers=workers, memory_gb=0.0), seed=1
        )
        seen = [stem for batch in module.train_dataloader() for stem in batch["stem"]]
        assert sorted(seen) == sorted(here.split_table()["train"])

    with pytest.raises(DataError, match="s3://shelf/a/photos: holds files already"):
        pack(root, "s3://shelf/a/photos")


@pytest.mark.parametrize("address", ["s3://shelf/b/a.bin", "memory://b/a.bin", "{tmp}/b/a.bin"])
def test_a_file_appears_whole_or_not_at_all(s3, address, tmp_path):
    address = address.format(tmp=tmp_path)
    with pytest.raises(ZeroDivisionError), create(address) as file:
        file.writelines(b"half" * (2 // left) for left in (2, 1, 0))
    with pytest.raises(DataError, match=r"b/a\.bin: there is no such file"):
        read_bytes(address)
    with create(address) as file:
        file.write(b"whole")
    assert read_bytes(address) == b"whole"
    assert read_bytes(address, (1, 3)) == b"ho"


def test_a_bucket_that_is_not_there_is_reported_within_seconds(s3, make, capsys):
    start = time.perf_counter()
    assert main(["data", "pack", str(make.pairs()), "--out", "s3://nowhere/a"]) == 2
    assert time.perf_counter() - start < 5
    words = (
        "s3://nowhere/a: cannot be written: there is no such bucket or folder; make it, or mend the address"
    )
    assert capsys.readouterr().err == f"foveate: error: {words}\n"
    with pytest.raises(DataError, match=r"nowhere/a/shards\.json: cannot be read: there is no such bucket"):
        open_dataset("s3://nowhere/a")
    with pytest.raises(DataError, match=r"s3://shelf/bucket/shards\.json: there is no such file"):
        open_dataset("s3://shelf/bucket")


def test_a_bucket_that_goes_away_meanwhile_is_reported(s3):
    with (
        pytest.raises(DataError, match=r"s3://nowhere/a\.bin: cannot be written: there is no such bucket"),
        create("s3://nowhere/a.bin") as file,
    ):
        file.write(b"a")


def test_missing_credentials_are_reported_within_seconds(s3, make, monkeypatch):
    for name in KEYS:
        monkeypatch.delenv(name)
    for act in (lambda: pack(make.pairs(), "s3://shelf/a"), lambda: open_dataset("s3://shelf/a")):
        start = time.perf_counter()
        with pytest.raises(DataError, match=r"no credentials were found; set AWS_ACCESS_KEY_ID and AWS_SEC"):
            act()
        assert time.perf_counter() - start < 5
    assert keys(s3) == []


def test_a_server_that_is_not_there_is_reported_within_seconds(s3, make, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(addresses, "ANSWER_SECONDS", 1.0)
    for act in (lambda: pack(make.pairs(), "s3://shelf/a"), lambda: open_dataset("s3://shelf/a")):
        start = time.perf_counter()
        with pytest.raises(DataError, match=r"nobody answers \(within 1 s\); check the network and the addr"):
            act()
        assert time.perf_counter() - start < 5


def test_a_folder_elsewhere_keeps_no_half_of_a_file(monkeypatch):
    def broken(files, path, target):
        files.pipe_file(target, b"half")
        raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")

    monkeypatch.setattr(MemoryFileSystem, "put_file", broken)
    with (
        pytest.raises(
            DataError, match=r"c/a\.bin: cannot be written: nobody answers \(.*reset by peer\); check"
        ),
        create("memory://c/a.bin") as file,
    ):
        file.write(b"whole")
    with pytest.raises(DataError, match="there is no such file"):
        read_bytes("memory://c/a.bin")


@contextmanager
def small_files(most: int):
    """As on a disk with that much room."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("address", ["memory://d/a.bin", "{tmp}/a.bin"])
def test_a_full_disk_is_reported_and_leaves_nothing(address, tmp_path):
    address = address.format(tmp=tmp_path)
    with (
        pytest.raises(DataError, match=r"a\.bin: cannot be written \(.*: File too large\); make room, or gi"),
        create(address) as file,
        small_files(1 << 20),
    ):
        file.write(bytes(1 << 21))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DataError, match="there is no such file"):
        read_bytes(address)


def test_a_web_server_is_not_written_to(server):
    with pytest.raises(DataError, match="web servers cannot be written to; give a folder or an object store"):
        require_empty(server.url("photos"))


def test_a_package_that_is_missing_is_named(monkeypatch):
    def missing(address):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(addresses.fsspec, "url_to_fs", missing)
    with pytest.raises(
        DataError, match=r"s3://a/b: .* need another package: pip install 'foveate\[shards\]'"
    ):
        read_bytes("s3://a/b")
