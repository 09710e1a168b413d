import os
import resource
from pathlib import Path

import pytest
import torch

from foveate.errors import UserError
from foveate.training.checkpoint_file import CheckpointFile


class Malicious:
    """Unpickling it creates the file it names."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


@pytest.fixture
def path(tmp_path) -> Path:
    path = tmp_path / "last.ckpt"
    CheckpointFile().save_checkpoint({"weights": torch.arange(1000.0), "epoch": 3}, path)
    return path


def test_loads_what_was_saved(path):
    loaded = CheckpointFile().load_checkpoint(path)
    assert torch.equal(loaded["weights"], torch.arange(1000.0))
    assert loaded["epoch"] == 3


def test_full_disk_leaves_the_previous_checkpoint(path):
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (100_000, hard)
    )  # the kernel fails writes beyond, as a full disk does
    try:
        with pytest.raises(
            UserError, match=r"last\.ckpt could not be written .* previous checkpoint is unharmed"
        ):
            CheckpointFile().save_checkpoint({"weights": torch.zeros(100_000)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["last.ckpt"]


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_truncated_file_is_refused(path, share):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(UserError, match=r"last\.ckpt is truncated or not a checkpoint \("):
        CheckpointFile().load_checkpoint(path)


def test_malicious_pickle_is_refused_and_not_executed(tmp_path):
    path, trace = tmp_path / "last.ckpt", tmp_path / "executed"
    torch.save({"weights": Malicious(trace)}, path)
    with pytest.raises(UserError, match=r"not loaded and nothing in it was executed"):
        CheckpointFile().load_checkpoint(path)
    assert not trace.exists()


def test_other_version_is_refused(tmp_path):
    torch.save({"state_dict": {}}, tmp_path / "last.ckpt")
    with pytest.raises(UserError, match="is a checkpoint of version None, this foveate reads version 1"):
        CheckpointFile().load_checkpoint(tmp_path / "last.ckpt")
    with pytest.raises(UserError, match="there is no such checkpoint"):
        CheckpointFile().load_checkpoint(tmp_path / "none.ckpt")
