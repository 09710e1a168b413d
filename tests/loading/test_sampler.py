import pytest

from foveate.loading.sampler import EpochSampler


def order(sampler, epoch):
    sampler.set_epoch(epoch)
    return list(sampler)


def test_the_order_depends_on_seed_and_epoch_alone():
    sampler = EpochSampler(50, seed=1)
    first, second = order(sampler, 0), order(sampler, 1)
    assert order(EpochSampler(50, seed=1), 1) == second
    assert [index for _, index in first] != [index for _, index in second]
    assert order(EpochSampler(50, seed=2), 0) != first
    assert {epoch for epoch, _ in second} == {1}
    assert sorted(index for _, index in second) == list(range(50))


@pytest.mark.parametrize(("length", "world"), [(10, 2), (11, 2), (11, 4), (3, 8)])
def test_ranks_share_an_epoch_evenly_and_miss_nothing(length, world):
    shares = [order(EpochSampler(length, 0, rank, world), 5) for rank in range(world)]
    assert (
        {len(share) for share in shares} == {len(EpochSampler(length, 0, 0, world))} == {-(-length // world)}
    )
    assert {index for share in shares for _, index in share} == set(range(length))
    whole = order(EpochSampler(length, 0), 5)
    interleaved = [share[place] for place in range(len(shares[0])) for share in shares]
    assert interleaved[:length] == whole
