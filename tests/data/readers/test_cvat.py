"""CVAT's XML: shapes whose pixels are known."""

import numpy as np
import pytest

from foveate.data.dataset import SPLITS
from foveate.data.open import open_dataset, read_layout
from foveate.errors import DataError

HEIGHT, WIDTH = 20, 24
META = (
    "<meta><task><labels><label><name>organ</name></label><label><name>body </name></label>"
    "<label><name>unused</name></label></labels></task></meta>"
)


def rectangle(top, left, bottom, right):
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[top:bottom, left:right] = 1
    return mask


def polygon(label, top, left, bottom, right, layer=0):
    points = ";".join(
        f"{x:.2f},{y:.2f}" for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))
    )
    return f'<polygon label="{label}" occluded="0" points="{points}" z_order="{layer}"></polygon>'


BODY, ORGAN = (1, 2, 18, 22), (5, 6, 11, 14)
BOTH = polygon("organ", *ORGAN) + polygon("body ", *BODY)
EXPECTED = np.where(rectangle(*ORGAN), 1, 2 * rectangle(*BODY))


def write(make, shapes=BOTH, count=8, start="", image="", folder="images", name="annotations.xml"):
    rows = []
    for number in range(count):
        make.save(f"{folder}/{number}.jpg", make.photo(number, (HEIGHT, WIDTH)))
        size = f'width="{WIDTH}" height="{HEIGHT}"'
        rows.append(f'<image id="{number}" name="{number}.jpg" {size} {image}>{shapes}</image>')
    text = f'<?xml version="1.0" encoding="utf-8"?>{start}\n<annotations><version>1.1</version>{META}\n'
    (make.root / name).parent.mkdir(parents=True, exist_ok=True)
    (make.root / name).write_text(text + "\n".join(rows) + "</annotations>")
    return make.root


def first_mask(root):
    layout = read_layout(root)[2]
    return layout.reader(next(iter(layout.parts.values()))[0])[1]


def test_polygons_and_the_order_of_the_labels(make):
    dataset = open_dataset(write(make))
    assert (dataset.name, dataset.classes) == ("cvat", ("background", "organ", "body"))
    assert "No object is outlined of unused" in dataset.describe()
    for split in SPLITS:
        assert all(np.array_equal(dataset.read(entry)[1], EXPECTED) for entry in dataset.index(split))


def test_a_higher_layer_lies_on_top_whatever_its_size(make):
    root = write(make, polygon("organ", *ORGAN) + polygon("body ", *BODY, layer=1))
    assert np.array_equal(first_mask(root), 2 * rectangle(*BODY))


def test_masks_and_ellipses(make):
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    mask = (
        '<mask label="organ" rle="0, 2, 1, 1, 2" left="3" top="15" width="3" height="2" z_order="0"></mask>'
    )
    turned = '<ellipse label="body " cx="12" cy="8" rx="4" ry="7" rotation="90.0" z_order="0"></ellipse>'
    found = first_mask(write(make, mask + turned))
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[15, 3:5], expected[16, 3] = True, True
    assert np.array_equal(found == 1, expected)
    ellipse = ((x - 12) / 7) ** 2 + ((y - 8) / 4) ** 2 < 1
    assert ((found == 2) != ellipse).sum() <= 6


def test_subsets_are_splits(make):
    for part in ("Train", "Validation", "Test"):
        name = f"annotations/{part}.xml"
        write(make, BOTH, 3, image=f'subset="{part}"', folder=f"images/{part}", name=name)
    dataset = open_dataset(make.root)
    assert [len(dataset.index(split)) for split in SPLITS] == [3, 3, 3]
    assert dataset.index("val")[0].image.parent.name == "Validation"


def test_boxes_are_no_masks(make):
    box = '<box label="organ" xtl="1" ytl="2" xbr="9" ybr="8" z_order="0"></box><tag label="body"></tag>'
    with pytest.raises(DataError, match="hold 8 boxes, lines or points, and these are no masks; outline"):
        open_dataset(write(make, box))
    assert "8 boxes, lines and points are left out" in open_dataset(write(make, BOTH + box)).describe()


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        (
            '<polygon label="organ" points="1,2;3"/>',
            r"annotations\.xml: image '0\.jpg' holds a value that CVAT",
        ),
        ('<polygon points="1,2;3,4;5,1"/>', "image '0.jpg' lacks 'label', which CVAT writes"),
        ('<polygon label="a" points="1,2;3,4;5,1e9"/>', "a corner of a polygon lies far outside the image"),
        (
            '<mask label="a" rle="0,9" left="0" top="0" width="3" height="2"/>',
            "3 pixels has runs of 9; export",
        ),
        (
            '<mask label="a" rle="0,6" left="23" top="0" width="3" height="2"/>',
            "does not fit the image of 20 x",
        ),
        ("<polygon", r"annotations\.xml:\d+: the XML is damaged or truncated"),
    ],
)
def test_shapes_that_are_wrong(make, shapes, words):
    with pytest.raises(DataError, match=words):
        open_dataset(write(make, shapes))


def test_video_annotations(make):
    root = write(make)
    text = (root / "annotations.xml").read_text().replace("</annotations>", '<track id="0"/></annotations>')
    (root / "annotations.xml").write_text(text)
    with pytest.raises(DataError, match=r"is CVAT's format for video \(tracks\); export the task as"):
        open_dataset(root)


@pytest.mark.parametrize(
    "start",
    [
        '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>',
        '<!DOCTYPE a [<!ENTITY secret SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE a SYSTEM "http://127.0.0.1/a.dtd">',
    ],
)
def test_entities_are_refused_before_they_are_read(make, start):
    with pytest.raises(DataError, match=r"annotations\.xml: has a document type \(a\), which is not read"):
        open_dataset(write(make, BOTH + polygon("&c;&secret;", *BODY), start=start))


def test_an_image_that_is_gone_and_one_outside(make, tmp_path):
    root = write(make)
    (root / "images" / "3.jpg").unlink()
    with pytest.raises(DataError, match=r"image '3\.jpg' does not exist \(looked in .*images\); add it"):
        open_dataset(root)
