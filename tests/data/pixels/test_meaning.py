from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from foveate.data.open import open_dataset
from foveate.doctor.finding import judge
from foveate.doctor.visit import visit
from foveate.errors import UserError

from .recorded import RECORDED
from .writers import png, with_palette


def pairs(make, masks):
    """Images with masks, given as arrays, or as the bytes of PNG files."""
    for number, mask in enumerate(masks):
        make.save(f"images/{number}.png", make.photo(number))
        path = make.root / "masks" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        if isinstance(mask, bytes):
            path.write_bytes(mask)
        else:
            (mask if isinstance(mask, Image.Image) else Image.fromarray(mask)).save(path)
    return make.root


def ids_of(dataset):
    return {
        number: dataset.read(entry)[1]
        for split in ("train", "val", "test")
        for entry in dataset.index(split)
        for number in [int(entry.stem)]
    }


def test_ids_in_png_of_one_and_two_bits_are_what_is_stored(make):
    masks = [make.mask(number, [0, 1] if number % 2 else [0, 1, 2, 3]) for number in range(8)]
    root = pairs(make, [png(mask, 1 if number % 2 else 2) for number, mask in enumerate(masks)])
    dataset = open_dataset(root, ["bg", "disk", "sky", "road"])
    assert all(np.array_equal(ids, masks[number]) for number, ids in ids_of(dataset).items())
    dataset = open_dataset(root)
    assert dataset.table == ("class 0=0", "class 1=1", "class 2=2", "class 3=3")
    assert "of 1 bit and of 2 bits, in which 1 and 3 look alike" in dataset.describe()


@pytest.mark.parametrize(
    "values", [[0, 128, 255], [128, 255], [0, 85, 170, 255], [0, 51, 102, 204, 255], [0, 100, 255]]
)
def test_255_beside_shades_of_grey_is_asked_for_with_flags_to_copy(make, values):
    root = pairs(make, [make.mask(number, values) for number in range(8)])
    flags = " ".join(f"name{value}={value}" for value in values)
    with pytest.raises(UserError, match=rf"255 covers [\d.]+% of all pixels .*: --classes {flags} "):
        open_dataset(root)
    bound = open_dataset(root, flags.split())
    assert len(bound.classes) == len(values)
    with pytest.raises(UserError, match=r"cover 0 to \d.* bind the values: --classes "):
        open_dataset(root, [f"shade{value}" for value in values])


def test_values_are_bound_to_classes(make):
    masks = [make.mask(number, [0, 3, 4, 9, 128, 255]) for number in range(8)]
    root = pairs(make, masks)
    words = ["background=255", "cup=0", "lesion=3-9", "ignore=128"]
    for given in (words, {"background": 255, "cup": 0, "lesion": range(3, 10), "ignore": 128}):
        dataset = open_dataset(root, given)
        assert dataset.classes == ("background", "cup", "lesion")
        assert dataset.table == tuple(words)
        for number, ids in ids_of(dataset).items():
            want = np.select([masks[number] == 255, masks[number] == 0, masks[number] == 128], [0, 1, 255], 2)
            assert np.array_equal(ids, want)


def test_values_above_255_are_classes_or_are_bound(make):
    masks = [
        np.random.default_rng(n).choice(np.array([0, 1000, 2000], np.uint16), (12, 16)) for n in range(8)
    ]
    root = pairs(make, masks)
    assert open_dataset(root).classes == ("class 0", "class 1000", "class 2000")
    dataset = open_dataset(root, ["sky=0", "sea=1000,2000"])
    assert all(np.array_equal(ids, masks[n] > 0) for n, ids in ids_of(dataset).items())


def test_white_of_16_bits_is_the_foreground(make):
    root = pairs(make, [make.mask(n, [0, 1]).astype(np.uint16) * 65535 for n in range(8)])
    assert open_dataset(root).table == ("background=0", "foreground=65535")


