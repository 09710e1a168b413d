import sys

import pytest

from foveate.shelves import RegisteredClass, read_shelf

SHELF = '''
import no_such_library

@no_such_library.wrapped
@register("dim")
class Dim(Base):
    """Dim: all times a factor.

    More of it.
    """

    def __init__(self, channels, signal=None, /, factor: float = 0.5, *, form="paper", depth):
        ...

@register("plain")
class Plain(Base):
    ...

@other("neither")
class Neither(Base):
    ...

class Bare(Base):
    ...
'''


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """Create packages of one module and return their names."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(source: str) -> str:
        package = tmp_path / tmp_path.name.replace("-", "_")
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "one.py").write_text(source)
        return package.name

    return make


def test_classes_are_described_without_importing_them(shelf):
    package = shelf(SHELF)
    assert read_shelf(package, "register") == {
        "dim": RegisteredClass(
            f"{package}.one", "Dim", "Dim: all times a factor.", {"factor": 0.5, "form": "paper"}
        ),
        "plain": RegisteredClass(f"{package}.one", "Plain", "", {}),
    }
    assert f"{package}.one" not in sys.modules


def test_a_default_that_is_no_literal_raises(shelf):
    source = '@register("dim")\nclass Dim:\n    def __init__(self, channels, factor=HALF): ...\n'
    with pytest.raises(ValueError, match="malformed"):
        read_shelf(shelf(source), "register")
