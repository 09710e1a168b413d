"""Arms A to D of the work on misclassification, on each of its four hosts."""

import pytest
import torch

from foveate.models.attaching.attach import gate_parameters
from foveate.training.losses import create_loss

from ..small import small

HOSTS = ["fcn", "unet", "deeplabv3plus", "fcbformer"]
ARMS = {
    "A": "none",
    "B": "two_branch(activation=leaky_relu)",
    "C": "cbam@decoder+two_branch(activation=leaky_relu)",
    "D": "cbam@decoder(gates=sigmoid_tanh)+two_branch(activation=leaky_relu)",
}


def blobs(side, count=2):
    """Bright discs on a darker ground, and their masks."""
    generator = torch.Generator().manual_seed(0)
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    centres = torch.randint(side // 4, 3 * side // 4, (count, 2, 1, 1), generator=generator)
    masks = ((rows - centres[:, 0]) ** 2 + (columns - centres[:, 1]) ** 2 < (side // 5) ** 2).long()
    noise = torch.rand(count, 3, side, side, generator=generator)
    return 0.3 * noise + 0.6 * masks[:, None], masks


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize("arch", HOSTS)
def test_training_lowers_the_loss_and_opens_the_gate(arch, arm):
    model = small(arch, classes=2, arm=ARMS[arm]).train()
    images, masks = blobs(32 if arch == "fcbformer" else 64)  # which convolves at full size
    loss = create_loss("dice_ce", 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, fused=True)
    losses = []
    for _ in range(4):
        value = loss(model(images), masks)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(value.item())
    assert losses[-1] < 0.95 * losses[0]
    gates = [model.get_parameter(name).item() for name in gate_parameters(model)]
    assert len(gates) == (arm in "CD")
    assert all(gate != 0 for gate in gates)
