"""AFMA: the published record, the naive map, the exact short cuts, sizes, unknown pixels, compilers."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from foveate.attention import pairwise
from foveate.attention.afma import AFMA
from foveate.attention.kernels import afma_bands, afma_level, supports
from foveate.attention.kernels.chained import convolve_merged
from foveate.attention.registry import attention_options, create_attention, is_refiner
from foveate.errors import UserError

from . import naive_afma as naive

RECORD = Path(__file__).parents[1] / "golden" / "afma.safetensors"


def check_record(file: Path, number: int) -> None:
    """Compare with a record in float32, computed in float64: the result does not depend on the processor."""
    record = load_file(file)
    case = {key.split(".", 1)[1]: record[key] for key in record if key.startswith(f"case{number}.")}
    case = {key: value.double() if value.is_floating_point() else value for key, value in case.items()}
    parameters = {key[6:]: case[key] for key in case if key.startswith("param.")}
    decoder, feature = case["decoder"].requires_grad_(), case["feature"].requires_grad_()
    head = nn.Conv2d(decoder.shape[1], len(case["class_weight"]), 3, padding=1).double()
    head.load_state_dict({key: parameters.pop(f"head_conv.{key}") for key in ("weight", "bias")})
    afma = AFMA(
        head.out_channels, 3, feature.shape[1], level=int(case["depth"]), patch_size=int(case["patch_size"])
    )
    afma.double().load_state_dict(parameters)

    logits = head(decoder)
    (across,) = afma.weights(logits, case["image"], feature)
    torch.testing.assert_close(across.values, case["attention"], rtol=1e-4, atol=1e-5)
    refined, auxiliary = afma.forward_with_auxiliary(logits, case["image"], feature, case["label"])
    log_probabilities = refined.log_softmax(1)
    loss = 5 * F.nll_loss(log_probabilities, case["label"], case["class_weight"]) + auxiliary
    loss.backward()

    ours = {
        "log_prob": log_probabilities,
        "loss": loss,
        "grad_decoder": decoder.grad,
        "grad_feature": feature.grad,
    }
    ours |= {f"grad.{name}": parameter.grad for name, parameter in afma.named_parameters()}
    recorded = {name for name in case if name.startswith("grad")}
    assert {
        "grad_decoder",
        "grad_feature",
        "grad.image_conv1.weight",
        "grad.patch_linear2.weight",
    } <= recorded
    for name in {"log_prob", "loss"} | recorded:
        # Gradients are small here, down to 1e-6: so is what they may be off by.
        off = 1e-5 * min(1.0, float(case[name].abs().max()))
        torch.testing.assert_close(ours[name], case[name], rtol=1e-4, atol=off, msg=name)


@pytest.mark.parametrize("number", [1, 4])
def test_reproduces_the_published_module(number: int):
    check_record(RECORD, number)


@pytest.mark.parametrize("number", [2, 3])
def test_reproduces_the_published_module_at_other_levels(real_data: Path, number: int):
    record = real_data.parent / "golden" / "afma.safetensors"
    if not record.exists():
        pytest.skip(f"{record} is not there: the larger cases are kept beside the real images")
    check_record(record, number)


def example(
    size: tuple[int, int], level: int, patch_size: int, classes: int = 3
) -> tuple[AFMA, Tensor, Tensor, Tensor, Tensor]:
    """The module, logits, an image, a feature of the size that encoders round up to, and a mask."""
    torch.manual_seed(0)
    height, width = size
    module = AFMA(classes, 2, 5, level=level, patch_size=patch_size).double()
    cells = (-(-height // 2**level), -(-width // 2**level))
    shapes = ((2, classes, *size), (2, 2, *size), (2, 5, *cells))
    tensors = [torch.randn(shape, dtype=torch.float64).requires_grad_() for shape in shapes]
    return module, *tensors, torch.randint(0, classes, (2, *size))


SIZES = [((16, 24), 1, 4), ((19, 23), 1, 3), ((17, 14), 2, 3), ((5, 9), 1, 1), ((35, 33), 5, 1)]
every_size = pytest.mark.parametrize(("size", "level", "patch_size"), SIZES)


@every_size
@pytest.mark.parametrize("band", [1, 2**20], ids=["bands", "whole"])
@pytest.mark.parametrize("unknown", [False, True], ids=["known", "unknown"])
def test_agrees_with_the_whole_map(monkeypatch, size, level, patch_size, band, unknown):
    for side in (afma_bands, afma_level):
        monkeypatch.setattr(side, "BAND", band)
    module, logits, image, feature, mask = example(size, level, patch_size)
    if unknown:
        mask[0, : size[0] // 2 + 1] = 255
        mask[1, :, ::5] = 255
    matrix = naive.attention_map(module, image, feature)
    expected = naive.refine(module, logits, image, feature), naive.auxiliary_loss(module, matrix, mask)
    actual = module.forward_with_auxiliary(logits, image, feature, mask)
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-12)
    assert torch.equal(module(logits, image, feature), actual[0])
    torch.testing.assert_close(
        module.weights(logits, image, feature)[0].values, matrix, rtol=1e-9, atol=1e-12
    )

    weight, inputs = torch.randn_like(logits), (logits, image, feature, *module.parameters())
    gradients = [torch.autograd.grad((a * weight).sum() + 3 * loss, inputs) for a, loss in (actual, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-9, atol=1e-12)


def test_the_map_is_what_forward_applies():
    module, logits, image, feature, _ = example((19, 23), 1, 3)
    (across,) = module.weights(logits, image, feature)
    assert (across.grid, across.feature_grid, across.patch_size) == ((6, 7), (3, 3), 3)
    assert across.queries.tolist() == list(range(42))
    matrix = across.values
    assert ((matrix == 0).any(-1) & (matrix > 0).any(-1)).any()  # rows that divide by fewer than all
    expected = logits * naive.correction(module, logits, matrix) + logits
    torch.testing.assert_close(module(logits, image, feature), expected, rtol=1e-9, atol=1e-12)


def test_weights_of_chosen_patches_are_rows_of_the_whole(monkeypatch):
    module, logits, image, feature, _ = example((19, 23), 1, 3)
    (whole,), (chosen,) = (module.weights(logits, image, feature, q) for q in (None, [41, 0]))
    assert chosen.queries.tolist() == [41, 0]
    torch.testing.assert_close(chosen.values, whole.values[:, :, [41, 0]])
    assert module.query_grid(logits) == whole.grid
    with pytest.raises(UserError, match="expected flat positions from 0 to 41 in a map of 6x7"):
        module.weights(logits, image, feature, [42])
    monkeypatch.setattr(pairwise, "MATRIX_LIMIT", 1000)
    with pytest.raises(UserError, match="choose at most"):
        module.weights(logits, image, feature)


def test_pixels_outside_all_patches_are_unchanged():
    module, logits, image, feature, _ = example((19, 23), 1, 3)
    refined = module(logits, image, feature)
    changed = refined != logits
    assert changed[..., :18, :21].any()
    assert not changed[..., 18:, :].any()
    assert not changed[..., 21:].any()


@pytest.mark.parametrize("size", [(3, 40), (40, 3), (7, 7), (1, 1)])
def test_an_image_without_a_patch_passes_and_trains_nothing(size: tuple[int, int]):
    module, logits, image, feature, mask = example(size, 2, 4)
    logits, feature = logits.detach().requires_grad_(), feature.detach().requires_grad_()
    refined = module(logits, image, feature)
    assert torch.equal(refined, logits)
    refined.sum().backward()
    assert (logits.grad == 1).all()
    assert not any(x.grad is not None and x.grad.any() for x in (feature, *module.parameters()))
    words = (
        rf"no patch of level 2 fits an image of {size[0]}x{size[1]}; with patch_size=4 it takes 16x16 or more"
    )
    with pytest.raises(UserError, match=words):
        module.forward_with_auxiliary(logits, image, feature, mask)
    with pytest.raises(UserError, match=words):
        module.weights(logits, image, feature)


def test_a_mask_without_known_pixels_gives_loss_0():
    module, logits, image, feature, mask = example((16, 24), 1, 4)
    _, loss = module.forward_with_auxiliary(logits, image, feature, torch.full_like(mask, 255))
    loss.backward()
    assert loss == 0
    assert all(not parameter.grad.any() for parameter in module.parameters())


def test_perfect_maps_have_no_loss():
    """Images that are their own truth: patches of P equal Y, those of Q equal Z, for one-pixel patches."""
    module, *_ = example((4, 4), 1, 1, classes=2)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        for c in range(2):
            module.image_conv1.weight[c, c, 3, 3] = module.image_conv2.weight[c, c, 1, 1] = 1
            module.feature_conv.weight[c, c] = 4
        module.patch_linear1.weight[0] = module.patch_linear2.weight[0, 0] = 1
    mask = torch.tensor([[[0, 0, 1, 1], [0, 0, 1, 0], [1, 0, 0, 0], [1, 1, 0, 1]]])
    truth = naive.one_hot(mask, 2, torch.float64)
    level = F.pad(F.avg_pool2d(truth, 2), (0, 0, 0, 0, 0, 3))
    _, loss = module.forward_with_auxiliary(torch.zeros_like(truth), truth, level, mask)
    assert abs(loss) < 1e-15
    _, loss = module.forward_with_auxiliary(torch.zeros_like(truth), truth, level, 1 - mask)
    assert loss > 0.1


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.7])
@pytest.mark.parametrize("rows", [1, 7, 512])
@pytest.mark.parametrize("processor", ["AVX2", "AVX512"])
def test_non_zeros_are_counted_without_the_map(monkeypatch, share: float, rows: int, processor: str):
    monkeypatch.setattr(supports, "ROWS", rows)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: processor)
    torch.manual_seed(0)
    p, q = (torch.rand(2, 3, n, 12) * (torch.rand(2, 3, n, 12) < share) for n in (31, 20))
    expected = (p @ q.mT != 0).sum(-1)
    assert torch.equal(supports.count_nonzeros(p, supports.supports(q)), expected)
    assert torch.equal(supports.count_nonzeros_traceable(p, q), expected)


@pytest.mark.parametrize("processor", ["AVX2", "AVX512"])
def test_the_gram_matrix_of_indicators_counts_common_places(monkeypatch, processor: str):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: processor)
    torch.manual_seed(0)
    indicators = torch.rand(2, 3, 31, 12) < 0.3
    y = indicators.double()
    assert torch.equal(supports.gram_of_indicators(indicators, torch.float64), y.mT @ y)


def test_of_equally_likely_classes_the_first_is_predicted():
    torch.manual_seed(0)
    logits = torch.randint(0, 3, (2, 5, 9, 8)).float()
    assert torch.equal(afma_level._predicted_classes(logits).long(), logits.argmax(1))
    logits[1, 2, 3, 4] = torch.nan
    assert afma_level._predicted_classes(logits)[1, 3, 4] == 5, "no class"


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (9, 4), (12, 13)])
def test_merged_convolutions_equal_both(size: tuple[int, int]):
    torch.manual_seed(0)
    first = nn.Conv2d(2, 6, 7, padding=3).double()
    second = nn.Conv2d(6, 3, 3, padding=1).double()
    weights = first.weight, first.bias, second.weight, second.bias
    image = torch.randn(2, 2, *size, dtype=torch.float64)
    padded, expected = F.pad(image, [4] * 4), second(first(image))
    torch.testing.assert_close(convolve_merged(padded, *weights), expected, rtol=1e-9, atol=1e-12)


def test_never_allocates_the_map():
    module, *inputs, mask = example((128, 128), 1, 2)
    module, inputs = module.float(), [x.detach().float().requires_grad_() for x in inputs]
    with torch.profiler.profile(profile_memory=True) as profile:
        refined, loss = module.forward_with_auxiliary(*inputs, mask)
        (refined.sum() + loss).backward()
    matrix = 4 * 2 * 3 * (64 * 64) * (32 * 32)
    assert max(event.self_cpu_memory_usage for event in profile.events()) < matrix / 20


def test_keeps_less_than_half_of_the_patches_and_classes_of_the_level():
    module, *inputs, mask = example((192, 256), 1, 4, classes=12)
    module, inputs = module.float(), [x.detach().float().requires_grad_() for x in inputs]
    known = {x.untyped_storage().data_ptr() for x in (*inputs, mask, *module.parameters())}
    kept = {}

    def keep(x: Tensor) -> Tensor:
        if x.untyped_storage().data_ptr() not in known:
            kept[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        results = module.forward_with_auxiliary(*inputs, mask)
    q_m_z = 3 * 4 * 2 * 12 * (96 * 128)
    assert results[1].requires_grad
    assert 0 < sum(kept.values()) < q_m_z / 2


@pytest.mark.parametrize("cells", [(5, 12), (8, 7)])
def test_a_feature_with_too_few_cells_is_refused(cells: tuple[int, int]):
    module, logits, image, feature, _ = example((16, 24), 1, 4)
    words = f"an image of 16x24 has 8x12 cells of 2 pixels a side; the feature has {cells[0]}x{cells[1]}"
    with pytest.raises(UserError, match=words):
        module(logits, image, feature[..., : cells[0], : cells[1]])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_autocast_changes_nothing_inside(dtype: torch.dtype):
    module, logits, image, feature, mask = example((16, 24), 1, 4)
    module.float()
    logits, feature = (x.detach().to(dtype) for x in (logits, feature))
    exact, loss = module.forward_with_auxiliary(logits.float(), image.float(), feature.float(), mask)
    # PyTorch's own backward of the product of the two linear maps follows the autocast.
    learnt = [weight for name, weight in module.named_parameters() if not name.startswith("patch_linear")]
    gradients = torch.autograd.grad(exact.sum() + loss, learnt)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        refined, same_loss = module.forward_with_auxiliary(logits, image.float(), feature, mask)
        actual = torch.autograd.grad(refined.float().sum() + same_loss, learnt)
    assert (refined.dtype, same_loss.dtype) == (dtype, torch.float32)
    assert torch.equal(refined, exact.to(dtype))
    assert same_loss == loss
    torch.testing.assert_close(actual, gradients)


def test_a_frozen_module_still_passes_gradients_on():
    module, logits, image, feature, mask = example((16, 24), 1, 4)
    refined, loss = module.forward_with_auxiliary(logits, image, feature, mask)
    whole = torch.autograd.grad(refined.sum() + loss, (logits, image, feature))
    module.requires_grad_(False)
    for wanted in ([0], [2], [0, 1, 2]):
        inputs = [x.detach().requires_grad_(i in wanted) for i, x in enumerate((logits, image, feature))]
        refined, loss = module.forward_with_auxiliary(*inputs, mask)
        actual = torch.autograd.grad(refined.sum() + loss, [inputs[i] for i in wanted])
        torch.testing.assert_close(actual, tuple(whole[i] for i in wanted))


def test_compiles_in_one_graph_and_exports_for_sizes_that_patches_cover(unchecked: None):
    module, *inputs, mask = example((16, 24), 1, 4)
    module, inputs = module.float(), [x.detach().float() for x in inputs]
    compiled = torch.compile(module.forward_with_auxiliary, backend="aot_eager", fullgraph=True)
    mask[0, :9] = 255
    results = [form(*inputs, mask) for form in (compiled, module.forward_with_auxiliary)]
    torch.testing.assert_close(*results)
    learnt = list(module.parameters())
    torch.testing.assert_close(*(torch.autograd.grad(x.sum() + loss, learnt) for x, loss in results))
    batch, h, w = (torch.export.Dim(axis, min=2, max=16) for axis in ("batch", "h", "w"))
    sides = {0: batch, 2: 8 * h, 3: 8 * w}
    shapes = (sides, sides, {0: batch, 2: 4 * h, 3: 4 * w})
    program = torch.export.export(module.eval(), tuple(inputs), dynamic_shapes=shapes)
    other = [torch.cat([x, x[:1]]).repeat(1, 1, 2, 1)[..., : x.shape[3] * 2 // 3] for x in inputs]
    torch.testing.assert_close(program.module()(*other), module(*other))


def test_is_made_for_classes_a_feature_and_an_image():
    assert is_refiner("afma")
    assert attention_options("afma") == {"level": 2, "patch_size": 10}
    module = create_attention("afma", 12, 4, 64, level=3)
    assert module.image_conv1.in_channels == 4
    with pytest.raises(
        UserError, match="afma takes the channels of the logits, the image and the encoder's feature"
    ):
        create_attention("afma", 12)
    with pytest.raises(UserError, match=r"cbam takes the channels of one feature map; got \(12, 64, 3\)"):
        create_attention("cbam", 12, 64, 3)
    with pytest.raises(UserError, match="level=6: expected an encoder level from 1 to 5"):
        create_attention("afma", 12, 3, 64, level=6)
    with pytest.raises(UserError, match="patch_size=0: expected a whole number of at least 1"):
        create_attention("afma", 12, 3, 64, patch_size=0)
