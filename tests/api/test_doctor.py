import json
import subprocess
import sys

import pytest

import foveate
from foveate.cli.main import main


@pytest.fixture
def photos(make):
    """Twelve image-mask pairs; one mask file is empty."""
    root = make.pairs(count=12)
    (root / "masks/03.png").write_bytes(b"")
    return root


def without_advice(text: str) -> str:
    """Cut off the advice: it names the free memory, which changes."""
    return text.partition("\nAdvice")[0]


def test_a_diagnosis_has_findings_and_reads_as_the_command_prints(photos, capsys):
    diagnosis = foveate.doctor(photos)
    assert not diagnosis.clean
    assert [finding.check for finding in diagnosis.findings if finding.severity == "error"] == ["unreadable"]
    assert main(["doctor", str(photos)]) == 1
    printed = capsys.readouterr().out
    assert without_advice(printed) == without_advice(repr(diagnosis))
    assert "1 file cannot be read" in printed


def test_progress_counts_the_images_looked_at(photos):
    calls: list = []
    foveate.doctor(photos, limit=4, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_diagnosis_saves_its_page_and_a_fixed_copy(photos, tmp_path):
    diagnosis = foveate.doctor(str(photos))
    assert diagnosis.save(tmp_path / "page.html").read_text().startswith("<!doctype html>")
    page = json.loads(diagnosis.save(str(tmp_path / "page.json")).read_text())
    assert len(page["findings"]) == len(diagnosis.findings)
    assert diagnosis.fix(tmp_path.parent / f"{tmp_path.name}-mended").left_out == 1
    with pytest.raises(foveate.UserError, match=r"page.pdf: .* name a file in .html or .json"):
        diagnosis.save(tmp_path / "page.pdf")


@pytest.mark.parametrize("first", ["foveate.doctor", "import foveate.doctor.visit"])
def test_the_function_and_the_package_share_their_name(first):
    code = (
        f"import foveate, sys\n{first}\n"
        "before = foveate.doctor\n"
        "import foveate.doctor.visit\n"
        "print(foveate.doctor is before, callable(before), foveate.doctor.visit.visit.__name__)\n"
        "print('torch' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.stdout == "True True visit\nFalse\n", ran.stderr
