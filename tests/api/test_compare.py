import sys
from dataclasses import replace

import pytest

import foveate
from foveate.report.words import MARKS
from foveate.verdicts.findings import Contrast

ARM = "se@decoder(reduction=4)"


def test_a_result_has_verdicts_and_a_report(compared):
    result, _ = compared
    assert result.verdicts.keys() == {ARM}
    assert set(result.verdicts.values()) <= set(MARKS)
    assert result.report == result.folder / "report.html"
    assert result.report.read_text().startswith("<!doctype html>")
    assert result.comparison.seeds == (0, 1)


def test_repr_is_a_short_table(compared):
    result, _ = compared
    about, head, host, arm, folder = repr(result).splitlines()
    assert about == "synthetic:12: 2 arms, 2 seeds, 4 test images; changes in points"
    assert head.split() == ["arm", "mean", "IoU", "change", "95%", "interval", "verdict"]
    assert host.split()[0] == "none"
    assert arm.split()[0] == ARM
    assert arm.endswith(result.verdicts[ARM])
    assert folder == str(result.folder)


def test_the_summary_is_what_the_command_prints(compared):
    lines = compared[0].summary.splitlines()
    assert lines[-1].startswith(f"  {ARM}: ")
    assert len([line for line in lines if not line.startswith("Warning: ")]) == 2


def test_a_table_for_pandas_has_a_row_for_each_contender(compared):
    result, _ = compared
    table = result.to_pandas()
    assert list(table.index) == ["none", ARM]
    assert list(table.role) == ["host", "arm"]
    expected = result.comparison.result(ARM)
    row = table.loc[ARM]
    assert row.difference == pytest.approx(row.miou - table.loc["none"].miou)
    assert (row.low, row.high, row.p) == (expected.difference.low, expected.difference.high, expected.p_holm)
    assert row.parameters > table.loc["none"].parameters
    assert list(table.seeds) == [2, 2]


def test_contrasts_are_rows_without_score_and_costs(compared):
    result = foveate.ComparisonResult(compared[0].folder)
    found = result.comparison.result(ARM)
    contrast = Contrast(ARM, "none", (0,), found.difference, (0.0,), 0.5, "not shown")
    findings = replace(result.comparison.findings, contrasts=(contrast,))
    result.comparison = replace(result.comparison, findings=findings)
    row = result.rows()[-1]
    assert (row["arm"], row["role"], row["seeds"], row["p"]) == (f"{ARM} vs none", "contrast", 1, 0.5)
    assert (row["miou"], row["parameters"]) == (None, None)
    assert (row["difference"], row["verdict"]) == (found.difference.mean, "not shown")
    line = repr(result).splitlines()[-2]
    assert line.startswith(f"{ARM} vs none")
    assert line.endswith("not shown")
    assert result.summary.splitlines()[-1].startswith(f"  {ARM} vs none: Changes mean IoU by")
    assert result.to_pandas().role.iloc[-1] == "contrast"


def test_without_pandas_the_error_says_what_to_install(compared, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(foveate.UserError, match="pip install pandas"):
        compared[0].to_pandas()
    assert compared[0].rows()[0]["arm"] == "none"


def test_progress_names_the_stages(compared):
    assert list(dict.fromkeys(event.stage for event in compared[1])) == ["train", "score", "cost", "gallery"]


def test_the_folder_opens_again(compared):
    assert repr(foveate.ComparisonResult(str(compared[0].folder))) == repr(compared[0])


def test_the_same_call_opens_a_finished_comparison(compared, small):
    result, _ = compared
    events: list = []
    again = foveate.compare(
        "synthetic:12", arms=[ARM], seeds=2, out=result.folder, progress=events.append, **small
    )
    assert (repr(again), events) == (repr(result), [])


def test_other_data_in_its_folder_is_refused(compared, small):
    with pytest.raises(foveate.UserError, match=r"holds a comparison of synthetic:12, not of synthetic:9"):
        foveate.compare("synthetic:9", arms=[ARM], out=compared[0].folder, **small)


def test_a_folder_without_a_comparison_raises(tmp_path):
    with pytest.raises(foveate.UserError, match=r"holds no comparison\.json"):
        _ = foveate.ComparisonResult(tmp_path).verdicts


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"arm": ARM}, r"unknown argument of foveate.compare 'arm'; did you mean 'arms'\?"),
        ({"arms": ["se@decodr"]}, r"did you mean 'decoder'\?"),
        ({"arms": ["none"]}, "no arm to compare"),
        ({"seeds": 1}, "no verdict is possible from one seed"),
    ],
)
def test_wrong_arguments_raise_before_anything_is_written(wrong, words, small, fresh):
    with pytest.raises(foveate.UserError, match=words):
        foveate.compare("synthetic:12", out=fresh, **small | wrong)
    assert not fresh.parent.exists()
