"""Groups that folders suggest, and folders that suggest none."""

import pytest

from foveate.data.group_folders import propose_folders

WORDS = ("bear", "bmx", "boat", "camel", "car", "cows", "dance", "dog", "elephant")

GROUPS = {
    "videos": ([f"video{v}/{f:05d}" for v in range(4) for f in range(6)], "^([^/]+)/", 4),
    "numbers": ([f"{v:04d}/frame{f}" for v in range(4) for f in range(6)], "^([^/]+)/", 4),
    "patients and dates": (
        [f"TCGA_CS_49{p}_19960909/TCGA_CS_49{p}_19960909_{s}" for p in range(40, 46) for s in range(5)],
        "^([^/]+)/",
        6,
    ),
    "days": ([f"2019-03-{day:02d}/{n}" for day in range(1, 9) for n in range(4)], "^([^/]+)/", 8),
    "words": ([f"{word}/{n:05d}" for word in WORDS for n in range(4)], "^([^/]+)/", 9),
    "below portions": (
        [f"part{v // 2}/video{v}/{f}" for v in range(4) for f in range(6)],
        "^[^/]+/([^/]+)/",
        4,
    ),
    "patient before series": (
        [f"p{p}/s{s}/{n}" for p in range(3) for s in range(2) for n in range(4)],
        None,
        3,
    ),
}
NONE = {
    "no folders": [str(number) for number in range(20)],
    "one folder": [f"all/{number}" for number in range(20)],
    "portions": [f"part_{part}/{part}{n}" for part in range(3) for n in range(9)],
    "folds": [f"fold{part}/{n}" for part in range(5) for n in range(9)],
    "splits": [f"{part}2/{n}" for part in ("train", "test") for n in range(9)],
    "categories": [f"{word}/{n}" for word in ("polyp", "ulcer", "normal") for n in range(9)],
    "classes with numbers": [f"class{part}/{n}" for part in range(5) for n in range(9)],
    "one numbering": [f"{n // 10:05d}/{n:05d}" for n in range(40)],
    "hashes": [f"{n:02x}/{n}{k}" for n in range(256) for k in range(2)],
    "a folder an image": [f"id{n}/image" for n in range(20)],
}


@pytest.mark.parametrize("case", GROUPS)
def test_folders_of_groups(case):
    paths, pattern, number = GROUPS[case]
    proposal = propose_folders(paths)
    assert (proposal.pattern, proposal.groups) == (pattern or "^([^/]+)/", number)
    assert proposal.example == (paths[0], paths[1])


@pytest.mark.parametrize("case", NONE)
def test_folders_that_suggest_nothing(case):
    assert propose_folders(NONE[case]) is None


def test_folders_of_classes_are_passed_over():
    paths = [f"{label}/video{v}/{f}" for v in range(4) for label in ("cat", "dog") for f in range(5)]
    proposal = propose_folders(paths, [path[:3] for path in paths])
    assert (proposal.pattern, proposal.groups) == ("^[^/]+/([^/]+)/", 4)  # a video of both classes is one
    numbers = [path.replace("video", "") for path in paths]
    assert propose_folders(numbers, [path[:3] for path in paths]).pattern == "^([^/]+/[^/]+)/"
    two = [f"class{label}/{n}" for label in range(2) for n in range(9)]
    assert propose_folders([f"k{path}" for path in two], [path[5] for path in two]) is None
