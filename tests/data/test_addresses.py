"""Addresses that are not on this disk: a real S3 server on this machine, and what goes wrong with one."""

import errno
import json
import time

import boto3
import numpy as np
import pytest
from botocore.config import Config
from fsspec.implementations.memory import MemoryFileSystem
from moto.server import ThreadedMotoServer

from foveate.cli.main import main
from foveate.data import addresses
from foveate.data.addresses import create, read_bytes, require_empty
from foveate.data.errors import DataError
from foveate.data.module import DataModule, DataSpec
from foveate.data.open import open_dataset
from foveate.data.pack import pack

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
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
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
