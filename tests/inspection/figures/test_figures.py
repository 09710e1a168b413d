"""What each figure draws is what was recorded: the artists' own numbers, not their pixels."""

import io
from dataclasses import replace

import matplotlib
import matplotlib.pyplot
import numpy as np
import pytest
import torch

from foveate.attention.maps import (
    AcrossLevelsMap,
    ChannelMap,
    ChannelPairsMap,
    MaskMap,
    MemoryMap,
    PairwiseMap,
    SpatialMap,
)
from foveate.attention.smooth import SmoothAttention
from foveate.inspection.figures.channel_pairs import channel_pairs
from foveate.inspection.figures.channels import channels, extremes
from foveate.inspection.figures.coarse import block_means, coarse_matrix
from foveate.inspection.figures.cumulative import cumulative, distribution
from foveate.inspection.figures.gold import gold, gold_map
from foveate.inspection.figures.grid import grid, received
from foveate.inspection.figures.landscape import bars, bubbles, scatter, surface
from foveate.inspection.figures.levels import levels, related, strongest
from foveate.inspection.figures.mask import mask, rows
from foveate.inspection.figures.matrix import matrix
from foveate.inspection.figures.memory import memory, varying
from foveate.inspection.figures.panels import own_score, panels, shown_classes
from foveate.inspection.figures.pixels import pixels
from foveate.inspection.figures.registry import figure, figure_kinds, figures_for
from foveate.inspection.figures.smoothing import smoothing
from foveate.inspection.figures.spatial import spatial
from foveate.inspection.figures.style import COLORS as STYLE
from foveate.inspection.record import _on_cpu
from foveate.inspection.subjects import RecordedMap, View
from foveate.prediction.assemble import Prediction

RANDOM = np.random.default_rng(0)
COLORS = ((0, 0, 0), (230, 159, 0), (86, 180, 233))
IMAGE = RANDOM.integers(0, 255, (40, 60, 3), dtype=np.uint8)
MASK = np.zeros((40, 60), np.uint8)
MASK[:, 30:] = 1
TRUTH = MASK.copy()
TRUTH[:20] = 255
TRUTH[20:30] = 0
CONFIDENCE = RANDOM.random((40, 60)).astype(np.float32)
VIEW = View("scene", IMAGE, Prediction(("sky", "road", "car"), COLORS, CONFIDENCE, mask=MASK), TRUTH)


def recorded_map(found, **about) -> RecordedMap:
    return RecordedMap(VIEW, "some@place", 0, found, **about)


def pairwise(height=4, width=6, heads=2, pixels=((5, 5), (35, 50)), **about) -> RecordedMap:
    count = height * width
    generator = torch.Generator().manual_seed(0)
    values = (3 * torch.randn(1, heads, len(pixels) + count, count, generator=generator)).softmax(-1)
    queries = torch.cat([torch.tensor([0, count - 1]), torch.arange(count)])
    return recorded_map(PairwiseMap(values, (height, width), queries), pixels=pixels, **about)


def images(page) -> list[np.ndarray]:
    return [np.asarray(one.get_array()) for axes in page.axes for one in axes.images]


def titles(page) -> list[str]:
    return [axes.get_title(loc="left") for axes in page.axes]


def test_panels_show_image_truth_prediction_errors_and_confidence():
    page = panels(VIEW)
    assert titles(page)[:5] == ["Image", "Truth", "Prediction", "Errors", "Confidence"]
    image, truth, prediction, errors, _, confidence = images(page)[:6]
    assert np.array_equal(image, IMAGE)
    assert truth[0, 0].tolist() == [150, 150, 150]
    assert prediction[0, 59].tolist() == [230, 159, 0]
    assert (errors[25, 59].tolist(), errors[35, 59].tolist()) == ([213, 94, 0], [222, 226, 230])
    assert np.array_equal(confidence, CONFIDENCE)
    assert page.axes[0].get_xlim() == (0, 60)


def test_panels_without_truth_show_no_errors():
    page = panels(View("scene", IMAGE, VIEW.prediction))
    assert titles(page)[:3] == ["Image", "Prediction", "Confidence"]


def test_the_score_and_the_legend_are_those_of_the_image_alone():
    # sky: 600 of 900 right, and none called sky wrongly; road: 300 hits in a union of 600
    assert own_score(VIEW) == pytest.approx((600 / 900 + 300 / 600) / 2)
    assert shown_classes(VIEW) == [0, 1]


