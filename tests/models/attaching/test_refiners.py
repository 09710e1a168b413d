import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
import segmentation_models_pytorch as smp
import torch
from torch import nn

from foveate.attention.maps import AcrossLevelsMap
from foveate.errors import UserError
from foveate.inspection.record import record
from foveate.models.attaching.attach import attach, attached, attention_parameters, detach
from foveate.models.attaching.refiners import forward_with_auxiliary

from ..small import small

CHANNELS = [16, 16, 8, 8, 8]


def unet(arm="afma@logits(level=2,patch_size=3)", **options):
    shallow = {"encoder_depth": 3, "decoder_channels": [16, 8, 8]}
    return small("unet", classes=3, arm=arm, **shallow | options)


def smp_unet():
    return smp.Unet("tu-test_resnet", encoder_weights=None, classes=3, decoder_channels=CHANNELS)


def batch(height=64, width=64, images=2):
    torch.manual_seed(1)
    return torch.rand(images, 3, height, width), torch.randint(0, 3, (images, height, width))


def hooks_on(model):
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


def test_starts_as_the_host_bit_for_bit_and_is_the_published_form_without_a_gate():
    image, mask = batch()
    model = unet().eval()
    host = detach(copy.deepcopy(model))
    assert hooks_on(host) == 0
    assert torch.equal(model(image), host(image))
    logits, losses = forward_with_auxiliary(model, image, mask)
    assert torch.equal(logits, host(image))
    assert list(losses) == ["afma@logits"]
    published = unet(gate="none").eval()
    assert not torch.equal(published(image), host(image))


@pytest.mark.parametrize(("height", "width"), [(64, 64), (50, 75)])
def test_sees_the_networks_image_and_level_without_the_padding(height, width):
    image, mask = batch(height, width)
    model = unet(gate="none").eval()
    afma = attached(model)["afma@logits"]
    host = detach(copy.deepcopy(model))
    size = host.padded((height, width))
    padded = nn.functional.pad((image - host.mean) / host.std, (0, size[1] - width, 0, size[0] - height))
    features = host.network.encoder(padded)
    expected = afma.forward_with_auxiliary(host(image), padded[..., :height, :width], features[2], mask)
    logits, losses = forward_with_auxiliary(model, image, mask)
    assert torch.equal(logits, expected[0])
    assert torch.equal(losses["afma@logits"], expected[1])
    assert torch.equal(model(image), logits)


def test_a_level_is_seen_as_attention_there_left_it():
    image, _ = batch()
    alone = unet(gate="none").eval()
    both = unet("se@encoder2(reduction=4)+afma@logits(level=2,patch_size=3)", gate="none").eval()
    attached(both)["afma@logits"].load_state_dict(attached(alone)["afma@logits"].state_dict())
    seen = []
    for model in (alone, both):
        handle = attached(model)["afma@logits"].register_forward_pre_hook(
            lambda _, args: seen.append(args[2])
        )
        model(image)
        handle.remove()
    torch.testing.assert_close(seen[1], attached(both)["se@encoder2"](seen[0]))


def test_no_loss_but_from_the_training_call():
    image, mask = batch()
    assert forward_with_auxiliary(unet("se@decoder"), image, mask)[1] == {}
    assert forward_with_auxiliary(nn.Conv2d(3, 2, 1), image, mask)[1] == {}
    model = unet()
    _, losses = forward_with_auxiliary(model, image, mask)
    (refinement,) = model.attached.refinements.values()
    for left in (refinement.seen.mask, refinement.seen.loss, refinement.seen.image, refinement.seen.feature):
        assert left is None
    assert losses["afma@logits"].requires_grad


def test_a_training_call_that_fails_leaves_nothing_behind():
    image, _ = batch()
    model = unet()
    with pytest.raises(
        UserError, match=r"no patch of level 2 fits an image of 8x8; .* it takes 12x12 or more"
    ):
        forward_with_auxiliary(model, image[..., :8, :8], torch.zeros(2, 8, 8, dtype=torch.int64))
    (refinement,) = model.attached.refinements.values()
    assert refinement.seen.mask is None
    assert model(image).shape == (2, 3, 64, 64)


class Scored(nn.Module):
    """A plain module of known levels, which may fail after its encoder, or call no encoder at all."""

    fails = False

    def __init__(self):
        super().__init__()
        unet = smp_unet()
        self.encoder, self.decoder = unet.encoder, unet.decoder
        self.segmentation_head = unet.segmentation_head

    def forward(self, pixels, cut=False, features=None):
        features = self.encoder(pixels) if features is None else features
        if self.fails:
            raise KeyboardInterrupt if cut else RuntimeError("out of memory")
        return self.segmentation_head(self.decoder(features))


@pytest.fixture
def plain():
    torch.manual_seed(0)
    return attach(Scored().eval(), "afma@logits(level=1,patch_size=4)", gate="none", example=batch()[0])


def test_the_image_may_be_given_by_its_name(plain):
    image, _ = batch()
    assert torch.equal(plain(pixels=image), plain(image))
    assert torch.equal(plain(cut=False, pixels=image), plain(image))
    with pytest.raises(TypeError, match="unexpected keyword argument 'pixel'"):
        plain(pixel=image)


