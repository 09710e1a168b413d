"""The device that a user names."""

import torch

from foveate.errors import UserError

KINDS = ("cpu", "cuda", "mps", "xpu")


def find_device(name: torch.device | str | None = None) -> torch.device:
    """Return the device of a name, such as "cpu" or "cuda:1"; by default CUDA if there is a GPU, else CPU.

    Raises `UserError` for a name that is no device, and for a device that this machine does not have.

    >>> find_device("cpu")
    device(type='cpu')
    >>> find_device("tpu9")
    Traceback (most recent call last):
    foveate.errors.UserError: --device: 'tpu9' is no device; write cpu, cuda or cuda:1
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in KINDS:
        raise UserError(f"--device: '{name}' is no device; write cpu, cuda or cuda:1")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise UserError(f"--device: '{name}' is not on this machine ({reason}); leave it out") from None
    return device
