"""The layers of a network as a tree, as a table and as a diagram."""

from xml.etree import ElementTree

import pytest
import torch

from foveate.cli.commands.summary import layer_table
from foveate.cli.main import main
from foveate.evaluation.cost import flops, parameters
from foveate.inspection.layers import layers_of
from foveate.models.create import create_model
from foveate.report.architecture import draw_architecture

SMALL = {"encoder_depth": 3, "decoder_channels": [16, 16, 8]}
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def model():
    arm = "cbam@decoder+two_branch(activation=selu)"
    return create_model("unet", "resnet18", None, classes=2, arm=arm, **SMALL).eval()


@pytest.fixture(scope="module")
def tree(model):
    return layers_of(model, (32, 32), depth=2)


def test_numbers_are_those_of_the_whole_network(model, tree):
    assert tree.parameters == parameters(model) == sum(layer.parameters for layer in tree.inside)
    assert tree.macs == flops(model, torch.zeros(1, 3, 32, 32)) // 2
    assert tree.output == (2, 32, 32)
    (encoder, *_) = tree.inside
    assert encoder.parameters == sum(layer.parameters * layer.count for layer in encoder.inside)
    (conv, *_) = encoder.inside
    assert (conv.name, conv.kind, conv.output) == ("conv1", "Conv2d", (64, 16, 16))
    assert (conv.parameters, conv.macs) == (7 * 7 * 3 * 64, 7 * 7 * 3 * 64 * 16 * 16)


def test_attention_stands_behind_what_it_changes_and_is_marked(tree):
    marked = [layer.attention for _, layer in tree.rows() if layer.attention]
    assert marked == ["cbam@decoder", "two_branch(activation=selu)"]
    assert [layer.name for layer in tree.inside][:3] == ["encoder", "decoder", "cbam@decoder"]
    assert tree.inside[3].name == "segmentation_head"
    table = layer_table(tree)
    assert "* cbam@decoder" in table
    assert "* 0: two_branch(activation=selu)" in table
    assert table.splitlines()[-1].split() == ["all", "2x32x32", f"{tree.parameters:,}", f"{tree.macs:,}"]


def test_equal_modules_in_a_row_are_one_line():
    network = create_model("resnet164_cifar", classes=3, depth=38).eval()
    whole = layers_of(network, (8, 8), depth=3)
    stages = next(layer for layer in whole.inside if layer.name == "stages")
    assert [layer.name for layer in stages.inside] == ["0", "1", "2"]
    (first, others) = stages.inside[0].inside
    assert (first.name, others.name, others.count) == ("0", "1 to 3", 3)


def test_attention_below_the_shown_levels_stands_behind_the_module_that_holds_it():
    model = create_model("resnet18", encoder_weights=None, classes=2, arm="se@layer1.0.conv1").eval()
    (*_, layer1, attention) = layers_of(model, (32, 32), depth=1).inside[:6]
    assert (layer1.name, attention.attention) == ("layer1", "se@layer1.0.conv1")


def test_the_diagram_is_well_formed_and_marks_the_attention(tree):
    root = ElementTree.fromstring(draw_architecture(tree, "<script>unet</script> & more"))
    words = [element.text for kind in ("text", "tspan") for element in root.iter(f"{SVG}{kind}")]
    assert words[0] == "<script>unet</script> & more"
    assert {"encoder", "decoder", "cbam@decoder", "0: two_branch(activation=selu)"} <= set(words)
    boxes = [box for box in root.iter(f"{SVG}rect") if box.get("stroke")]
    assert len(boxes) == sum(1 for level, _ in tree.rows() if level)
    assert sum(box.get("stroke") == "#d55e00" for box in boxes) == 2
    height = float(root.get("height"))
    assert all(float(box.get("y")) + float(box.get("height")) <= height for box in boxes)


def test_the_command_prints_the_table_and_writes_the_diagram(tmp_path, capsys):
    path = tmp_path / "figures" / "net.svg"
    argv = ["summary", "unet", "--arm", "se@decoder", "--options", str(SMALL), "--size", "32x32"]
    assert main([*argv, "--svg", str(path)]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0] == "unet with resnet18, se@decoder, at 32x32"
    assert "MACs" in out
    assert path.read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["unett"], "unett"),
        (["unet", "--arm", "cbma@decoder"], "did you mean 'cbam'"),
        (["unet", "--size", "wide"], "--size: 'wide' is not a size"),
        (["unet", "--depth", "0"], "--depth: 0 levels show nothing"),
    ],
)
def test_what_cannot_be_summarised_is_told(argv, words, capsys):
    assert main(["summary", *argv]) == 2
    assert words in capsys.readouterr().err


def test_an_option_that_is_an_argument_is_told(capsys):
    assert main(["summary", "unet", "--options", "{arm: cbam@decoder}"]) == 2
    assert "'arm' is no option of a host; it is set beside the options" in capsys.readouterr().err
