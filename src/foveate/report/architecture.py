"""A network as an SVG diagram: one box a module, frames around what is inside one, attention marked."""

from collections.abc import Iterator, Sequence
from html import escape

from foveate.inspection.layers import Layer
from foveate.report.words import quantity

_WIDTH, _ROW, _GAP, _INDENT, _TOP = 760, 34, 12, 22, 64
_COLORS = {"page": "#ffffff", "ink": "#1b1e23", "soft": "#5c6470", "line": "#b9bfc7", "box": "#f3f5f7"}
_ATTENTION = {"box": "#fbeee4", "line": "#d55e00"}
_FONT = "font-family=\"system-ui, 'DejaVu Sans', sans-serif\""


def draw_architecture(tree: Layer, title: str) -> str:
    """Return the diagram of a tree of layers as an SVG file, without scripts and without links.

    The arrow leads from each module to the next one in the order in which the network holds them. On the
    right are the output shape and the number of parameters. Skip connections are not drawn: the tree of
    modules does not tell them.
    """
    parts, height = _stack(tree.inside, 20, _TOP, _WIDTH - 40)
    total = f"{quantity(tree.parameters)} parameters, {quantity(tree.macs)} multiply-accumulates an image"
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


def _stack(layers: Sequence[Layer], x: int, y: int, width: int) -> tuple[list[str], int]:
    """Return the elements of layers below one another from (x, y) on, and where the next one would begin."""
    parts: list[str] = []
    for number, layer in enumerate(layers):
        if number:
            parts.append(
                f'<line x1="{x + 16}" y1="{y - _GAP}" x2="{x + 16}" y2="{y}" stroke="{_COLORS["soft"]}" '
                'marker-end="url(#tip)"/>'
            )
        drawn, y = _box(layer, x, y, width)
        parts += drawn
    return parts, y


def _box(layer: Layer, x: int, y: int, width: int) -> tuple[list[str], int]:
    """Return the elements of one layer whose box begins at (x, y), and where the next one begins."""
    inside, end = _stack(layer.inside, x + _INDENT, y + _ROW, width - _INDENT - _GAP)
    height = end - y if layer.inside else _ROW - _GAP + 4
    colors = _COLORS | (_ATTENTION if layer.attention else {})
    fill = colors["box"] if layer.attention or not layer.inside else "none"
    box = (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="5" fill="{fill}" '
        f'stroke="{colors["line"]}"/>'
    )
    return [box, *_words(layer, x, y + 17, width), *inside], y + height + _GAP


def _words(layer: Layer, x: int, y: int, width: int) -> Iterator[str]:
    kind = f'<tspan dx="8" font-weight="400" fill="{_COLORS["soft"]}">{escape(layer.kind)}</tspan>'
    named = f'<tspan font-weight="600">{escape(layer.title)}</tspan>{kind}'
    yield f'<text x="{x + 10}" y="{y}" fill="{_COLORS["ink"]}">{named}</text>'
    shape = "×".join(map(str, layer.output)) if layer.output else ""
    right = x + width - 10
    if shape:
        yield _text(right - 80, y, shape, _COLORS["soft"], 'text-anchor="end"')
    if layer.parameters:
        yield _text(right, y, quantity(layer.parameters), _COLORS["soft"], 'text-anchor="end"')


def _text(x: int, y: int, text: str, color: str, more: str = "") -> str:
    return f'<text x="{x}" y="{y}" fill="{color}" {more}>{escape(text)}</text>'
