import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveate.data.apportion import apportion


def shares_of(counts, parts, number):
    return np.stack([counts[parts == part].sum(0) for part in range(number)]) / counts.sum(0)


def cost(counts, parts, shares):
    shares = np.array(shares) / sum(shares)
    got = np.stack([counts[parts == part].sum(0) for part in range(len(shares))])
    wanted = shares[:, None] * counts.sum(0)
    return ((got - wanted) ** 2 / wanted).sum()


def best_cost(counts, shares):
    """The lowest cost of all divisions that leave no part empty, one by one."""
    every = np.array(np.meshgrid(*[range(len(shares))] * len(counts))).reshape(len(counts), -1).T
    return min(cost(counts, parts, shares) for parts in every if len(set(parts)) == len(shares))


@pytest.mark.parametrize("seed", range(8))
def test_few_groups_are_divided_nearly_as_well_as_they_can_be(seed):
    counts = np.random.default_rng(seed).integers(1, 40, (7, 1))
    found = cost(counts, apportion(counts, (20, 20, 60)), (20, 20, 60))
    best = best_cost(counts, (20, 20, 60))
    assert found <= best + 0.05 * counts.sum()


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 100), min_size=3, max_size=30),
    shares=st.sampled_from([(15, 15, 70), (10, 90), (1, 1, 98)]),
)
def test_every_part_gets_a_group(sizes, shares):
    parts = apportion(np.array(sizes)[:, None], shares)
    assert set(parts.tolist()) == set(range(len(shares)))


def test_shares_are_of_images_not_of_groups():
    sizes = np.array([[100]] + [[2]] * 50)
    parts = apportion(sizes, (25, 25, 50))
    assert shares_of(sizes, parts, 3)[:, 0].tolist() == [0.25, 0.25, 0.5]
    assert (parts == parts[0]).sum() == 1


def test_classes_are_divided_alike_although_groups_hold_different_mixtures():
    counts = np.random.default_rng(0).integers(0, 12, (60, 3)) + np.array([1, 0, 0])
    got = shares_of(counts, apportion(counts, (20, 20, 20, 20, 20)), 5)
    assert np.abs(got - 0.2).max() < 0.03


def test_the_last_part_gets_every_class():
    counts = np.array([[9, 0], [9, 0], [9, 0], [9, 0], [1, 1]])
    for order in (counts, counts[::-1]):
        parts = apportion(order, (15, 15, 70))
        assert order[parts == 2].sum(0).min() > 0


def test_fewer_groups_than_parts_stay_in_the_last():
    assert apportion(np.array([[5], [6]]), (15, 15, 70)).tolist() == [2, 2]
