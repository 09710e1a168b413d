from dataclasses import replace

import pytest

from foveate.errors import UserError
from foveate.experiments.resuming import check_continues, differences
from foveate.specs.comparison import ComparisonSpec
from foveate.specs.data import DataSpec
from foveate.specs.model import ModelSpec

SPEC = ComparisonSpec(DataSpec("photos", size=(96, 128)), arms=("cbam@decoder",), placebo=True, seeds=4)


def test_one_seed_gives_no_verdict():
    with pytest.raises(UserError, match=r"no verdict is possible from one seed.*at least 2.*foveate fit"):
        replace(SPEC, seeds=1)


def test_a_comparison_needs_an_arm():
    with pytest.raises(UserError, match="no arm to compare with the bare host"):
        replace(SPEC, arms=("none",))


def test_the_model_of_a_comparison_has_no_arm():
    with pytest.raises(UserError, match="list that under arms"):
        replace(SPEC, model=ModelSpec(arm="se@decoder"))


def test_a_syntax_error_in_an_arm_raises():
    with pytest.raises(UserError, match=r"expected a value after 'ratio='"):
        replace(SPEC, arms=("cbam@decoder(ratio=)",))


def test_yaml_there_and_back(tmp_path):
    SPEC.save(tmp_path / "comparison.yaml")
    assert ComparisonSpec.load(tmp_path / "comparison.yaml") == SPEC


def test_yaml_errors_name_the_file_and_the_key(tmp_path):
    path = tmp_path / "comparison.yaml"
    path.write_text("data: {source: photos}\nseed: 3\n")
    with pytest.raises(UserError, match=r"comparison\.yaml: .*unknown key 'seed'; did you mean 'seeds'"):
        ComparisonSpec.load(path)
    path.write_text("data: [")
    with pytest.raises(UserError, match="not valid YAML"):
        ComparisonSpec.load(path)


def test_differences_are_named_by_key():
    other = replace(SPEC, data=replace(SPEC.data, flip=0.0), placebo=False)
    assert differences(SPEC, other) == ["data.flip: 0.5, now 0.0", "placebo: True, now False"]
    assert differences(SPEC, SPEC) == []


def test_runs_of_a_seed_differ_in_the_arm_alone():
    one, other = SPEC.run("none", 2), SPEC.run("cbam@decoder", 2)
    assert replace(one, model=replace(one.model, arm="cbam@decoder")) == other
    assert SPEC.seed_numbers == (0, 1, 2, 3)


def test_a_comparison_may_grow_but_not_change(tmp_path):
    SPEC.save(tmp_path / "comparison.yaml")
    check_continues(replace(SPEC, seeds=6, arms=("se@decoder", "cbam@decoder"), placebo=False), tmp_path)
    check_continues(replace(SPEC, data=replace(SPEC.data, workers=3)), tmp_path)
    for other, words in (
        (replace(SPEC, seeds=3), "seeds: 4, now 3"),
        (replace(SPEC, first_seed=1), "first_seed: 0, now 1"),
        (
            replace(SPEC, training=replace(SPEC.training, epochs=99)),
            "not 99. The learning rate follows .* not be trained under identical conditions; choose another",
        ),
        (replace(SPEC, data=replace(SPEC.data, size=(64, 64))), r"data\.size: \[96, 128\], now \[64, 64\]"),
    ):
        with pytest.raises(UserError, match=words):
            check_continues(other, tmp_path)


def test_each_name_means_one_arm_and_each_arm_has_one_name():
    data = DataSpec("synthetic")
    assert ComparisonSpec(data, arms=("A=none", "B=se@decoder", "cbam@decoder")).arms[1] == "B=se@decoder"
    with pytest.raises(UserError, match="the name 'b' means both se@decoder and cbam@decoder"):
        ComparisonSpec(data, arms=("B=se@decoder", "b=cbam@decoder"))
    with pytest.raises(UserError, match="se@decoder is given twice, as 'A' and 'B'"):
        ComparisonSpec(data, arms=("A=se@decoder", "B=se@decoder"))
    with pytest.raises(UserError, match="no arm to compare"):
        ComparisonSpec(data, arms=("A=none",))
