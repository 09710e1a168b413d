import copy

import pytest
import torch
from torch import nn

from foveate.attention.registry import create_attention
from foveate.errors import UserError
from foveate.inspection.record import mechanisms, record, spread_queries
from foveate.models.attaching.attach import attach, attached

X = torch.rand(2, 3, 6, 8, generator=torch.Generator().manual_seed(0))


def build(arm, gate="zero"):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 2, 1))
    return attach(model, arm, gate=gate, example=X)


def hooks(model):
    return [
        len(getattr(m, name))
        for m in model.modules()
        for name in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")
    ]


def test_maps_are_those_of_the_modules_own_input():
    model = build("se@0(reduction=2)+cbam@2(reduction=2)").eval()
    with record(model) as recording:
        model(X)
    assert list(recording.maps) == ["se@0", "cbam@2"]
    se, cbam = attached(model).values()
    with torch.no_grad():
        x = nn.functional.conv2d(X, model[0].weight, model[0].bias, padding=1)
        assert torch.equal(recording.maps["se@0"][0].values, se.weights(x)[0].values)
    channel, where = recording.maps["cbam@2"]
    assert (channel.values.shape, where.values.shape) == ((2, 8), (2, 6, 8))
    assert len(cbam.weights(torch.zeros(1, 8, 6, 8))) == 2


def test_the_output_is_what_it_is_without_recording():
    model = build("cbam@2(reduction=2)", gate="none").eval()
    expected = model(X)
    with record(model):
        assert torch.equal(model(X), expected)


def test_training_is_not_disturbed():
    model = build("cbam@2(reduction=2)", gate="none").train()
    twin = copy.deepcopy(model)
    with record(model) as recording:
        model(X).sum().backward()
    twin(X).sum().backward()
    assert all(module.training for module in model.modules())
    for (name, value), other in zip(model.state_dict().items(), twin.state_dict().values(), strict=True):
        assert torch.equal(value, other), name
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        assert (p.grad is None) == (q.grad is None)
        assert p.grad is None or torch.equal(p.grad, q.grad)
    assert not any(found.values.requires_grad for found in recording.maps["cbam@2"])


def test_one_tuple_a_pass():
    model = build("se@0(reduction=2)")
    with record(model) as recording:
        for _ in range(3):
            model(X)
    assert len(recording.passes["se@0"]) == 3


def test_pairwise_maps_at_the_default_and_at_chosen_queries():
    model = build("nonlocal@2").eval()
    with record(model) as recording:
        model(X)
    (found,) = recording.maps["nonlocal@2"]
    assert found.queries.tolist() == spread_queries(6, 8).tolist() == [10, 14, 28, 34, 38]
    assert found.values.sum(-1).allclose(torch.ones(2, 1, 5))
    with record(model, queries=torch.tensor([7])) as recording:
        model(X)
    assert recording.maps["nonlocal@2"][0].values.shape == (2, 1, 1, 48)


def test_no_hook_survives():
    model = build("cbam@2(reduction=2)+nonlocal@0")
    before = hooks(model)
    with record(model):
        model(X)
        assert hooks(model) != before
    assert hooks(model) == before


def test_no_hook_survives_an_exception():
    model = build("cbam@2(reduction=2)")
    before = hooks(model)
    with pytest.raises(RuntimeError), record(model):
        model(X[:, :2])
    assert hooks(model) == before


def test_a_map_that_fails_leaves_no_hook_and_the_right_mode():
    model = build("nonlocal@2").train()
    before = hooks(model)
    with pytest.raises(UserError, match="queries"), record(model, queries=torch.tensor([99])):
        model(X)
    assert hooks(model) == before
    assert all(module.training for module in model.modules())


def test_a_model_without_attention_is_refused():
    with pytest.raises(UserError, match="no attached attention"), record(nn.Conv2d(3, 2, 1)):
        pass


def test_a_tiny_map_has_each_query_once():
    assert spread_queries(1, 1).tolist() == [0]


def test_queries_may_depend_on_the_size_of_each_map():
    model = build("nonlocal@2").eval()
    with record(model, queries=lambda height, width: torch.tensor([height * width - 1])) as recording:
        model(X)
    assert recording.maps["nonlocal@2"][0].queries.tolist() == [47]


def test_features_are_the_input_and_output_of_the_module():
    model = build("se@0(reduction=2)").eval()
    with record(model, features=True) as recording:
        model(X)
    ((before,), after) = recording.features["se@0"][0]
    (found,) = recording.maps["se@0"]
    assert torch.allclose(after, before * found.values[:, :, None, None])
    with record(model) as recording:
        model(X)
    assert recording.features == {}


def test_attention_that_is_part_of_the_model_is_recorded_too():
    inner = create_attention("scse", 8, reduction=2)
    model = attach(nn.Sequential(nn.Conv2d(3, 8, 1), nn.Sequential(inner)), "se@0(reduction=2)", example=X)
    assert list(mechanisms(model)) == ["se@0", "scse@1.0"]
    with record(model.eval()) as recording:
        model(X)
    assert len(recording.maps["scse@1.0"]) == len(inner.weights(torch.zeros(1, 8, 2, 2)))


def test_a_recording_shows_shapes_and_no_values():
    model = build("se@0(reduction=2)+cbam@2(reduction=2)")
    with record(model) as recording:
        assert repr(recording) == "Recording(0 passes)"
        model(X)
        model(X)
    assert repr(recording) == (
        "Recording(2 passes; se@0: ChannelMap 2x8; cbam@2: ChannelMap 2x8, SpatialMap 2x6x8)"
    )
