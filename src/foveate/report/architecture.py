"""A network as an SVG diagram: one box a module, frames around what is inside one, attention marked."""

from collections.abc import Iterator
from html import escape

from foveate.inspection.layers import Layer
from foveate.report.words import counted, quantity

_WIDTH, _ROW, _GAP, _INDENT, _TOP = 760, 34, 12, 22, 64
_COLORS = {"page": "#ffffff", "ink": "#1b1e23", "soft": "#5c6470", "line": "#b9bfc7", "box": "#f3f5f7"}
_ATTENTION = {"box": "#fbeee4", "line": "#d55e00"}
_FONT = "font-family=\"system-ui, 'DejaVu Sans', sans-serif\""


def draw_architecture(tree: Layer, title: str) -> str:
    """Return the diagram of a tree of layers as an SVG file, without scripts and without links.

    The arrow leads from each module to the next one in the order in which the network holds them. Skip
    connections are not drawn: the tree of modules does not tell them.
    """
    y = _TOP
    parts: list[str] = []
    for layer in tree.inside:
        drawn, y = _draw(layer, 20, y, _WIDTH - 40)
        parts += drawn
    height = y + 12
    total = f"{counted(tree.parameters, 'parameter')}, {quantity(tree.macs)} multiply-accumulates an image"
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" role="img" {_FONT} font-size="13">',
        f"<title>{escape(title)}</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        f'orient="auto"><path d="M0 0 8 4 0 8z" fill="{_COLORS["soft"]}"/></marker></defs>',
        f'<rect width="{_WIDTH}" height="{height}" fill="{_COLORS["page"]}"/>',
        _text(20, 26, title, _COLORS["ink"], 'font-size="16" font-weight="650"'),
        _text(20, 46, total, _COLORS["soft"]),
    ]
    return "\n".join([*head, *parts, "</svg>"]) + "\n"


def _draw(layer: Layer, x: int, y: int, width: int) -> tuple[list[str], int]:
    """Return the elements of a layer whose box begins at (x, y), and where the next one begins."""
    inside: list[str] = []
    end = y + _ROW
    for child in layer.inside:
        drawn, end = _draw(child, x + _INDENT, end, width - _INDENT - 8)
        inside += drawn
    bottom = end if layer.inside else y + _ROW - _GAP + 4
    colors = _COLORS | (_ATTENTION if layer.attention else {})
    fill = colors["box"] if layer.attention or not layer.inside else "none"
    box = (
        f'<rect x="{x}" y="{y}" width="{width}" height="{bottom - y}" rx="5" fill="{fill}" '
        f'stroke="{colors["line"]}"/>'
    )
    start, stroke = x + 16, _COLORS["soft"]
    arrow = (
        f'<line x1="{start}" y1="{bottom}" x2="{start}" y2="{bottom + _GAP - 4}" stroke="{stroke}" '
        'marker-end="url(#tip)"/>'
    )
    return [box, *_words(layer, x, y + 17, width), *inside, arrow], bottom + _GAP - 4


def _words(layer: Layer, x: int, y: int, width: int) -> Iterator[str]:
    yield _text(x + 10, y, layer.title, _COLORS["ink"], 'font-weight="600"')
    yield _text(x + 20 + 8 * len(layer.title), y, layer.kind, _COLORS["soft"])
    shape = "×".join(map(str, layer.output)) if layer.output else ""
    facts = [shape, quantity(layer.parameters) if layer.parameters else ""]
    yield _text(x + width - 10, y, "   ".join(filter(None, facts)), _COLORS["soft"], 'text-anchor="end"')


def _text(x: int, y: int, text: str, color: str, more: str = "") -> str:
    return f'<text x="{x}" y="{y}" fill="{color}" {more}>{escape(text)}</text>'
