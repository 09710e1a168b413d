"""Test the pages: their Python runs, and their `foveate` command lines are valid."""

import doctest
import re
import shlex
from pathlib import Path

import pytest

from foveate.cli.main import find_command
from foveate.cli.parser import build_parser, normalise

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def with_blocks(language: str, pages: list[Path]) -> list:
    return [pytest.param(p, id=str(p.relative_to(ROOT))) for p in pages if blocks(p, language)]


@pytest.mark.parametrize("page", with_blocks("python", PAGES))
def test_python_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {"__name__": "__page__"}
    for code in blocks(page, "python"):
        if ">>>" in code:
            test = doctest.DocTestParser().get_doctest(code, names, page.name, str(page), 0)
            assert doctest.DocTestRunner().run(test, clear_globs=False).failed == 0
            names = test.globs
        else:
            exec(compile(code, str(page), "exec"), names)


def command_lines(page: Path) -> list[list[str]]:
    text = "\n".join(blocks(page, "bash")).replace("\\\n", " ")
    lines = (shlex.split(line, comments=True) for line in text.splitlines())
    return [
        [*words[1 : words.index(">")]] if ">" in words else words[1:]
        for words in lines
        if words[:1] == ["foveate"]
    ]


@pytest.mark.parametrize("page", with_blocks("bash", PAGES))
def test_command_lines_are_valid(page):
    for line in command_lines(page):
        command, program, words = find_command(line)
        words = [word for word in words if word not in ("--print-config", "--help")]
        if "--config" in words:
            continue
        parser = build_parser(command, program)
        parser.parse_args(normalise(words, parser))


@pytest.mark.parametrize("section", ["attention", "dataset"])
def test_the_examples_of_contributing_work(section, tmp_path):
    text = (ROOT / "CONTRIBUTING.md").read_text()
    part = text.split("\n## Add ")[1 if section == "attention" else 2]
    (code,) = re.findall(r"^```python\n(.*?)^```", part, re.DOTALL | re.MULTILINE)
    names: dict = {"__name__": f"contributed_{section}"}
    if section == "attention":
        import torch

        from foveate.attention import registry

        try:
            exec(compile(code, "CONTRIBUTING.md", "exec"), names)
            module = registry.create_attention("glance", 8, scale=2.0)
            x = torch.rand(2, 8, 5, 6)
            (gate,) = module.weights(x)
            assert torch.equal(module(x), x * gate.values[:, :, None, None])
        finally:
            registry._classes.pop("glance", None)
        return
    import numpy as np
    from PIL import Image

    from foveate.data import layout
    from foveate.data.open import open_dataset

    for folder, value in (("left", 90), ("right", 1)):
        (tmp_path / folder).mkdir()
        for number in range(8):
            pixels = np.zeros((8, 8, 3) if folder == "left" else (8, 8), np.uint8)
            pixels[:4] = value
            Image.fromarray(pixels).save(tmp_path / folder / f"{number}.png")
    layout.layout_readers()
    try:
        exec(compile(code, "CONTRIBUTING.md", "exec"), names)
        dataset = open_dataset(tmp_path)
        assert (dataset.task, len(dataset), len(dataset.classes)) == ("segmentation", 8, 2)
    finally:
        layout._READERS.pop("left_right", None)
