import json
import re

import numpy as np
import pytest
from PIL import Image, ImageDraw

from foveate.cli.main import main


@pytest.fixture
def photos(tmp_path):
    """A dozen pairs without a fault, in a folder whose name HTML must escape."""
    root = tmp_path / "a & b"
    for number in range(12):
        random = np.random.default_rng(number)
        coarse = random.integers(40, 120, (4, 4, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize((64, 48), Image.Resampling.BICUBIC)
        mask = Image.new("L", (64, 48))
        for _ in range(4):
            x, y = random.integers(5, 50), random.integers(5, 38)
            for drawn, color in ((image, (230, 220, 210)), (mask, 255)):
                ImageDraw.Draw(drawn).ellipse((x, y, x + 9, y + 7), fill=color)
        for folder, part in (("images", image), ("masks", mask)):
            (root / folder).mkdir(parents=True, exist_ok=True)
            part.save(root / folder / f"{number}.png")
    return root


def test_clean_data_ends_with_0_and_advice(photos, capsys):
    assert main(["doctor", str(photos)]) == 0
    output = capsys.readouterr().out
    assert "\nNo problems found.\n" in output
    assert re.search(r"\nAdvice: foveate compare .*a & b'? --size 64x64 --batch 2 --loss dice_ce", output)
    assert "Judge by Dice and IoU of the foreground." in output


def test_findings_end_with_1_on_every_kind_of_page(photos, tmp_path, capsys):
    Image.new("L", (64, 48)).save(photos / "masks/3.png")
    (photos / "masks/5.png").write_bytes(b"")
    page, tree, mended = tmp_path / "page.html", tmp_path / "tree.json", tmp_path / "mended"
    flags = ["--out", str(page), "--json", str(tree), "--fix", str(mended)]
    assert main(["doctor", str(photos), *flags]) == 1

    output = capsys.readouterr().out
    assert "1 error, 1 warning." in output
    assert "✗ error: 1 file cannot be read\n    masks/5.png: the file is empty (0 bytes)" in output
    assert "With --fix: left out, with their other halves." in output
    assert f"{mended}: 11 images copied as they are, 0 mended, 1 left out" in output
    assert "Left for you: 1 mask is empty" in output

    text = page.read_text()
    assert "a &amp; b" in text
    assert "a & b" not in text
    assert not re.search(r"https?://|<script|<link rel=\"stylesheet", text)
    samples, finding = 8, 1
    assert text.count("data:image/png;base64,") == samples + finding
    assert "<h3>1 mask is empty</h3>" in text

    found = json.loads(tree.read_text())
    assert [one["severity"] for one in found["findings"]] == ["error", "warning"]
    assert found["findings"][1]["files"] == [{"file": "masks/3.png", "said": ""}]
    assert found["classes"][1]["name"] == "foreground"
    assert found["advice"]["batch"] == 2


def test_notes_alone_end_with_0(photos):
    for number in (1, 3, 5):
        Image.new("L", (64, 48)).save(photos / f"masks/{number}.png")
    assert main(["doctor", str(photos)]) == 0


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (
            ["--out", "nowhere/page.html"],
            "--out: nowhere/page.html cannot be written; name a file in a folder",
        ),
        (["--limit", "0"], "limit 0 leaves nothing to look at"),
        (["--fix", "."], "name a folder"),
    ],
)
def test_flags_are_checked_before_the_data_is_read(photos, flags, words, capsys, monkeypatch):
    monkeypatch.chdir(photos)
    assert main(["doctor", str(photos), *flags]) == 2
    output = capsys.readouterr()
    assert words in output.err
    assert output.out == ""
