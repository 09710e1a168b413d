"""The works of the product: every part is understood at every scale, before any data are opened."""

import pytest

from foveate.api.settings import parse_settings
from foveate.errors import UserError
from foveate.experiments.works.find import find_work, parts_folders, work_names
from foveate.models.attaching.check import check_arm
from foveate.specs.arm import parse_named_arm
from foveate.specs.work import SCALES, load_work

RUNS = {"afma": 220, "mssa": 8, "reduce-misclassification": 152, "smooth-attention": 55}
"""Runs at scale paper: 5 data sets x 8 hosts x the host alone and 3 or 5 levels; 2 x 2 forms x with and
without; 2 x 4 hosts x (A, and B to D with 6 activations); 5 x (10 thresholds and none)."""


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", work_names())
def test_every_part_is_understood(name, scale):
    path, runs = find_work(name), 0
    for sweep in load_work(path).sweeps(scale):
        spec = sweep.spec("photos", parts_folders(path))
        cells = list(spec.cells())
        runs += len(cells)
        for values in {repr(cell.values): cell.values for cell in cells}.values():
            fields = spec.settings | dict(values)
            epochs = fields.pop("epochs", 30)
            parse_settings("photos", fields, "a work").schedule(epochs)
        for arm in spec.arms:
            check_arm(parse_named_arm(arm)[1])
    assert runs == RUNS.get(name, runs) or scale != "paper"
    assert runs > 0


def test_a_work_may_be_a_file_of_ones_own(tmp_path):
    path = tmp_path / "mine.yaml"
    with pytest.raises(UserError, match="there is no such file; name a work"):
        find_work(str(path))
    path.touch()
    assert find_work(str(path)) == path
    assert parts_folders(path)[0] == tmp_path
