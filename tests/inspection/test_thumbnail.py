import torch

from foveate.attention.maps import AcrossLevelsMap, ChannelMap, MaskMap, MemoryMap, PairwiseMap, SpatialMap
from foveate.inspection.thumbnail import look

CHANNELS = ChannelMap(torch.linspace(0, 1, 12)[None])
POSITIONS = SpatialMap(torch.tensor([[[0.5, 0.7], [0.5, 0.9]]]))


def test_positions_are_scaled_from_smallest_to_largest():
    seen = look({"cbam@decoder": (CHANNELS, POSITIONS)})
    assert seen.weights.tolist() == [[0, 128], [0, 255]]
    assert seen.words == "factor of each position, 0.50 to 0.90"
    assert seen.spatial


def test_channels_alone_become_a_grid_of_cells():
    seen = look({"se@decoder": (CHANNELS,)})
    assert seen.weights.shape == (3, 4)
    assert seen.weights.ravel().tolist() == [round(255 * k / 11) for k in range(12)]
    assert not seen.spatial


def test_pairwise_rows_are_averaged_over_heads_and_queries():
    values = torch.zeros(1, 2, 2, 6)
    values[:, :, :, 1] = 1.0
    values[:, 1, 1, :] = 1 / 6
    seen = look({"smooth@encoder5": (PairwiseMap(values, (2, 3), torch.tensor([0, 4])),)})
    assert seen.weights.shape == (2, 3)
    assert seen.weights[0, 1] == 255
    assert seen.words == "where 2 positions spread over the image look, on average"


def test_masks_are_averaged_over_channels():
    mask = torch.tensor([[[[0.0, 1.0]], [[1.0, 1.0]]]])
    assert look({"scse@decoder": (MaskMap(mask),)}).weights.tolist() == [[0, 255]]


def test_of_a_memory_the_slot_that_varies_most_is_shown():
    shares = torch.tensor([[[[0.5, 0.5]], [[0.1, 0.4]], [[0.4, 0.1]]]])
    seen = look({"external@encoder5": (MemoryMap(shares),)})
    assert seen.weights.tolist() == [[0, 255]]
    assert seen.words == "share of memory slot 1 of 3, 0.10 to 0.40"


def test_across_levels_it_is_the_levels_patches_and_how_far_they_reach():
    values = torch.zeros(1, 2, 3, 6)
    values[0, :, :, 4] = 0.5
    values[0, 1, 2, 1] = 0.6
    found = AcrossLevelsMap(values, (8, 12), (2, 3), torch.tensor([0, 50, 95]), patch_size=10, cell=4)
    seen = look({"afma@logits": (found,)})
    assert seen.weights.tolist() == [[0, 51, 0], [0, 255, 0]]
    assert seen.words.startswith("what each patch of the level has in common with 3 patches spread over")
    assert seen.words.endswith("0.00 to 0.50; dark where no whole patch fits")
    assert seen.reach == (80, 120)


def test_a_uniform_map_is_dark_and_no_map_is_none():
    assert look({"a": (SpatialMap(torch.full((1, 2, 2), 0.5)),)}).weights.tolist() == [[0, 0], [0, 0]]
    assert look({"placebo@decoder": ()}) is None


def test_of_several_maps_the_last_is_shown_and_said_to_be_one_of_several():
    coarse = SpatialMap(torch.tensor([[[0.1, 0.2]]]))
    seen = look({"gate@skips.2": (coarse,), "gate@skips.1": (POSITIONS,)})
    assert seen.weights.shape == (2, 2)
    assert seen.words == "factor of each position, 0.50 to 0.90; of gate@skips.1, the last of 2 such maps"
