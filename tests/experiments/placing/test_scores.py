from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from foveate.experiments.placing.frozen import LabelledBatch, attached_to_frozen, openers
from foveate.experiments.placing.gradients import gate_gradients, gradient_of
from foveate.experiments.placing.trial import mean_loss, trial_gain
from foveate.models.create import create_model
from foveate.models.host import Host
from foveate.training.losses import create_loss

ARMS = [
    "se@encoder1(reduction=2)",
    "cbam@decoder(reduction=2)",
    "se@decoder(reduction=2)",
    "nonlocal@encoder1",
]


@pytest.fixture
def host() -> Host:
    torch.manual_seed(0)
    options = {"encoder_depth": 1, "decoder_channels": [8]}
    return create_model("unet", "tu-test_resnet", classes=2, **options).eval()


@pytest.fixture(scope="module")
def batches() -> list[LabelledBatch]:
    draws = torch.Generator().manual_seed(0)
    images = torch.rand(4, 2, 3, 16, 16, generator=draws)
    return [LabelledBatch(image, (image[:, 0] > 0.5).long()) for image in images]


@pytest.fixture(scope="module")
def loss() -> Callable[[Tensor, Tensor], Tensor]:
    return create_loss("ce", 2)


def test_the_gradient_of_a_gate_among_all_candidates_is_that_of_opening_it_alone(host, batches, loss):
    found = gate_gradients(host, ARMS, batches, loss)
    arm = "se@decoder(reduction=2)"
    torch.manual_seed(1)
    with attached_to_frozen(host, [arm]) as attachments:
        (gate,) = openers(attachments[arm])
        weights = attachments[arm].state_dict()
    torch.manual_seed(1)
    alone = gate_gradients(host, [arm], batches, loss)[arm]
    torch.manual_seed(1)
    with attached_to_frozen(host, [arm]) as attachments, torch.no_grad():
        (gate,) = openers(attachments[arm])
        assert all(torch.equal(v, attachments[arm].state_dict()[k]) for k, v in weights.items())
        host.double()
        slopes = []
        for batch in batches:
            values = []
            for step in (1e-4, -1e-4):
                gate.fill_(step)
                values.append(loss(host(batch.image.double()), batch.target))
            slopes.append((values[0] - values[1]) / 2e-4)
    expected = gradient_of(torch.stack(slopes)[:, None])
    assert alone.size == pytest.approx(expected.size, rel=1e-3)
    assert alone.signal == pytest.approx(expected.signal, rel=1e-3)
    assert set(found) == set(ARMS)
    assert all(gradient.signal > 0 for gradient in found.values())


def test_scoring_leaves_the_host_as_it_was(host, batches, loss):
    before = {name: value.clone() for name, value in host.state_dict().items()}
    gate_gradients(host, ARMS, batches, loss)
    trial_gain(host, ARMS[0], batches, batches, loss, 0.0)
    assert all(torch.equal(value, before[name]) for name, value in host.state_dict().items())
    assert all(parameter.requires_grad for parameter in host.parameters())
    assert not hasattr(host, "attached")


def test_a_trial_gains_where_attention_can_mend_the_loss_and_nothing_without_steps(host, batches, loss):
    before = mean_loss(host, batches, loss)
    assert trial_gain(host, "se@logits(reduction=2)", batches * 5, batches, loss, before) > 0
    assert trial_gain(host, "se@logits(reduction=2)", [], batches, loss, before) == pytest.approx(0, abs=1e-6)


def test_gradients_that_do_not_agree_have_a_signal_of_about_one():
    draws = torch.Generator().manual_seed(0)
    squares = [gradient_of(torch.randn(16, 7, generator=draws)).signal ** 2 for _ in range(200)]
    assert sum(squares) / len(squares) == pytest.approx(1.0, abs=0.15)
    assert gradient_of(torch.zeros(4, 3)).signal == 0