def test_labels_are_shown_with_the_probability_of_each_class():
    prediction = Prediction(
        ("cat", "dog"), COLORS[:2], np.array(0.8), label="dog", probabilities=np.array([0.2, 0.8])
    )
    page = panels(View("pet", IMAGE, prediction, truth=0))
    widths = [bar.get_width() for bar in page.axes[1].patches]
    assert widths == pytest.approx([20, 80])
    assert [text.get_text() for text in page.axes[1].get_yticklabels()] == ["cat (true)", "dog"]


def test_names_with_dollars_are_no_formulas():
    names = ("$100 \\bill$", "$20 \\bill$", "_x")
    page = panels(View("scene", IMAGE, Prediction(names, COLORS, CONFIDENCE, mask=MASK), TRUTH))
    page.savefig(io.BytesIO())
    prediction = Prediction(
        names[:2], COLORS[:2], np.array(0.8), label=names[1], probabilities=np.array([0.2, 0.8])
    )
    page = panels(View("$a \\b$", IMAGE, prediction, truth=0))
    page.savefig(io.BytesIO())


def test_an_image_with_only_ignored_pixels_has_no_score():
    page = panels(View("scene", IMAGE, VIEW.prediction, np.full_like(MASK, 255)))
    assert page.get_supxlabel() == "The truth ignores every pixel of this image."


def test_channels_are_bars_and_the_extremes_are_pictures_before_and_after():
    factors = torch.tensor([[0.2, 0.9, 0.5, 1.3, 0.1, 0.6, 0.7]])
    before = torch.rand(7, 4, 6)
    page = channels(recorded_map(ChannelMap(factors), before=before))
    assert [bar.get_height() for bar in page.axes[0].patches] == pytest.approx(factors[0].tolist())
    drawn = images(page)
    assert np.allclose(drawn[0], before[3])
    assert any(np.allclose(one, 1.3 * before[3]) for one in drawn)
    assert any(np.allclose(one, 0.1 * before[4]) for one in drawn)
    assert extremes(factors[0].numpy()) == ([3, 1, 6], [4, 0, 2])


def test_channels_without_features_are_bars_alone():
    page = channels(recorded_map(ChannelMap(torch.tensor([[0.5]]))))
    assert len(page.axes) == 1


def test_a_spatial_map_is_drawn_as_it_is_and_over_the_image():
    values = torch.rand(1, 5, 6)
    page = spatial(recorded_map(SpatialMap(values), covers=(0.8, 1.0)))
    drawn = [one for axes in page.axes[:3] for one in axes.images if one.get_array().ndim == 2]
    assert len(drawn) == 2
    for one in drawn:
        assert np.array_equal(one.get_array(), values[0])
        assert one.get_extent() == pytest.approx([0, 60, 50, 0])  # 40 pixels are 0.8 of what the map covers
        assert one.axes.get_ylim() == (40, 0)


def test_masks_stand_between_the_features():
    values, before = torch.rand(1, 4, 5, 6), torch.randn(4, 5, 6)
    values[0, 2] *= 5
    after = (1 + values[0]) * before
    recorded = recorded_map(MaskMap(values), before=before, after=after, gate=0.25)
    drawn = rows(recorded)
    assert [name for name, _ in drawn][:2] == ["mean of channels", "channel 2"]
    assert list(drawn[0][1]) == ["Before", "Factor", "After"]
    assert np.allclose(drawn[0][1]["Factor"], values[0].mean(0))
    page = mask(recorded)
    first = [axes for axes in page.axes if axes.images and axes.images[0].get_array().shape == (5, 6)][:3]
    for axes, expected in zip(first, (before, values[0], after), strict=True):
        assert np.allclose(axes.images[0].get_array(), expected.mean(0), atol=1e-6)
    assert "gate lets 25%" in page._supxlabel.get_text()


def test_a_mask_of_other_channels_than_the_features_is_shown_in_the_mean():
    recorded = recorded_map(
        MaskMap(torch.rand(1, 1, 5, 6)), before=torch.rand(4, 5, 6), after=torch.rand(4, 5, 6)
    )
    assert [name for name, _ in rows(recorded)] == ["mean of channels"]
    assert list(rows(recorded_map(MaskMap(torch.rand(1, 2, 5, 6))))[0][1]) == ["Factor"]


def test_pixels_show_the_attention_of_each_pixel_as_the_mean_over_heads():
    recorded = pairwise()
    page = pixels(recorded)
    drawn = [one for one in images(page) if one.shape == (4, 6)]
    for number, values in enumerate(drawn):
        expected = 100 * recorded.map.values[0, :, number].mean(0).reshape(4, 6)
        assert np.allclose(values, expected)
    assert len(drawn) == 2
    assert titles(page)[1:3] == ["1: from 5,5", "2: from 35,50"]


