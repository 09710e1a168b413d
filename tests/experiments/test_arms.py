from collections import OrderedDict

import pytest
import torch
from torch import nn

from foveate.attention.registry import create_attention
from foveate.errors import UserError
from foveate.experiments.arms import plan_arms
from foveate.models.attaching.attach import attach
from foveate.models.create import create_model


def build(arm):
    network = OrderedDict(
        encoder=nn.Conv2d(3, 32, 3), decoder=nn.Conv2d(32, 16, 3), logits=nn.Conv2d(16, 2, 1)
    )
    return attach(nn.Sequential(network), arm, example=torch.rand(1, 3, 16, 16))


def build_host(arm):
    return create_model("unet", "resnet18", classes=3, arm=arm)


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_host_is_always_there_and_first():
    planned = plan_arms(["se@decoder"], False, build)
    assert [(arm.arm, arm.role) for arm in planned] == [("none", "host"), ("se@decoder", "arm")]


def test_a_placebo_has_the_parameters_of_its_arm_and_equal_ones_are_shared():
    arms = ["se@encoder", "se@encoder ", "none", "se@encoder(reduction=16)", "eca@encoder"]
    planned = plan_arms(arms, True, build)
    sizes = {arm: count(build(arm.arm)) for arm in planned}
    host = sizes[planned[0]]
    for placebo in (arm for arm in planned if arm.role == "placebo"):
        for arm in placebo.beside:
            assert count(build(arm)) == sizes[placebo] > host
    assert len({arm.arm for arm in planned}) == len(planned)
    assert len({arm.folder for arm in planned}) == len(planned)


def test_a_bare_placebo_takes_the_size_of_the_arm_at_its_place():
    planned = plan_arms(["cbam@decoder", "placebo@decoder", "se@encoder"], False, build)
    size = count(create_attention("cbam", 16))
    placebo = f"placebo@decoder(parameters={size})"
    assert [arm.arm for arm in planned] == ["none", "cbam@decoder", placebo, "se@encoder"]
    assert planned[2].beside == ("cbam@decoder",)


def test_a_placebo_of_a_given_size_is_an_arm_like_any_other():
    planned = plan_arms(["placebo@decoder(parameters=50)"], True, build)
    assert [(arm.arm, arm.role) for arm in planned][1:] == [("placebo@decoder(parameters=50)", "arm")]


def test_a_placebo_stands_at_every_place_of_its_arm_and_keeps_the_head():
    planned = plan_arms(["eca@encoder4+se@encoder5+two_branch"], True, build_host)
    placebo = planned[2].arm
    assert placebo.startswith("placebo@encoder4(parameters=")
    assert "+placebo@encoder5(parameters=" in placebo
    assert placebo.endswith("+two_branch")
    assert count(build_host(placebo)) == count(build_host(planned[1].arm))


def test_a_pattern_has_a_placebo_at_every_place_it_means():
    planned = plan_arms(["se@*coder"], True, build)
    assert planned[2].beside == ("se@*coder",)
    assert planned[2].arm.count("placebo@") == 2
    assert count(build(planned[2].arm)) == count(build(planned[1].arm))


def test_an_arm_that_is_only_a_head_has_no_placebo():
    assert [arm.role for arm in plan_arms(["two_branch"], True, build_host)] == ["host", "arm"]


def test_a_bare_placebo_without_an_arm_at_its_place_is_told_what_to_do():
    with pytest.raises(UserError, match=r"no other arm sits at decoder.*parameters=1000"):
        plan_arms(["placebo@decoder", "se@encoder"], False, build)


def test_a_placebo_beside_a_refiner_sits_at_the_logits_with_its_parameters():
    planned = plan_arms(["afma@logits(level=1,patch_size=2)"], True, build_host)
    assert planned[2].arm.startswith("placebo@logits(parameters=")
    assert count(build_host(planned[2].arm)) == count(build_host(planned[1].arm))


def test_folders_are_called_by_the_names_that_are_given():
    arms = ["A=none", "B=se@encoder(reduction=8)", "eca@decoder"]
    planned = plan_arms(arms, True, build)
    assert [(arm.name, arm.folder) for arm in planned] == [
        ("A", "A"),
        ("B", "B"),
        ("B-placebo", "B-placebo"),
        ("", "eca@decoder"),
        ("", planned[-1].folder),
    ]
    assert planned[1].arm == "se@encoder(reduction=8)"
    with pytest.raises(UserError, match="leave the name out"):
        plan_arms(["P=placebo@encoder", "se@encoder"], False, build)
