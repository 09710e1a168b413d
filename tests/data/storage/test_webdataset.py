"""Shards that WebDataset's own writer, tar or anybody else packed."""

import io
import json
import tarfile
import tracemalloc

import fsspec
import numpy as np
import pytest
import webdataset
from PIL import Image

from foveate.data.dataset import SPLITS
from foveate.data.open import open_dataset
from foveate.data.pack import pack
from foveate.data.storage.braces import MAX_ADDRESSES, expand
from foveate.errors import DataError

HEIGHT, WIDTH = 12, 16


def encoded(array: np.ndarray, kind: str = "JPEG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, kind)
    return file.getvalue()


def tar(path, files, mode="w") -> None:
    """A tar of (name, content) pairs; a `TarInfo` with no content for a name where one is to be odd."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as shard:
        for name, content in files:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = info.size if content is None else len(content)
            shard.addfile(info, content and io.BytesIO(content))


def labelled(make, shard: int = 0, count: int = 8, label=lambda number: str(number % 2)):
    """The files of a shard: `000.jpg` and `000.cls`, and so on."""
    for number in range(count):
        yield f"{number:03d}.jpg", encoded(make.photo(100 * shard + number))
        yield f"{number:03d}.cls", label(number).encode()


def masked(make, count: int = 8, values=(0, 255), ending="mask.png"):
    for number in range(count):
        yield f"{number:03d}.jpg", encoded(make.photo(number))
        yield f"{number:03d}.{ending}", encoded(make.mask(number, list(values)), "PNG")


def everything(dataset):
    """Image and target of every entry by stem."""
    entries = {entry.stem: entry for split in SPLITS for entry in dataset.index(split)}
    return {stem: dataset.read(entry) for stem, entry in entries.items()}


def test_labels_as_webdataset_writes_them(make):
    for shard in range(3):
        with webdataset.TarWriter(str(make.root / f"shard-{shard:06d}.tar")) as writer:
            for number in range(4):
                image = make.photo(10 * shard + number)
                writer.write({"__key__": f"{number:03d}", "png": image, "cls": 2 * number})
    dataset = open_dataset(make.root)
    assert (dataset.name, dataset.task, dataset.classes) == (
        "webdataset",
        "classification",
        ("0", "2", "4", "6"),
    )
    found = everything(dataset)
    assert len(found) == 12
    for shard in range(3):
        for number in range(4):
            image, label = found[f"shard-{shard:06d}/{number:03d}"]
            assert np.array_equal(image, make.photo(10 * shard + number))
            assert label == number


@pytest.mark.parametrize(
    ("ending", "content"), [("cls", "dog"), ("cls.txt", " dog\n"), ("CLS", "dog"), ("json", '{"label": 1}')]
)
def test_labels_in_files_of_each_kind(make, ending, content):
    files = {"a": "cat" if "dog" in content else '{"label": 0}', "b": content}
    tar(
        make.root / "a.tar",
        [
            (f"./deep/{key}{number}.{kind}", file)
            for key in files
            for number in range(4)
            for kind, file in (("JPEG", encoded(make.photo(number))), (ending, files[key].encode()))
        ],
    )
    dataset = open_dataset(make.root)
    assert dataset.classes == (("cat", "dog") if "dog" in content else ("0", "1"))
    assert {stem: label for stem, (_, label) in everything(dataset).items()} == {
        f"a/deep/{key}{number}": label for label, key in enumerate("ab") for number in range(4)
    }


def test_names_of_classes_stand_in_classes_txt_or_are_given(make):
    tar(make.root / "a.tar", labelled(make))
    assert open_dataset(make.root).classes == ("0", "1")
    (make.root / "classes.txt").write_text("traffic light\ncar\n")
    assert open_dataset(make.root).classes == ("traffic light", "car")
    assert open_dataset(make.root, ["no", "yes"]).classes == ("no", "yes")
    (make.root / "classes.txt").write_text("car\ncar\n")
    with pytest.raises(
        DataError, match=r"classes\.txt: names a class twice, or none; write one class per line"
    ):
        open_dataset(make.root)
    tar(make.root / "a.tar", labelled(make, label=lambda number: str(number % 3)))
    with pytest.raises(
        DataError, match=r"a\.tar:002\.cls: the label '2' is none of the 2 classes \(no, yes\); mend it"
    ):
        open_dataset(make.root, ["no", "yes"])


@pytest.mark.parametrize("ending", ["mask.png", "seg.png", "seg", "png"])
def test_masks_are_those_of_the_folder(make, ending):
    for number in range(8):
        make.save(f"folder/images/{number:03d}.png", make.photo(number))
        make.save(f"folder/masks/{number:03d}.png", make.mask(number, [0, 255]))
    tar(make.root / "shards" / "a.tar", masked(make, ending=ending))
    folder, shards = open_dataset(make.root / "folder"), open_dataset(make.root / "shards")
    assert (shards.task, shards.classes) == ("segmentation", ("background", "foreground"))
    assert "Masks are binary: 0 = background, 255 = foreground" in shards.describe()
    for stem, (_, mask) in everything(folder).items():
        assert np.array_equal(everything(shards)[f"a/{stem}"][1], mask)
        assert np.array_equal(shards.counts[f"a/{stem}"], folder.counts[stem])


def test_masks_of_ids_with_names_and_what_is_ignored(make):
    tar(make.root / "a.tar", masked(make, values=(0, 1, 2, 255)))
    assert open_dataset(make.root).classes == ("class 0", "class 1", "class 2")
    dataset = open_dataset(make.root, ["road", "ignore", "car"])
    expected = np.array([0, 255, 1] + [0] * 252 + [255])[make.mask(3, [0, 1, 2, 255])]
    assert np.array_equal(everything(dataset)["a/003"][1], expected)
    with pytest.raises(DataError, match=r"a\.tar:00\d\.mask\.png: the mask holds the value 2, and 2 classes"):
        open_dataset(make.root, ["road", "car"])
    (make.root / "classes.txt").write_text("road\nvoid\ncar\n")
    assert open_dataset(make.root).classes == ("road", "car")
    assert open_dataset(make.root, ["road", "void", "car"]).classes == ("road", "void", "car")
    assert open_dataset(make.root, ["car"]).classes == ("rest", "car")


def test_files_of_one_key_in_any_order_and_far_apart(make):
    files = sorted(masked(make, ending="seg.png"), key=lambda file: file[0].partition(".")[::-1])
    noise = np.random.default_rng(0).bytes(1 << 18)
    tar(make.root / "apart.tar", [*files[8:], ("notes.bin", noise), *files[:8], ("._000.jpg", b"macOS")])
    found = everything(open_dataset(make.root))
    assert len(found) == 8
    for number in range(8):
        assert np.array_equal(found[f"apart/{number:03d}"][1], make.mask(number, [0, 255]) == 255)
    for number in range(8):  # a PNG comes before the WebP that it is the mask of
        files[number] = (f"{number:03d}.png", encoded(make.mask(number, [0, 255]), "PNG"))
        files[8 + number] = (f"{number:03d}.webp", encoded(make.photo(number), "WEBP"))
    tar(make.root / "apart.tar", files)
    assert np.array_equal(everything(open_dataset(make.root))["apart/003"][1], make.mask(3, [0, 255]) == 255)


@pytest.mark.parametrize(
    "names", [("train-000000", "train-000001", "val-000000"), ("x-train-0", "x-train-1", "x-validation-0")]
)
def test_splits_are_those_that_shards_are_called_by(make, names):
    for shard, name in enumerate(names):
        tar(make.root / f"{name}.tar", labelled(make, shard))
    dataset = open_dataset(make.root)
    assert dataset.split_table()["test"] == [f"{names[2]}/{number:03d}" for number in range(8)]
    assert [len(dataset.index(split)) for split in SPLITS] == [14, 2, 8]
    tar(make.root / "more.tar", labelled(make))
    with pytest.raises(DataError, match=r"more\.tar: its name contains none of train, val and test, and oth"):
        open_dataset(make.root)


def test_splits_are_the_folders_that_shards_lie_in(make):
    for part in ("train", "val", "test"):
        tar(make.root / part / "000.tar", labelled(make))
    table = open_dataset(make.root).split_table()
    assert [table[part][0] for part in SPLITS] == ["train/000/000", "val/000/000", "test/000/000"]


@pytest.mark.parametrize("address", ["memory://wds/", "{tmp}/"])
def test_an_address_with_braces(make, address):
    address = address.format(tmp=make.root)
    for shard in range(3):
        tar(make.root / f"shard-{shard:03d}.tar", masked(make))
        content = (make.root / f"shard-{shard:03d}.tar").read_bytes()
        with fsspec.open(f"{address}shard-{shard:03d}.tar", "wb") as file:
            file.write(content)
    here, there = open_dataset(make.root), open_dataset(address + "shard-{000..002}.tar")
    assert there.name == "webdataset"
    assert there.split_table() == here.split_table()
    images = everything(here)
    for stem, (image, mask) in everything(there).items():
        assert np.array_equal(image, images[stem][0])
        assert np.array_equal(mask, images[stem][1])
    with pytest.raises(DataError, match=r"shard-003\.tar: there is no such file"):
        open_dataset(address + "shard-{001..003}.tar")


def test_an_address_of_a_web_server(make, server):
    tar(make.root / "a.tar", labelled(make))
    server.files = {"a.tar": (make.root / "a.tar").read_bytes()}
    dataset = open_dataset(server.url("a.tar"))
    assert dataset.read(dataset.index("train")[0])[0].shape == (HEIGHT, WIDTH, 3)
    server.files["a.tar"] = server.files["a.tar"][:5000]
    with pytest.raises(
        DataError, match=r"a\.tar: the tar is damaged or truncated behind '00\d\.\w+' \(.*copy"
    ):
        open_dataset(server.url("a.tar"))


def test_a_web_server_that_sends_whole_files_only(make, server):
    tar(make.root / "a.tar", labelled(make))
    server.files, server.ranges = {"a.tar": (make.root / "a.tar").read_bytes()}, False
    with pytest.raises(DataError, match=r"a\.tar: the server sends whole files only, but images are read as"):
        open_dataset(server.url("a.tar"))


def test_one_tar_alone_and_shards_in_an_archive(make, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("FOVEATE_CACHE", str(tmp_path_factory.mktemp("cache")))
    tar(make.root / "a.tar", labelled(make))
    alone = open_dataset(make.root / "a.tar")
    assert (alone.name, len(alone)) == ("webdataset", 8)
    tar(make.root / "all" / "all.tar", [("a.tar", (make.root / "a.tar").read_bytes())])
    assert open_dataset(make.root / "all").name == "webdataset"


def test_tars_of_other_things_are_unpacked_as_ever(make, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("FOVEATE_CACHE", str(tmp_path_factory.mktemp("cache")))
    photos = [(f"{number}.jpg", encoded(make.photo(number))) for number in range(8)]
    described = [(f"{number}.json", b'{"label": "a cat", "shapes": []}') for number in range(8)]
    for name in ("cat", "dog"):
        tar(make.root / f"{name}.tar", [*photos, *described])
    dataset = open_dataset(make.root)
    assert (dataset.name, dataset.classes) == ("class_folders", ("cat", "dog"))


def test_packing_them_anew_keeps_images_and_masks(make, tmp_path_factory):
    tar(make.root / "a.tar", masked(make))
    out = tmp_path_factory.mktemp("out")
    assert pack(make.root, out).images == 8
    again = everything(open_dataset(out))
    for stem, (image, mask) in everything(open_dataset(make.root)).items():
        assert np.array_equal(again[stem][0], image)
        assert np.array_equal(again[stem][1], mask)
    with tarfile.open(next(out.glob("*.tar"))) as shard:
        kept = {name: shard.extractfile(name).read() for name in shard.getnames() if name.endswith(".jpg")}
    photos = {name: content for name, content in masked(make) if name.endswith(".jpg")}
    assert sorted(kept.values()) == sorted(photos.values())


def change(files, name, content=None, also=()):
    """The files with one replaced, or left out where there is no content, and more behind them."""
    return [
        (each, content if each == name else file)
        for each, file in [*files, *also]
        if each != name or content is not None
    ]


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (
            lambda make: change(labelled(make), "003.cls"),
            r"a\.tar:003\.jpg: the image has no label \(cls, .*\) and no mask \(.*\) of its name; add one",
        ),
        (lambda make: change(labelled(make), "003.cls", b" "), r"a\.tar:003\.jpg: the image has no label"),
        (
            lambda make: change(labelled(make), "003.cls", b"\xff\xfe"),
            r"a\.tar:003\.cls: is not text; write a label as a name or a number, in UTF-8",
        ),
        (
            lambda make: change(labelled(make), "003.cls", b"1" * (1 << 21)),
            r"a\.tar:003\.cls: has 2,097,152 bytes, and files of its kind may have at most 1,048,576; pack",
        ),
        (
            lambda make: change(labelled(make), "003.jpg"),
            r"a\.tar:003\.cls: has no image, .*; add the image, or rename it",
        ),
        (
            lambda make: change(labelled(make), "", also=[("v1.2.jpg", b"a"), ("v1.2.cls", b"0")]),
            r"a\.tar:v1\.2\.jpg: has no image, which would have the same name up to the first dot",
        ),
        (
            lambda make: change(labelled(make), "", also=[("003.jpg", b"a")]),
            r"a\.tar:003\.jpg: occurs twice; keep one file of each name",
        ),
        (
            lambda make: change(masked(make), "", also=[("x.jpg", b"a"), ("x.cls", b"1")]),
            r"a\.tar:x\.cls: is a label, and other images have masks; add this image's mask",
        ),
        (
            lambda make: change(masked(make), "004.mask.png", b"no image"),
            r"a\.tar:004\.mask\.png: not an image that can be read",
        ),
        (
            lambda make: change(masked(make), "004.mask.png", encoded(make.photo(1))),
            r"a\.tar:004\.mask\.png: the mask is a JPEG, and JPEG compression changes class values",
        ),
        (
            lambda make: change(labelled(make), "", also=[("../x.jpg", b"a")]),
            r"a\.tar: the member '\.\./x\.jpg' has the name of a file outside its folder; do not use",
        ),
        (
            lambda make: change(labelled(make), "", also=[("/x.jpg", b"a")]),
            r"a\.tar: the member '/x\.jpg' has the name of a file outside its folder",
        ),
        (
            lambda make: change(labelled(make), "", also=[("x\udcff.jpg", b"a")]),
            r"a\.tar: the name of the member 'x\\xff\.jpg' is not UTF-8; pack it under another",
        ),
    ],
)
def test_members_that_are_wrong(make, build, words):
    tar(make.root / "a.tar", build(make))
    with pytest.raises(DataError, match=words):
        open_dataset(make.root)


def test_links_and_members_that_are_huge(make):
    link = tarfile.TarInfo("x.jpg")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    tar(make.root / "a.tar", [*labelled(make), (link, None)])
    with pytest.raises(DataError, match=r"a\.tar: the member 'x\.jpg' is no plain file but a link, a device"):
        open_dataset(make.root)
    huge = tarfile.TarInfo("x.jpg")
    huge.size = 10**12
    tar(make.root / "a.tar", [*labelled(make), (huge, None)])
    with pytest.raises(
        DataError,
        match=r"a\.tar:x\.jpg: has 1,000,000,000,000 bytes, and files of its kind may have at most 536",
    ):
        open_dataset(make.root)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda content: content[:-10240][:20000], r"b\.tar: the tar is damaged or truncated behind '\d+\."),
        (lambda content: content[:5], r"b\.tar: ends before byte 512; copy the file again"),
        (lambda content: content[:6144], r"b\.tar: the tar is damaged or truncated behind"),
        (
            lambda content: content[:1024] + b"\x01" * 2048 + content[3072:],
            r"b\.tar: the tar is damaged or truncated behind '000\.jpg' \(",
        ),
        (lambda content: b"nonsense" * 1000, r"b\.tar: the tar is damaged or truncated behind its beginning"),
        (lambda content: bytes(10240), r"b\.tar: holds no image with a label or a mask; move it elsewhere"),
    ],
)
def test_a_shard_that_is_damaged_among_others(make, damage, words):
    for name in "ab":
        tar(make.root / f"{name}.tar", labelled(make))
    (make.root / "b.tar").write_bytes(damage((make.root / "b.tar").read_bytes()))
    with pytest.raises(DataError, match=words):
        open_dataset(make.root)


def test_shards_that_are_compressed(make):
    tar(make.root / "a.tar.gz", labelled(make), mode="w:gz")
    with pytest.raises(DataError, match=r"a\.tar\.gz: is compressed, but images are .*; decompress it"):
        open_dataset(make.root)


def test_archives_that_unpack_to_much_are_not_unpacked_to_see_what_they_are(make):
    make.pairs()
    header = tarfile.TarInfo("0.jpg")
    header.pax_headers = {"comment": "x" * 200_000_000}
    tar(make.root / "backup.tar.gz", [(header, b"")], mode="w:gz")
    tracemalloc.start()
    try:
        assert open_dataset(make.root).name == "paired"
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()


def test_images_of_many_megabytes(make):
    noise = np.random.default_rng(0).integers(0, 256, (1200, 1000, 3), dtype=np.uint8)
    image = encoded(noise, "PNG")
    assert len(image) > 3_000_000
    tar(make.root / "a.tar", [("0.png", image), ("0.cls", b"1"), ("1.png", image), ("1.cls", b"0")])
    assert open_dataset(make.root, ["a", "b"], to_score=True).name == "webdataset"


def test_names_that_contain_two_splits(make):
    for name in ("my-test-train-0", "my-test-val-0"):
        tar(make.root / f"{name}.tar", labelled(make))
    with pytest.raises(DataError, match=r"my-test-train-0\.tar: its name contains test and train; rename"):
        open_dataset(make.root)


def test_a_mask_of_another_size_than_its_image(make):
    wrong = encoded(make.mask(1, [0, 255], (6, 8)), "PNG")
    tar(make.root / "a.tar", change(masked(make), "004.mask.png", wrong))
    with pytest.raises(
        DataError, match=r"a\.tar:a/004: the mask is 6 x 8 pixels .* and its image 12 x 16; export"
    ):
        everything(open_dataset(make.root))


def test_json_that_describes_the_shard_is_no_sample(make):
    tar(make.root / "a.tar", [("info.json", json.dumps({"count": 8}).encode()), *labelled(make)])
    assert len(open_dataset(make.root)) == 8


def test_patterns_that_stand_for_too_much_or_nothing():
    assert expand("{a,b}/{1..2}.tar") == ("a/1.tar", "a/2.tar", "b/1.tar", "b/2.tar")
    with pytest.raises(
        DataError, match=f"stands for more than {MAX_ADDRESSES:,} addresses; ranges are written from"
    ):
        expand("{0..999999999}.tar")
    with pytest.raises(DataError, match="stands for no address"):
        expand("{3..1}.tar")
