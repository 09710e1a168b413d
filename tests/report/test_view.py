from dataclasses import replace

import numpy as np
import pytest

from foveate.report.view import arm_views, forest


def test_the_dots_of_the_seeds_average_to_the_tested_difference(comparison):
    """Also where another score of the same name counts classes that the test images lack."""
    other = tuple(
        replace(arm, scores={"miou": (0.1 * k,) * 3}) for k, arm in enumerate(comparison.contenders)
    )
    for told in (comparison, replace(comparison, contenders=other)):
        rows = forest(told, arm_views(told))["rows"]
        assert len(rows) == len(told.contenders) - 1
        for row in rows:
            (mark,) = row["marks"]
            assert len(mark.seeds) == len(told.seeds)
            assert np.mean(mark.seeds) == pytest.approx(mark.at, abs=0.02)
