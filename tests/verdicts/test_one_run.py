import numpy as np
import pytest

from foveate.verdicts.one_run import score_intervals


def test_images_of_a_group_count_as_one():
    apart = np.random.default_rng(0).integers(1, 40, (6, 2, 2))
    copies, groups = apart.repeat(9, axis=0), [str(number // 9) for number in range(54)]
    (whole, _), (grouped, _), (alone, _) = (
        score_intervals(apart, "segmentation"),
        score_intervals(copies, "segmentation", groups),
        score_intervals(copies, "segmentation"),
    )
    assert (grouped.low, grouped.high) == pytest.approx((whole.low, whole.high))
    assert alone.high - alone.low < (whole.high - whole.low) / 2
