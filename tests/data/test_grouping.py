"""Groups that names suggest, and names that suggest none."""

import pytest

from foveate.data.grouping import propose_group

MONTHS = [f"2019{month:02d}{day:02d}" for month in (1, 2, 3) for day in (1, 2, 3)]

GROUPS = {
    "drives": ([f"000{drive}TP_{frame:06d}" for drive in range(3) for frame in range(5)], "^[^_]+", 3),
    "slices": ([f"patient{patient}_slice{n}" for patient in range(12) for n in range(4)], "^[^_]+", 12),
    "joined": ([f"patient{patient}slice{n}" for patient in range(12) for n in range(4)], r"^\D+\d+", 12),
    "eyes": ([f"Image_{patient:02d}{eye}" for patient in range(9) for eye in "LR"], r"^.*\d(?=[A-Za-z]$)", 9),
    "tiles": ([f"scene_{scene:02d}_{n:02d}" for scene in range(6) for n in range(4)], "^[^_]+_[^_]+", 6),
    "frames": ([f"video{video}-frame{n:03d}" for video in range(4) for n in range(9)], "^[^-]+", 4),
    "words within": (
        [f"slice{n:02d}_patient{p}" for p in range(8) for n in range(6)],
        r"[_\W](patient[_ -]?\d+)",
        8,
    ),
    "long": ([f"a_b_c_d_{scene}_{n}" for scene in range(6) for n in range(4)], "^(.+)_", 6),
}

NONE = {
    "numbers": [str(number) for number in range(100)],
    "one word": [f"img_{number:03d}" for number in range(1, 101)],
    "splits": [f"{part}_{number}" for part in ("train", "test") for number in range(20)],
    "numbered splits": [f"{part}2014_{number}" for part in ("train", "val") for number in range(20)],
    "classes": [f"{name}_{number}" for name in ("cat", "dog") for number in range(20)],
    "days": [f"IMG_{day}_{second}" for day in MONTHS for second in (101, 205, 309)],
    "written days": [f"2019-03-{day:02d}_{n}" for day in range(1, 9) for n in range(4)],
    "years": [f"{year}_{number:06d}" for year in range(2007, 2012) for number in range(20)],
    "words": [f"{word}_s_{n:06d}" for word in ("lark", "quarter_horse", "emu") for n in range(20)],
    "unlike": ["cju0qkwl35piu", "cju0qoxqj9q6s", "cju0qx73cjw57", "cju0roawvklrq"],
    "alone": [f"{number}_training" for number in range(21, 41)],
    "mostly alone": [f"p{number}_0" for number in range(30)] + [f"p{number}_1" for number in range(5)],
    "three": ["a1_1", "a1_2", "a2_1"],
}


@pytest.mark.parametrize("case", GROUPS)
def test_names_of_groups(case):
    names, pattern, number = GROUPS[case]
    proposal = propose_group(names)
    assert (proposal.pattern, proposal.groups, proposal.images) == (pattern, number, len(names))
    assert proposal.example == (names[0], names[1])
    assert len(set(proposal.keys)) == number


@pytest.mark.parametrize("case", NONE)
def test_names_that_suggest_nothing(case):
    assert propose_group(NONE[case]) is None


def test_groups_that_are_the_classes_are_not_proposed():
    names = [f"class{number}_{n}" for number in range(3) for n in range(9)]
    assert propose_group(names).groups == 3
    assert propose_group(names, [name[5] for name in names]) is None


def test_a_word_before_some_names_does_not_hide_the_groups():
    names = [f"p{patient}_{n}" for patient in range(10) for n in range(5)]
    assert propose_group([*names, "readme"]).groups == 11