def test_colours_are_bound_to_classes(make):
    masks = [make.mask(number, [0, 1, 2]) for number in range(8)]
    table = np.array([[0, 0, 0], [128, 64, 128], [255, 0, 0]], np.uint8)
    words = ["void=#000000", "road=#804080", "car=#FF0000"]
    for root in (
        pairs(make, [table[mask] for mask in masks]),
        pairs(make, [with_palette(m, table) for m in masks]),
    ):
        dataset = open_dataset(root, words)
        assert all(np.array_equal(ids, masks[number]) for number, ids in ids_of(dataset).items())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["a=0", "b=1"],
            r"no class is bound to 2 \([\d.]+% of all pixels, in 8 of 8 masks\).* ignore=2 to ignore",
        ),
        (["a=0", "a=1", "b=2"], "a is bound twice"),
        (["a=0-1", "b=1,2"], "the value 1 is bound to both a and b"),
        (["a=0", "b", "c=2"], r"b \(other names are bound\) binds no value; write name=value"),
        (["a=0", "b=red", "c=2"], r"b=red binds no value; .*road=#804080"),
        (["a=0", "b=1", "c=128/64/128"], "c=128/64/128 binds no value; .*road=#804080"),
        (["a=0", "b=1", "c=#804080"], "some names are bound to values and some to colours"),
        (["a=2-0"], "a=2-0 is no range"),
        (["a=0-2"], "has one class only"),
    ],
)
def test_wrong_bindings(make, words, message):
    root = pairs(make, [make.mask(number, [0, 1, 2]) for number in range(8)])
    with pytest.raises(UserError, match=message):
        open_dataset(root, words)


def test_bindings_are_refused_by_data_that_name_their_classes(make):
    make.class_folders(cat=4, dog=4)
    with pytest.raises(UserError, match="--classes cat=0: these data name their classes"):
        open_dataset(make.root, ["cat=0", "dog=1"])


def test_one_in_some_masks_and_255_in_others_is_asked_for(make):
    root = pairs(make, [make.mask(n, [0, 1]) * (255 if n % 2 else 1) for n in range(8)])
    with pytest.raises(UserError, match=r"--classes background=0 foreground=1,255; .* ignore=255"):
        open_dataset(root)
    assert open_dataset(root, ["background=0", "foreground=1,255"]).classes == ("background", "foreground")


