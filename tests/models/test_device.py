import pytest
import torch

from foveate.errors import UserError
from foveate.models.device import find_device


def test_the_default_is_a_device_that_is_there():
    assert find_device() == torch.device("cuda" if torch.cuda.is_available() else "cpu")
    assert find_device("cpu") == find_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize("name", ["tpu9", "gpu", "", "cuda:x", "meta"])
def test_what_is_no_device_is_told(name):
    with pytest.raises(UserError, match=f"--device: '{name}' is no device; write cpu, cuda or cuda:1"):
        find_device(name)


def test_a_device_that_this_machine_lacks_is_told():
    with pytest.raises(UserError, match=r"--device: 'cuda:99' is not on this machine \(.+\); leave it out"):
        find_device("cuda:99")
