import pytest
import torch
from torch import nn

from foveate.evaluation.cost import costs, flops, latency, parameters, peak_memory

IMAGE = torch.zeros(1, 3, 32, 32)


class Slow(nn.Module):
    def forward(self, x):
        for _ in range(30):
            x = nn.functional.avg_pool2d(x, 5, 1, 2)
        return x


class Attention(nn.Module):
    def forward(self, x):
        q = x.flatten(2).mT[:, None]
        return nn.functional.scaled_dot_product_attention(q, q, q)


def test_parameters_count_shared_ones_once():
    layer = nn.Linear(4, 4)
    assert parameters(nn.Sequential(layer, layer)) == 20


def test_flops_are_two_per_multiply_accumulate():
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 2, 1))
    assert flops(model, IMAGE) == 2 * 32 * 32 * (3 * 8 * 9 + 8 * 2)


def test_flops_include_scaled_dot_product_attention():
    n, d = 32 * 32, 3
    assert flops(Attention(), IMAGE) == 2 * 2 * n * n * d


def test_flops_include_the_fused_transformer_layer_and_keep_the_fast_path_switch():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)

        def forward(self, x):
            return self.layer(x.reshape(1, -1, 16))

    n, d = 3 * 32 * 32 // 16, 16
    expected = 2 * n * d * (3 * d + d + 2 * 32) + 2 * 2 * n * n * d
    assert flops(Tokens(), IMAGE) == expected
    assert torch.backends.mha.get_fastpath_enabled()


def test_latency_tells_slow_from_fast_in_one_run():
    found = latency({"fast": nn.Identity(), "slow": Slow()}, IMAGE, repeats=5)
    assert found["slow"].low_ms > found["fast"].high_ms
    assert found["slow"].low_ms <= found["slow"].median_ms <= found["slow"].high_ms


def test_models_take_turns():
    order = []

    class Named(nn.Module):
        def __init__(self, name):
            super().__init__()
            self.name = name

        def forward(self, x):
            order.append(self.name)
            return x

    latency({name: Named(name) for name in "ab"}, IMAGE, repeats=2, warm_up=1)
    assert "".join(order) == "abbaab"


def test_peak_memory_counts_simultaneous_allocations():
    class Wide(nn.Module):
        def __init__(self, copies):
            super().__init__()
            self.copies = copies

        def forward(self, x):
            copies = [x + k for k in range(self.copies)]
            return sum(copy.sum() for copy in copies)

    size = IMAGE.numel() * 4  # bytes of a copy
    assert 4 * size <= peak_memory(Wide(4), IMAGE) < 5 * size
    assert 16 * size <= peak_memory(Wide(16), IMAGE) < 17 * size


def test_costs_leave_the_models_as_they_were():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    seen = []
    found = costs({"a": model, "b": nn.Conv2d(3, 4, 1)}, (16, 24), repeats=2, progress=seen.append)
    assert found["a"].parameters == 24
    assert found["a"].flops == found["b"].flops == 2 * 16 * 24 * 12
    assert found["a"].memory_bytes >= 16 * 24 * 4 * 4
    assert seen == ["a", "b"]
    assert all(m.training for m in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device: peak memory of its allocator")
def test_costs_on_cuda():
    found = costs({"a": nn.Conv2d(3, 4, 1)}, (64, 64), repeats=2, device="cuda")
    assert found["a"].memory_bytes >= 64 * 64 * 4 * 4
