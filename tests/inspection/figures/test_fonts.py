"""Names in any script are drawn in a font that has them, or escaped; matplotlib never warns of a glyph."""

import io
import warnings

import pytest
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.text import Text

from foveate.inspection.figures.fonts import readable, use_fonts
from foveate.inspection.figures.style import new_figure, plain


def drawn(name: str) -> list[Text]:
    figure = new_figure(4, 3, f"{name} is looked at", name)
    axes = figure.subplots()
    axes.set_yticks([0], [plain(name)])
    use_fonts(figure)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(io.BytesIO(), format="png")
    return figure.findobj(Text)


@pytest.mark.parametrize("name", ["猫と犬", "개", "हिन्दी", "قطة", "𒀀𒁀", "tab\tname", "bell\a", "$x^2$ 猫"])
def test_names_of_any_script_are_drawn_without_a_warning(name):
    assert any(plain(name) in text.get_text() for text in drawn(name))


def test_what_no_font_has_is_escaped_and_stays_distinct():
    nowhere = "\U000e0041\U0010fffe"
    assert readable(f"a{nowhere}") == r"a\U000e0041\U0010fffe"
    assert readable("crème brûlée, Ωmega, кот") == "crème brûlée, Ωmega, кот"


def test_a_font_that_is_installed_is_found_by_its_characters():
    own = set(get_font(findfont(FontProperties())).get_charmap())
    other = next(font for font in fontManager.ttflist if font.name == "STIXGeneral")
    character = chr(
        next(code for code in get_font(other.fname).get_charmap() if code not in own and code > 32)
    )
    assert readable(character) == character
    families = [text.get_fontfamily() for text in drawn(character) if text.get_text() == character]
    assert families
    assert all(len(names) > 1 for names in families)
