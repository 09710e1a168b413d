"""Images of several bands: a table of the bands, and what is wrong with them."""

import json

import numpy as np
import pytest
import tifffile

from foveate.api.doctor import doctor


@pytest.fixture
def bands(make):
    """`bands(values, ...)` writes one image of bands for each array, with a mask."""

    def write(*stored: np.ndarray, **options):
        for number, values in enumerate(stored):
            path = make.save(f"masks/{number}.png", make.mask(number, [0, 1], values.shape[:2]))
            image = make.root / f"images/{path.stem}.tif"
            image.parent.mkdir(exist_ok=True)
            tifffile.imwrite(image, values, photometric="minisblack", planarconfig="contig", **options)
        return make.root

    return write


def images(bands: int, count: int = 8) -> list[np.ndarray]:
    random = np.random.default_rng(1)
    return [random.integers(100, 200, (40, 40, bands)).astype(np.uint16) for _ in range(count)]


def test_a_table_of_the_bands(bands, tmp_path):
    stored = images(5)
    for values in stored:
        values[..., 2] = np.linspace(0, 4000, 1600).reshape(40, 40).round()
    report = doctor(bands(*stored))
    row = report.survey.bands[2]
    assert (row.name, row.low, row.high) == ("3", 0, 4000)
    assert (row.percent_1, row.mean, row.percent_99) == pytest.approx((40, 2000, 3960), abs=20)
    assert "5 bands of 16 bits TIFF (8)" in repr(report)
    line = next(line for line in repr(report).splitlines() if line.startswith("  3 "))
    assert line.split()[:2] == ["3", "0"]
    assert line.split()[-2:] == ["4000", "0.0%"]
    page = report.save(tmp_path / "page.html").read_text()
    assert "<h2>Bands</h2>" in page
    plain = json.loads(report.save(tmp_path / "report.json").read_text())
    assert [band["name"] for band in plain["bands"]] == ["1", "2", "3", "4", "5"]
    assert report.clean


def test_a_constant_band_and_missing_values_are_found(bands):
    stored = images(4)
    for values in stored:
        values[..., 1] = 7
        values[:10, :, 3] = 65535
    report = doctor(bands(*stored, extratags=[(42113, "s", 0, "65535", True)]))
    found = {finding.title: [case.detail for case in finding.cases] for finding in report.findings}
    assert found["1 band has the same value everywhere"] == ["band 2: 7"]
    assert found["1 band has pixels without a value"] == ["band 4: 25.0% of the pixels"]
    assert report.survey.bands[3].high < 200


def test_files_with_another_number_of_bands_are_named(bands):
    report = doctor(bands(*images(5), images(4)[0]))
    assert any(
        "8 of 5 bands" in case.detail and "8.tif" in case.detail for f in report.findings for case in f.cases
    )
    assert not report.clean
