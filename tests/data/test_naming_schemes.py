"""How often groups are found in the names that real datasets use, and how often names without groups are left
alone: planted cases against nulls.

Each scheme is written as its dataset writes it: paths of images below their folder, without suffixes. The
folder of a class ends in a colon here.
"""

import random

from foveate.data.dataset import Entry
from foveate.data.groups import settle_groups
from foveate.data.suggestions import suggest_groups

DRAW = random.Random(0)


def drawn(letters: str, size: int) -> str:
    return "".join(DRAW.choices(letters, k=size))


WORDS = ("bear", "boat", "camel", "car", "cow", "dog", "elephant", "goat", "hike")

GROUPED = {
    "CamVid": (3, [f"{d}_{f:06d}" for d in ("0001TP", "0006R0", "0016E5") for f in range(30, 930, 60)]),
    "LGG": (
        20,
        [f"TCGA_CS_{p}_19960909/TCGA_CS_{p}_19960909_{s}" for p in range(4940, 4960) for s in range(9)],
    ),
    "CHASE_DB1": (14, [f"Image_{p:02d}{eye}" for p in range(1, 15) for eye in "LR"]),
    "DAVIS": (
        9,
        [f"{v}/{f:05d}" for v in WORDS for f in range(6)],
    ),
    "ISIC tiles": (12, [f"slide{p:03d}_x{x}_y{y}" for p in range(12) for x in (0, 256) for y in (0, 256)]),
    "CVC videos": (6, [f"video{v}/frame{f}" for v in range(6) for f in range(9)]),
    "ACDC": (
        10,
        [f"patient{p:03d}_frame{f:02d}_slice_{s}" for p in range(10) for f in (1, 12) for s in range(5)],
    ),
    "PROMISE12": (10, [f"Case{p:02d}_slice{s:02d}" for p in range(10) for s in range(15)]),
    "KITTI raw": (4, [f"2011_09_26_drive_{d:04d}/{f:010d}" for d in (1, 2, 5, 9) for f in range(8)]),
    "Inria tiles": (10, [f"austin{p}_{t:02d}" for p in range(1, 11) for t in range(12)]),
    "Roboflow": (10, [f"img{n}_jpg.rf.{drawn('0123456789abcdef', 32)}" for n in range(10) for _ in range(3)]),
    "Augmentor": (10, [f"leaf{n}{end}" for n in range(10) for end in ("", "_hflip", "_rot90", "_aug1")]),
    "copied by hand": (9, [f"DSC_{n:04d}{end}" for n in range(9) for end in ("", " - Copy", " - Copy (2)")]),
    "class folders of patients": (
        8,
        [f"{'sick' if p % 2 else 'well'}:patient{p}/{n}" for p in range(8) for n in range(5)],
    ),
    "BreaKHis": (8, [f"SOB_B_A-14-{p}-40-{n:03d}" for p in range(22549, 22557) for n in range(1, 8)]),
    "dates of sessions": (6, [f"2019-03-{d:02d}/IMG_{n:04d}" for d in range(1, 7) for n in range(7)]),
}

SINGLE = {
    "Kvasir-SEG": [f"cju{drawn('abcdefghij0123456789', 22)}" for _ in range(40)],
    "DRIVE": [f"{n}_training" for n in range(21, 41)],
    "ISIC 2018": [f"ISIC_{n:07d}" for n in DRAW.sample(range(9000), 40)],
    "COCO": [f"{n:012d}" for n in DRAW.sample(range(500000), 40)],
    "ADE20K": [f"ADE_train_{n:08d}" for n in range(1, 41)],
    "VOC": [f"{year}_{n:06d}" for year in range(2007, 2012) for n in DRAW.sample(range(9000), 8)],
    "cameras": [f"DSC_{n:04d}" for n in range(40)],
    "phones": [f"IMG_20190{m}{d:02d}_{n:06d}" for m in (3, 4) for d in range(1, 9) for n in (101205, 113309)],
    "cats and dogs": [f"{c}s:{c}.{n}" for c in ("cat", "dog") for n in range(20)],
    "brain tumours": [f"{c}:{c} ({n})" for c in ("glioma", "pituitary") for n in range(1, 30)],
    "downloads": [
        f"cat:{w}{n}" for w in ("images", "download") for n in ["", *(f" ({k})" for k in range(1, 25))]
    ],
    "PlantVillage": [f"Black_rot:{drawn('0123456789abcdef', 8)}___FREC_B.Rot {n}" for n in range(3000, 3030)],
    "CIFAR": [f"{w}:{w}_s_{n:06d}" for w in ("lark", "emu", "frog") for n in range(20)],
    "DeepGlobe": [f"{n}_sat" for n in DRAW.sample(range(999999), 40)],
    "UUIDs": [f"{drawn('0123456789abcdef', 8)}-{drawn('0123456789abcdef', 4)}" for _ in range(40)],
    "FFHQ": [f"{n // 10:05d}/{n:05d}" for n in range(40)],
    "parts": [f"part_{p}/img_{p * 20 + n}" for p in range(1, 4) for n in range(20)],
    "counted": [f"image{n}" for n in range(1, 41)],
    "screenshots": [f"Screenshot 2023-05-{d:02d} at 10.{n}.07" for d in range(1, 11) for n in (12, 40, 55)],
    "ImageNet": [
        f"n0{w}:n0{w}_{n}" for w in (1440764, 1443537, 2102040) for n in DRAW.sample(range(9000), 15)
    ],
}


def grouped(names: list[str]) -> int | None:
    """Return the number of groups that are used or proposed, None if there are none."""
    words = sorted({name.partition(":")[0] for name in names if ":" in name})
    labels = [words.index(name.partition(":")[0]) if words else None for name in names]
    entries = [Entry(name.replace(":", "/"), label=label) for name, label in zip(names, labels, strict=True)]
    held = settle_groups({"all": entries}, {}, None).parts["all"]
    if proposal := suggest_groups(held):
        return proposal.groups
    groups = {entry.group for entry in held} - {None}
    return len(groups) or None


def test_groups_of_real_datasets_are_found():
    found = {scheme: grouped(names) for scheme, (_, names) in GROUPED.items()}
    assert found == {scheme: number for scheme, (number, _) in GROUPED.items()}


def test_names_of_real_datasets_without_groups_are_left_alone():
    assert {scheme: number for scheme in SINGLE if (number := grouped(SINGLE[scheme]))} == {}
