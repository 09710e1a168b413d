from dataclasses import replace

import pytest

from foveate.errors import UserError
from foveate.experiments.resuming import check_continues, differences
from foveate.specs.augmentation import POLICIES
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


def test_an_arm_may_have_an_augmentation_of_its_own():
    spec = replace(SPEC, arms=("none+augment=strong", "B=cbam@decoder+augment=none"))
    runs = [spec.run(arm, 0) for arm in ("none", "none+augment=strong", "cbam@decoder+augment=none")]
    assert [run.model.arm for run in runs] == ["none", "none", "cbam@decoder"]
    assert [run.data.policy for run in runs] == [POLICIES[name] for name in ("light", "strong", "none")]


def test_what_is_given_beside_a_policy_holds_for_every_arm():
    spec = replace(SPEC, data=replace(SPEC.data, rotation=3.0), arms=("none+augment=tutorial",))
    assert spec.run("none+augment=tutorial", 0).data.policy == replace(POLICIES["tutorial"], rotation=3.0)


@pytest.mark.parametrize("data", [SPEC.data, replace(SPEC.data, augment="light")])
def test_two_arms_that_are_the_same_training_are_refused(data):
    with pytest.raises(UserError, match=r"none and none\+augment=light are the same training \(light: scale"):
        replace(SPEC, data=data, arms=("none+augment=light",))


def test_a_comparison_recorded_with_numbers_goes_on_with_the_policy_of_the_same_numbers(tmp_path):
    numbers = replace(
        SPEC.data, scale=(0.75, 1.5), rotation=0.0, shear=0.0, flip=0.5, flip_vertical=0.0, color=0.2
    )
    replace(SPEC, data=numbers).save(tmp_path / "comparison.yaml")
    check_continues(SPEC, tmp_path)
    with pytest.raises(UserError, match=r"data\.flip: 0\.5, now 0\.0"):
        check_continues(replace(SPEC, data=replace(SPEC.data, augment="none")), tmp_path)


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
