"""Test that the page of mechanisms states true facts about each, and that each has a page."""

import re
from pathlib import Path

import pytest

from foveate.attention.registry import attention_names, create_attention, is_refiner
from foveate.models.attaching.heads import head_names

PAGES = Path(__file__).parents[2] / "docs" / "mechanisms"
ROWS = dict(re.findall(r"^\| \[?`(\w+)`(?:\]\(\w+\.md\))? \|(.*)\|$", (PAGES / "index.md").read_text(), re.M))


def test_every_mechanism_is_listed_once():
    assert sorted(ROWS) == sorted((*attention_names(), *head_names()))


@pytest.mark.parametrize("name", [*attention_names(), *head_names()])
def test_every_mechanism_has_a_page(name: str):
    assert (PAGES / f"{name}.md").read_text().startswith(f"# {name}")


@pytest.mark.parametrize("name", [name for name in attention_names() if not is_refiner(name)])
def test_size_and_start_are_as_listed(name: str):
    _, size, start, _ = (cell.strip() for cell in ROWS[name].split("|"))
    module = create_attention(name, 64)
    count = sum(parameter.numel() for parameter in module.parameters())
    assert re.match(r"[\d,]*\d", size)[0] == f"{count:,}"
    assert start == ("yes" if module.starts_at_identity else "no")