def test_white_of_several_depths_is_asked_for(make):
    deep = [make.mask(n, [0, 1]).astype(np.uint16) * 65535 for n in range(8)]
    root = pairs(make, [mask if n % 2 else (mask // 257).astype(np.uint8) for n, mask in enumerate(deep)])
    with pytest.raises(UserError, match=r"foreground=255,65535; .* foreground=65535 ignore=255"):
        open_dataset(root)
    ids = ids_of(open_dataset(root, ["background=0", "foreground=255,65535"]))
    assert all(np.array_equal(found, deep[number] > 0) for number, found in ids.items())


def test_a_colour_with_two_numbers_is_asked_for(make):
    masks = [make.mask(n, [0, 1]) for n in range(8)]
    palettes = np.array([[[0, 0, 0], [255, 0, 0]], [[0, 0, 0], [0, 255, 0]]], np.uint8)
    three = np.array([[0, 0, 0], [0, 255, 0], [255, 0, 0]], np.uint8)
    root = pairs(
        make,
        [with_palette(m * 2, three) if n % 2 else with_palette(m, palettes[0]) for n, m in enumerate(masks)],
    )
    with pytest.raises(
        UserError, match=r"colour #ff0000 has the number 2 .* and 1 in that of .*#000000.*#ff0000"
    ):
        open_dataset(root)
    dataset = open_dataset(root, ["a=#000000", "b=#ff0000"])
    assert all(np.array_equal(ids, masks[n]) for n, ids in ids_of(dataset).items())
    assert open_dataset(root, ["a=0", "b=1,2"]).classes == ("a", "b")


def recorded(writer, *greys):
    """The files of a writer, of masks of these greys."""
    files = {file.greys: file.content for file in RECORDED if file.writer == writer}
    return [files[each] for each in greys]


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (
            recorded("ImageMagick, PNG", (0, 255), (0, 128, 255)),
            "0.png: a grey mask of 1 bit, in which 1 is white, and .*1.png has 8 bits, in which 255 is",
        ),
        (
            [png(np.array([[0, 1], [1, 1]]), 1), png(np.array([[0, 1], [2, 255]]), 8)],
            "say what the values stand for: --classes name0=0 name1=1 name2=2 name255=255 ",
        ),
        (
            [png(np.array([[0, 3], [1, 2]]), 2), png(np.array([[0, 1], [2, 255]]), 8)],
            "a grey mask of 2 bits, in which 3 is white",
        ),
        (
            recorded("ImageMagick, PNG8", (0, 1, 2, 3)),
            "the palette is grey, and the number 0 has the grey 2.*: --classes name0=#000000 name1=#010101",
        ),
        (
            recorded("ImageMagick, PNG8", (0, 85, 170, 255)),
            "the palette is grey, and the number 0 has the grey 170",
        ),
        (recorded("optipng of RGB", (0, 7, 11)), "the number 1 has the grey 7"),
        (
            [*recorded("optipng of RGB", (0, 128, 255)), *recorded("optipng", (0, 128, 255))],
            "the number 1 has the grey 128.*: --classes name0=#000000 name1=#808080 name2=#ffffff",
        ),
    ],
)
def test_numbers_that_a_program_may_have_given_are_asked_for(make, contents, words):
    for number in range(6):
        make.save(f"images/{number}.png", np.zeros((*_size(contents[0]), 3), np.uint8))
        path = make.root / "masks" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(contents[number % len(contents)])
    with pytest.raises(UserError, match=words) as refusal:
        open_dataset(make.root)
    flags = str(refusal.value).partition("--classes ")[2].partition(" (")[0].partition(";")[0]
    assert len(open_dataset(make.root, flags.split()).classes) == len(flags.split())
    assert "numbers" in {finding.check for finding in judge(visit(make.root))}


def test_ids_in_some_masks_and_their_greys_in_others_are_asked_for(make):
    masks = [make.mask(number, [0, 1, 2]) * (85 if number % 2 else 1) for number in range(8)]
    root = pairs(make, masks)
    with pytest.raises(
        UserError, match=r"png: holds 85 and 170, and .*png 1 and 2, of which these are 85 times"
    ):
        open_dataset(root)
    assert "numbers" in {finding.check for finding in judge(visit(root))}
    dataset = open_dataset(root, ["sky=0", "disk=1,85", "road=2,170"])
    assert all(np.array_equal(ids, make.mask(number, [0, 1, 2])) for number, ids in ids_of(dataset).items())


@pytest.mark.parametrize(
    "values", [[[0, 1, 2], [0, 10, 20]], [[0, 1, 85], [0, 2, 170]], [[0, 1, 2], [0, 85]]]
)
def test_other_values_are_no_greys_of_ids(make, values):
    root = pairs(make, [make.mask(number, values[number % 2]) for number in range(8)])
    assert len(open_dataset(root).classes) == len({value for held in values for value in held})


def _size(content):
    return Image.open(BytesIO(content)).size[::-1]


@pytest.mark.parametrize(
    ("writer", "greys", "classes"),
    [
        ("ImageMagick, PNG", (0, 255), 2),
        ("ImageMagick, PNG8", (0, 255), 2),
        ("ImageMagick, PNG", (0, 85, 170, 255), 4),
        ("optipng of RGB", (0, 128, 255), 3),
        ("optipng", (0, 7, 11), 3),
    ],
)
def test_numbers_that_are_clear_are_read(make, writer, greys, classes):
    (content,) = recorded(writer, greys)
    for number in range(6):
        make.save(f"images/{number}.png", np.zeros((*_size(content), 3), np.uint8))
        path = make.root / "masks" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    assert len(open_dataset(make.root).classes) == classes


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_a_shape_in_the_transparency_is_found(make, mode):
    masks = [make.mask(n, [0, 1]) if n else np.zeros((12, 16), np.uint8) for n in range(8)]
    clear = [np.dstack([np.full_like(m, 90)] * (len(mode) - 1) + [m * 255]) for m in masks]
    dataset = open_dataset(pairs(make, clear))
    assert "he shapes are in the transparency of the masks" in dataset.describe()
    assert all(np.array_equal(ids, masks[n]) for n, ids in ids_of(dataset).items())
    make.save("masks/1.png", masks[1])
    with pytest.raises(
        UserError, match=r"the shape is in the transparency, .* in .*1\.png it is not; save all"
    ):
        open_dataset(make.root)


def test_smoothed_edges_are_no_classes(make):
    masks = []
    for number in range(8):
        drawn = np.zeros((12, 16), np.uint8)
        drawn[3:9, 4:13] = 255
        drawn[3, 4:13], drawn[8, 4:9], drawn[4, 4] = 64 + number, 150 - number, 230
        masks.append(png(drawn))
    root = pairs(make, masks)
    with pytest.raises(UserError, match=r"17 values in between, as smoothed edges do.*foreground=128-255"):
        open_dataset(root)
    assert open_dataset(root, classes=["background=0-127", "foreground=128-255"]).classes[1] == "foreground"
