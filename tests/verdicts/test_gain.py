import math

import pytest
import torch

from foveate.evaluation.evaluate import Tally
from foveate.verdicts.gain import ensemble_gain

CLASSES = ("sky", "road", "car")


def predictions(noise: list[float], images: int = 24, same: bool = False):
    """Truth, and the probabilities of networks that see it through noise, each its own unless `same`."""
    generator = torch.Generator().manual_seed(0)
    truth = torch.randint(0, 3, (images, 6, 8), generator=generator)
    sharp = torch.nn.functional.one_hot(truth, 3).movedim(-1, 1).float()
    first = torch.randn(sharp.shape, generator=generator)
    drawn = [first if same else torch.randn(sharp.shape, generator=generator) for _ in noise]
    return truth, [(sharp + level * each).softmax(1) for level, each in zip(noise, drawn, strict=True)]


def gain_of(truth, apart, groups=None, **options):
    stems = [f"image{number}" for number in range(len(truth))]
    evaluations = []
    for p in (torch.stack(apart).mean(0), *apart):
        tally = Tally(CLASSES)
        tally.add(p, truth, stems)
        evaluations.append(tally.result())
    together, *singles = evaluations
    return ensemble_gain(together, singles, CLASSES, "segmentation", groups, **options)


def test_an_ensemble_of_identical_networks_gains_nothing():
    gain = gain_of(*predictions([1.0, 1.0, 1.0], same=True))
    assert (gain.difference.mean, gain.difference.low, gain.difference.high) == (0, 0, 0)
    assert gain.difference.p == 1
    assert gain.verdict == "no difference"


def test_an_ensemble_of_networks_with_noise_of_their_own_helps():
    gain = gain_of(*predictions([1.0, 1.0, 1.0]))
    assert gain.verdict == "helps"
    assert gain.difference.low > 0.05
    assert gain.score > max(gain.singles)
    assert gain.difference.mean == pytest.approx(gain.score - sum(gain.singles) / 3)


def test_poor_networks_in_the_mean_hurt():
    truth, (good, poor) = predictions([0.3, 8.0])
    gain = gain_of(truth, [good, poor, poor, poor])
    assert gain.verdict == "hurts", "three copies of the poor one outvote the good one"


def test_networks_of_little_noise_on_few_images_show_nothing_for_sure():
    gain = gain_of(*predictions([0.35, 0.35], images=3))
    assert gain.verdict in ("not shown", "no difference")


def test_images_of_a_group_count_once():
    truth, apart = predictions([1.0, 1.0])
    groups = {f"image{number}": f"patient{number // 6}" for number in range(24)}
    alone, grouped = gain_of(truth, apart), gain_of(truth, apart, groups)
    assert (alone.difference.images, grouped.difference.images) == (24, 4)
    assert grouped.difference.mean == pytest.approx(alone.difference.mean)
    assert grouped.difference.high - grouped.difference.low > alone.difference.high - alone.difference.low


def test_a_single_image_gives_no_verdict():
    gain = gain_of(*predictions([1.0, 1.0], images=1))
    assert gain.verdict == "no verdict"
    assert math.isnan(gain.difference.low)


def test_the_score_that_is_meant_can_be_chosen():
    gain = gain_of(*predictions([1.0, 1.0]), judge="dice:car")
    assert gain.judge == "dice:car"
    assert gain.score > sum(gain.singles) / 2


def test_false_alarms_stay_rare():
    """Two networks are right by chance, and as sure where they are wrong: their ensemble is no better."""
    alarms = 0
    for seed in range(100):
        generator = torch.Generator().manual_seed(seed)
        truth = torch.randint(0, 2, (12, 40, 1), generator=generator)
        right = torch.rand(2, 12, 40, 1, generator=generator) < 0.7
        sides = torch.where(right, truth, 1 - truth)
        sure = torch.rand(2, 12, 40, 1, generator=generator) * 0.5 + 0.5
        apart = [torch.where(s == 0, p, 1 - p) for s, p in zip(sides, sure, strict=True)]
        apart = [torch.stack([p, 1 - p], 1) for p in apart]
        tallies = []
        for p in (torch.stack(apart).mean(0), *apart):
            tally = Tally(("a", "b"))
            tally.add(p, truth, [str(number) for number in range(12)])
            tallies.append(tally.result())
        gain = ensemble_gain(tallies[0], tallies[1:], ("a", "b"), "segmentation", judge="accuracy")
        alarms += gain.difference.excludes_zero
    assert alarms <= 9
