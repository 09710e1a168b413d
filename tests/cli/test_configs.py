"""Test that the committed configs are valid for `fit` and state their command and score at the top."""

import re
from pathlib import Path

import pytest

from foveate.cli.commands.fit import fit
from foveate.cli.flags import build_settings
from foveate.cli.parser import build_parser, group_flags, normalise
from foveate.specs.model import ModelSpec

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_config_is_understood(path):
    parser = build_parser(fit, "foveate fit")
    flags = vars(parser.parse_args(normalise(["photos", "--config", str(path)], parser)))
    given = group_flags(fit, flags)
    settings = build_settings("photos", given["images"], given["model"], given["training"])
    assert settings.data.source == "photos"
    assert settings.host(ModelSpec(), given["arm"]).arm == given["arm"]
    assert settings.schedule(given["epochs"]).epochs == given["epochs"]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_config_opens_with_its_command_and_what_it_reaches(path):
    head = [line for line in path.read_text().splitlines() if line.startswith("#")]
    assert path.read_text().startswith("#")
    assert any("foveate fit" in line for line in head)
    assert any(re.search(r"\d\s*%?\s*mIoU|mIoU\D{0,20}\d", line) for line in head)
