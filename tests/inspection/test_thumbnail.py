import torch

from foveate.attention.maps import AcrossLevelsMap, ChannelMap, MaskMap, MemoryMap, PairwiseMap, SpatialMap
from foveate.inspection.thumbnail import choose_thumbnail

CHANNELS = ChannelMap(torch.linspace(0, 1, 12)[None])
POSITIONS = SpatialMap(torch.tensor([[[0.5, 0.7], [0.5, 0.9]]]))


def test_positions_are_scaled_from_smallest_to_largest():
    thumbnail = choose_thumbnail({"cbam@decoder": (CHANNELS, POSITIONS)})
    assert thumbnail.weights.tolist() == [[0, 128], [0, 255]]
    assert thumbnail.caption == "factor of each position, 0.50 to 0.90"
    assert thumbnail.spatial


def test_channels_alone_become_a_grid_of_cells():
    thumbnail = choose_thumbnail({"se@decoder": (CHANNELS,)})
    assert thumbnail.weights.shape == (3, 4)
    assert thumbnail.weights.ravel().tolist() == [round(255 * k / 11) for k in range(12)]
    assert not thumbnail.spatial


def test_pairwise_rows_are_averaged_over_heads_and_queries():
    values = torch.zeros(1, 2, 2, 6)
    values[:, :, :, 1] = 1.0
    values[:, 1, 1, :] = 1 / 6
    thumbnail = choose_thumbnail({"smooth@encoder5": (PairwiseMap(values, (2, 3), torch.tensor([0, 4])),)})
    assert thumbnail.weights.shape == (2, 3)
    assert thumbnail.weights[0, 1] == 255
    assert thumbnail.caption == "where 2 positions spread over the image look, on average"


def test_masks_are_averaged_over_channels():
    mask = torch.tensor([[[[0.0, 1.0]], [[1.0, 1.0]]]])
    assert choose_thumbnail({"scse@decoder": (MaskMap(mask),)}).weights.tolist() == [[0, 255]]


def test_a_memory_shows_the_slot_that_varies_most():
    shares = torch.tensor([[[[0.5, 0.5]], [[0.1, 0.4]], [[0.4, 0.1]]]])
    thumbnail = choose_thumbnail({"external@encoder5": (MemoryMap(shares),)})
    assert thumbnail.weights.tolist() == [[0, 255]]
    assert thumbnail.caption == "share of memory slot 1 of 3, 0.10 to 0.40"


def test_across_levels_the_thumbnail_shows_the_patches_of_the_level_and_their_extent():
    values = torch.zeros(1, 2, 3, 6)
    values[0, :, :, 4] = 0.5
    values[0, 1, 2, 1] = 0.6
    found = AcrossLevelsMap(values, (8, 12), (2, 3), torch.tensor([0, 50, 95]), patch_size=10, cell=4)
    thumbnail = choose_thumbnail({"afma@logits": (found,)})
    assert thumbnail.weights.tolist() == [[0, 51, 0], [0, 255, 0]]
    assert thumbnail.caption.startswith(
        "what each patch of the level has in common with 3 patches spread over"
    )
    assert thumbnail.caption.endswith("0.00 to 0.50; dark where no whole patch fits")
    assert thumbnail.extent == (80, 120)


def test_a_uniform_map_is_dark_and_no_map_is_none():
    assert choose_thumbnail({"a": (SpatialMap(torch.full((1, 2, 2), 0.5)),)}).weights.tolist() == [
        [0, 0],
        [0, 0],
    ]
    assert choose_thumbnail({"placebo@decoder": ()}) is None


def test_of_several_maps_the_last_is_shown_and_the_caption_says_so():
    coarse = SpatialMap(torch.tensor([[[0.1, 0.2]]]))
    thumbnail = choose_thumbnail({"gate@skips.2": (coarse,), "gate@skips.1": (POSITIONS,)})
    assert thumbnail.weights.shape == (2, 2)
    assert (
        thumbnail.caption == "factor of each position, 0.50 to 0.90; of gate@skips.1, the last of 2 such maps"
    )