def test_the_matrix_holds_every_row_of_the_map():
    recorded = pairwise()
    (drawn,) = [one for one in images(matrix(recorded)) if one.shape == (24, 24)]
    assert np.allclose(drawn, 100 * recorded.map.values[0, :, 2:].mean(0))
    assert np.allclose(drawn.sum(1), 100, atol=1e-3)


def test_the_note_states_sampling_and_averaging():
    count, rows_ = 48 * 48, torch.arange(0, 48 * 48, 9)
    values = torch.rand(1, 2, 1 + len(rows_), count).softmax(-1)
    found = PairwiseMap(values, (48, 48), torch.cat([torch.tensor([7]), rows_]))
    recorded = recorded_map(found, pixels=((3, 3),), covers=(0.9, 1.0))
    drawn = coarse_matrix(recorded, 64)
    assert drawn.heights.shape == (64, 64)
    assert drawn.heights.mean() == pytest.approx(100 / count, rel=1e-4)
    assert drawn.note == (
        "48×48 = 2304 positions; 256 evenly spread rows of 2304; each cell the mean of 4×36 entries; mean of "
        "2 heads; the image's padding included."
    )
    assert (
        matrix(recorded)._supxlabel.get_text().startswith("48×48 = 2304 positions; 256 evenly spread rows of")
    )


def test_blocks_of_unequal_size_are_means_of_their_entries():
    found, blocks = block_means(np.arange(10.0).reshape(1, 10), 3)
    assert found.tolist() == [[1.0, 4.0, 7.5]]
    assert blocks == (1.0, pytest.approx(10 / 3))


def test_the_landscape_has_the_matrix_for_its_heights():
    recorded = pairwise()
    expected = coarse_matrix(recorded, 24).heights
    (points,) = scatter(recorded).axes[0].collections
    assert np.allclose(np.sort(points.get_array()), np.sort(expected.ravel()))
    (round_ones,) = bubbles(recorded).axes[0].collections
    areas = round_ones.get_sizes()
    assert areas.max() == pytest.approx(160)
    assert np.allclose(np.sort(areas) / 160, np.sort(expected.ravel()) / expected.max(), atol=1e-6)
    (solids,) = bars(recorded).axes[0].collections
    tops = solids._faces.reshape(-1, 6, 4, 3)[..., 2].max((1, 2))
    assert np.allclose(np.sort(tops), np.sort(expected.ravel()), atol=1e-9)
    (sheet,) = surface(recorded).axes[0].collections
    assert sheet._faces[..., 2].max() == pytest.approx(expected.max())
    assert matplotlib.colormaps[STYLE](1.0) in {tuple(color) for color in sheet.get_facecolor().tolist()}


def test_rows_before_and_after_smoothing_stand_side_by_side():
    attention = SmoothAttention(8, threshold=0.05).eval()
    torch.manual_seed(0)
    (found,) = attention.weights(3 * torch.randn(1, 8, 4, 6))
    found = _on_cpu(found)
    recorded = recorded_map(found, pixels=((5, 5), (35, 50)))
    page = smoothing(recorded)
    shown = [image for axes in page.axes for image in axes.images if image.get_array().shape == (4, 6)]
    assert len(shown) == 4
    for number, (before, after) in enumerate(zip(shown[::2], shown[1::2], strict=True)):
        assert np.allclose(before.get_array(), 100 * found.raw[0, 0, number].reshape(4, 6))
        assert np.allclose(after.get_array(), 100 * found.values[0, 0, number].reshape(4, 6))
        assert before.get_clim() == after.get_clim()
    assert {"smoothing", "pixels", "matrix", "surface"} <= {kind.name for kind in figures_for(recorded)}
    assert "smoothing" not in {kind.name for kind in figures_for(pairwise())}


def test_bubbles_over_the_grid_are_multiples_of_equal_attention():
    recorded = pairwise()
    page = grid(recorded)
    assert received(recorded).mean() == pytest.approx(1)
    from_all, from_one = (axes.collections[0] for axes in page.axes[:2])
    assert np.allclose(from_all.get_array(), received(recorded).ravel())
    assert np.allclose(from_one.get_array(), 24 * recorded.pixel_attention[1].ravel())
    assert np.allclose(from_all.get_offsets()[0], (5, 5))  # the centre of the first of 4x6 cells in 40x60


def test_the_distribution_gives_shares_of_entries_and_of_attention():
    matrix_ = np.array([[0.1, 0.1, 0.8], [0.0, 0.5, 0.5]])
    values, entries, attention = distribution(matrix_)
    assert values[1:].tolist() == [0.1, 0.1, 0.5, 0.5, 0.8]
    assert values[0] > 0
    assert entries.tolist() == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1])
    assert attention.tolist() == pytest.approx([0, 0.05, 0.1, 0.35, 0.6, 1])
    page = cumulative(pairwise())
    line = page.axes[0].lines[0]
    assert (line.get_ydata()[-1], page.axes[0].get_xscale()) == (100, "log")


