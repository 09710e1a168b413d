"""`foveate summary`: the layers of a network, as a table and as a diagram."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from foveate.inspection.layers import Layer


def summary(
    network: str,
    *,
    arm: str = "none",
    encoder: str = "auto",
    options: dict[str, Any] | None = None,
    size: str | None = None,
    classes: int = 2,
    channels: int = 3,
    depth: int = 2,
    svg: str | None = None,
) -> None:
    """List the layers of a network: names, output shapes, parameters, multiply-accumulates.

    Args:
        network: a host, a timm name, or a run directory.
        arm: attention to attach; it is marked with *.
        encoder: the encoder of the host; auto is its default.
        options: options of the host, such as '{form: as_coded}'.
        size: height x width of the image; 224x224, or the size of the run, if not given.
        classes: number of classes.
        channels: number of channels of the image.
        depth: levels of modules that are shown; several equal ones in a row are one line.
        svg: also draw the layers as a diagram, into this file.

    Example:
      foveate summary unet --encoder resnet34 --arm cbam@decoder --svg unet.svg
    """
    from pathlib import Path

    from foveate.api.summary import summary as summarise
    from foveate.files import write_whole
    from foveate.report.architecture import draw_architecture
    from foveate.specs.sizes import parse_size

    shape = None if size is None else parse_size(size, "--size")
    tree, title = summarise(network, arm, encoder, options, shape, classes, channels, depth)
    print(f"{title}\n\n{layer_table(tree)}")
    if svg is not None:
        path = Path(svg)
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_whole(path, "w") as file:
            file.write(draw_architecture(tree, title))
        print(f"\n{path}")


def layer_table(tree: "Layer") -> str:
    """Return a table of layers, one a line, indented by their level; the last line is the whole network."""
    rows = [("layer", "kind", "output", "parameters", "MACs")]
    for level, layer in tree.rows():
        if level:
            name = f"{'  ' * (level - 1)}{'* ' if layer.attention else ''}{layer.title}"
            rows.append((name, layer.kind, *_facts(layer)))
    rows.append(("all", "", *_facts(tree)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for name, kind, *facts in rows:
        numbers = "  ".join(text.rjust(width) for text, width in zip(facts, widths[2:], strict=True))
        lines.append(f"{name:<{widths[0]}}  {kind:<{widths[1]}}  {numbers}".rstrip())
    return "\n".join(lines)


def _facts(layer: "Layer") -> tuple[str, str, str]:
    shape = "x".join(map(str, layer.output)) if layer.output else "-"
    return shape, *(f"{count:,}" if count else "-" for count in (layer.parameters, layer.macs))
