from itertools import pairwise

import pytest

from foveate.errors import UserError
from foveate.experiments.placing.rounds import FinishedRound, PlannedRound, Rounds, plan_rounds


@pytest.mark.parametrize("candidates", [1, 2, 3, 4, 7, 50])
@pytest.mark.parametrize("survivors", [1, 3])
def test_rounds_lead_to_the_survivors_and_grow_longer(candidates, survivors):
    rounds = plan_rounds(candidates, survivors, epochs=16, steps_per_epoch=20)
    if candidates <= survivors:
        assert rounds == ()
        return
    assert rounds[0].entering == candidates
    assert rounds[-1].keep == survivors
    assert all(one.keep == other.entering for one, other in pairwise(rounds))
    assert all(one.entering > one.keep >= 1 for one in rounds)
    lengths = [one.epochs for one in rounds]
    assert lengths == sorted(lengths)
    assert lengths[-1] == 8


def test_rounds_never_become_too_short_for_a_gate_to_open():
    rounds = plan_rounds(40, 2, epochs=16, steps_per_epoch=10, shrink=6)
    assert {one.epochs for one in rounds} == {4}


def test_a_record_survives_its_file_and_a_cut_keeps_the_best(tmp_path):
    planned = (PlannedRound(4, 2, 1), PlannedRound(2, 1, 2))
    rounds = Rounds(("a", "b", "c", "d"), planned)
    assert rounds.arms == ("a", "b", "c", "d")
    rounds = rounds.after(FinishedRound(1, {"a": (0.1,), "c": (0.2,)}, ("c", "a"), {"b": "nan"}))
    rounds.save(tmp_path)
    assert Rounds.load(tmp_path) == rounds
    assert rounds.left == planned[1:]
    cut = rounds.cut(1, "no time")
    assert (cut.arms, cut.left) == (("c",), ())


def test_a_broken_record_is_told_rather_than_begun_anew(tmp_path):
    (tmp_path / "rounds.json").write_text("{")
    with pytest.raises(UserError, match=r"rounds\.json: is not JSON"):
        Rounds.load(tmp_path)
    assert Rounds.load(tmp_path / "elsewhere") is None