def test_every_kind_has_a_name_a_summary_and_maps_it_can_draw():
    names = [kind.name for kind in figure_kinds()]
    assert len(set(names)) == len(names)
    assert all(kind.summary and kind.suits for kind in figure_kinds())
    assert [kind.name for kind in figures_for(VIEW)] == ["panels"]
    assert [kind.name for kind in figures_for(recorded_map(SpatialMap(torch.rand(1, 2, 2))))] == ["spatial"]
    with pytest.raises(ValueError, match="figure 'matrix' is already registered"):
        figure("matrix", 0, "twice", View)(matrix)


def test_figures_leave_no_pyplot_figure_open():
    for kind in figures_for(pairwise()):
        kind.draw(pairwise())
    assert matplotlib.pyplot.get_fignums() == []


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (3, 1)])
def test_tiny_maps_are_drawn(size):
    recorded = pairwise(*size, heads=1, pixels=((0, 0), (39, 59)))
    for kind in figures_for(recorded):
        assert kind.draw(recorded).axes


def test_a_memory_shows_the_slots_that_vary_most():
    shares = torch.rand(1, 9, 4, 6).softmax(1)
    shares[:, 7] *= torch.linspace(0, 9, 6)
    recorded = recorded_map(MemoryMap(shares))
    page = memory(recorded)
    assert [bar.get_height() for bar in page.axes[0].patches] == pytest.approx(
        (100 * shares[0].mean((1, 2))).tolist(), rel=1e-5
    )
    assert varying(shares[0].numpy())[0] == 7
    (drawn,) = [one for one in page.axes[1].images if one.get_array().shape == (4, 6)]
    assert np.allclose(drawn.get_array(), 100 * shares[0, 7])


def test_channel_pairs_are_a_matrix():
    values = torch.rand(1, 8, 8).softmax(-1)
    (drawn, *_) = images(channel_pairs(recorded_map(ChannelPairsMap(values))))
    assert np.allclose(drawn, 100 * values[0])


def test_the_gold_map_relates_the_patches_of_the_truth_class_by_class():
    truth = np.zeros((8, 8), np.uint8)
    truth[:, 4:] = 1
    truth[0, 4:] = 255
    view = View("scene", IMAGE[:8, :8], replace(VIEW.prediction, mask=truth), truth)
    found = AcrossLevelsMap(torch.rand(1, 3, 2, 4), (4, 4), (2, 2), torch.tensor([4, 7]), 2, cell=2)
    recorded = RecordedMap(view, "afma@logits", 0, found, pixels=((3, 0), (3, 7)))
    expected = np.zeros((2, 3, 2, 2))
    expected[0, 0, :, 0] = 1  # a patch of class 0, on the left: alike with both patches of the level there
    expected[1, 1] = [[0, 0.75], [0, 1]]  # a quarter of the upper right is ignored
    assert np.allclose(gold_map(recorded), expected)
    assert titles(gold(recorded))[:3] == ["pixel 3,0", "sky", "gold: sky"]


def test_without_a_mask_there_is_no_gold_map():
    view = replace(VIEW, truth=None)
    found = AcrossLevelsMap(torch.rand(1, 3, 1, 4), (4, 5), (2, 2), torch.tensor([0]), 8, cell=2)
    page = gold(RecordedMap(view, "afma@logits", 0, found, pixels=((3, 3),)))
    assert len(titles(page)) == 4  # the patch and three classes
    assert "there is no gold map" in page.get_supxlabel()


def test_levels_show_the_patch_and_similar_patches_by_class():
    values = torch.rand(1, 3, 2, 4)
    values[0, 2] += 1
    found = AcrossLevelsMap(values, (4, 5), (2, 2), torch.tensor([0, 19]), patch_size=8, cell=2)
    recorded = recorded_map(
        found, covers=(40 / 32, 60 / 40), key_covers=(1.25, 1.5), pixels=((3, 3), (39, 59))
    )
    page = levels(recorded)
    assert strongest(related(recorded))[0] == 2
    (drawn,) = [one for one in page.axes[1].images if one.get_array().shape == (2, 2)]
    assert np.allclose(drawn.get_array(), values[0, 2, 0].reshape(2, 2))
    assert drawn.get_extent() == pytest.approx([0, 40, 32, 0])
    last = page.axes[4].patches[-1]
    assert (last.get_xy(), last.get_width(), last.get_height()) == (pytest.approx((32, 24)), 8, 8)
