"""Products of matrices by either library, however they lie in memory."""

import pytest
import torch

from foveate.attention.kernels import products as libraries
from foveate.attention.kernels.products import add_products, product, products


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_products_of_matrices_that_lie_any_way(dtype: torch.dtype):
    torch.manual_seed(0)
    a, b = torch.randn(33, 47, dtype=dtype), torch.randn(29, 47, dtype=dtype)
    forms = [
        (a, b),
        (a.mT.contiguous().mT, b.mT.contiguous().mT),
        (a[3:9, 5:31], b[::2, 5:31]),
        (a[:1, :1].expand(8, 47), b),
        (a[:0], b),
        (a.view(3, 11, 47), b[:1]),
    ]
    for left, right in forms:
        torch.testing.assert_close(product(left, right), torch.einsum("...k,nk->...n", left, right))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("many", [1, 512])
def test_products_of_each_pair_of_two_batches(monkeypatch, dtype: torch.dtype, many: int):
    monkeypatch.setattr(libraries, "MIN_ONEDNN_ROWS", many)
    torch.manual_seed(0)
    a, b = torch.randn(2, 3, 7, 5, dtype=dtype), torch.randn(2, 3, 5, 4, dtype=dtype).mT
    expected = torch.einsum("...ik,...jk->...ij", a, b)
    torch.testing.assert_close(products(a, b), expected)
    total = torch.randn(2, 3, 7, 4, dtype=dtype)
    before = total.clone()
    add_products(total, a, b)
    torch.testing.assert_close(total, before + expected)


def test_torch_still_has_the_operator_that_is_faster_than_its_own_product():
    if torch.backends.mkldnn.is_available():
        schema = torch.ops.mkldnn._linear_pointwise.default._schema
        assert [argument.name for argument in schema.arguments] == [
            "X", "W", "B", "attr", "scalars", "algorithm",
        ]  # fmt: skip