def test_a_pass_that_fails_leaves_nothing_for_the_next(plain):
    image, _ = batch()
    (refinement,) = plain.attached.refinements.values()
    features = plain.encoder(image)
    plain.fails = True
    with pytest.raises(RuntimeError, match="out of memory"):
        plain(image)
    assert (refinement.seen.image, refinement.seen.feature) == (None, None)
    with pytest.raises(KeyboardInterrupt):  # no hook is called then
        plain(image, cut=True)
    plain.fails = False
    with pytest.raises(
        UserError, match=r"at logits also sees the image and encoder1 of the same pass.* whole"
    ):
        plain(image, features=features)
    expected = plain(image)
    plain.fails = True
    with pytest.raises(KeyboardInterrupt):
        plain(-image, cut=True)
    plain.fails = False
    assert torch.equal(plain(image), expected)


def test_threads_do_not_see_each_others_images():
    model = unet(gate="none").eval()
    images = torch.rand(6, 1, 3, 64, 64)
    with torch.no_grad():
        expected = [model(image) for image in images]
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(torch.no_grad()(model), images))
    assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_refine_by_themselves(copied):
    image, mask = batch()
    model = unet(gate="none").eval()
    twin = copied(model)
    assert torch.equal(twin(image), model(image))
    with torch.no_grad():
        attached(twin)["afma@logits"].image_conv1.weight.mul_(3)
    found, expected = (forward_with_auxiliary(one, image, mask)[1]["afma@logits"] for one in (twin, model))
    assert found != expected


def test_compiles_in_one_graph_and_exports(monkeypatch):
    monkeypatch.setattr("jaxtyping.config.jaxtyping_disable", True)  # runtime checks do not trace
    model = unet(gate="none", encoder_depth=2, decoder_channels=[8, 8]).eval()
    image, _ = batch()
    with torch.no_grad():
        compiled = torch.compile(model, backend="eager", fullgraph=True)
        torch.testing.assert_close(compiled(image), model(image))
        program = torch.export.export(model, (image,))
        torch.testing.assert_close(program.module()(image), model(image), rtol=1e-5, atol=1e-5)


def test_its_map_is_recorded_at_five_patches():
    image, _ = batch()
    model = unet().eval()
    with record(model) as recording:
        model(image)
    (found,) = recording.maps["afma@logits"]
    assert isinstance(found, AcrossLevelsMap)
    assert (found.grid, found.feature_grid) == ((21, 21), (5, 5))
    assert found.values.shape == (2, 3, 5, 25)
    assert found.queries.tolist() == [110, 120, 220, 320, 330]


@pytest.mark.parametrize(
    ("arch", "arm", "words"),
    [
        ("unet", "afma@decoder", "arm 'afma@decoder': afma refines logits; write afma@logits"),
        (
            "deeplabv3",
            "afma@logits(level=4)",
            r"deeplabv3 has no encoder level 4, a feature at stride 2\^4; its levels are 1, 2, 3",
        ),
        ("pspnet", "afma@logits(level=5)", "pspnet has no encoder level 5.*; its levels are 1, 2, 3"),
        ("unet", "afma@logits(level=9)", "unet has no encoder level 9.*; its levels are 1, 2, 3, 4, 5"),
        ("unet", "afma@logits(levle=1)", "unknown afma option 'levle'; did you mean 'level'"),
        ("unet", "afma@logits(feature_channels=8)", "unknown afma option 'feature_channels'"),
    ],
)
def test_what_a_refiner_cannot_see_is_told(arch, arm, words):
    with pytest.raises(UserError, match=words):
        small(arch, arm=arm)


def test_other_libraries_models_can_be_refined_where_their_levels_are_known():
    image, mask = batch()
    model = attach(smp_unet().eval(), "afma@logits(level=1,patch_size=4)", gate="none", example=image)
    logits, losses = forward_with_auxiliary(model, image, mask)
    assert torch.equal(logits, model(image))
    assert list(losses) == ["afma@logits"]
    plain = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 2, 1))
    with pytest.raises(
        UserError, match=r"Sequential has no encoder level 2.*; it has no levels that are known"
    ):
        attach(plain, "afma@logits", example=image)


HOSTS = ["pspnet", "deeplabv3", "unet", "unetplusplus", "manet", "fpn", "pan", "linknet"]


@pytest.mark.parametrize("arch", HOSTS)
def test_trains_on_each_published_host(arch):
    """Loss and auxiliary loss fall, the gate moves, and the auxiliary loss reaches what it should."""
    model = small(arch, classes=3, arm="afma@logits(level=2,patch_size=4)")
    mask = torch.zeros(2, 64, 64, dtype=torch.int64)
    mask[:, 8:40, 12:60], mask[0, 30:, :20] = 1, 2
    image = torch.rand(2, 3, 64, 64) / 4 + torch.eye(3)[mask].movedim(-1, 1) / 2

    _, losses = forward_with_auxiliary(model, image, mask)
    losses["afma@logits"].backward()
    reached = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    reached = {name for name in reached if model.get_parameter(name).grad.any()}
    own = {name for name in attention_parameters(model) if not name.endswith("gate")}
    stages = tuple(f"network.encoder.model.{name}." for name in ("conv1", "bn1", "layer1"))
    assert reached == own | {name for name, _ in model.named_parameters() if name.startswith(stages)}

    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    totals, auxiliaries = [], []
    for _ in range(4):
        logits, losses = forward_with_auxiliary(model, image, mask)
        auxiliaries.append(losses["afma@logits"])
        totals.append(nn.functional.cross_entropy(logits, mask) + 0.2 * auxiliaries[-1])
        optimizer.zero_grad()
        totals[-1].backward()
        optimizer.step()
    assert totals[-1] < totals[0]
    assert auxiliaries[-1] < auxiliaries[0]
    assert model.attached.afma_logits.gate != 0
