import pytest

from foveate.attention.registry import attention_names
from foveate.cli.main import main
from foveate.specs.augmentation import POLICIES


def listed(capsys, *argv: str) -> str:
    assert main(["list", *argv]) == 0
    return capsys.readouterr().out


def test_the_head_of_a_work_is_listed_with_the_attentions(capsys):
    output = listed(capsys, "attentions")
    assert "two_branch: Two-branch output layer" in output
    assert "options: activation='none'; a head in place of the output layer" in output


def test_attentions_come_with_their_options(capsys):
    output = listed(capsys, "attentions")
    assert all(f"{name}: " in output for name in attention_names())
    assert "reduction=16" in output


def test_augmentations_come_with_their_values(capsys):
    rows = listed(capsys, "augmentations").splitlines()
    assert [row.split()[0] for row in rows] == list(POLICIES)
    assert rows[0].split(maxsplit=1)[1] == "no random changes"
    assert rows[2].split(maxsplit=1)[1] == "scale 0.75 to 1.5, flip 0.5, color 0.2 (the default)"
    assert "fill nearest" in rows[list(POLICIES).index("tutorial")]


@pytest.mark.parametrize(
    ("kind", "some"), [("hosts", "unet"), ("encoders", "resnet18"), ("datasets", "synthetic")]
)
def test_kinds_are_listed_one_a_line(kind, some, capsys):
    assert some in [line.split()[0] for line in listed(capsys, kind).splitlines() if line]


def test_public_datasets_stand_below_the_layouts(capsys):
    own, public = listed(capsys, "datasets").split("\n\n")
    assert own.startswith("Layouts of your own data:\n")
    assert public.startswith("Public datasets, as they are published:\n")
    assert ("\npaired " in own, "\npaired " in public, "\nvoc " in public) == (True, False, True)


def test_places_are_those_of_the_host_asked_for(capsys):
    output = listed(capsys, "places", "--arch", "linknet", "--encoder", "mobilenet_v2")
    rows = {line.split()[0]: line.split()[1:3] for line in output.splitlines()[1:]}
    assert rows["encoder1"] == ["16", "2"]
    assert {"encoder5", "skip1", "decoder", "logits"} <= set(rows)
    assert output.splitlines()[-1].split() == [
        "skips",
        "skips.4,",
        "skips.3,",
        "skips.2,",
        "skips.1",
        "together",
    ]
    assert "skips" not in listed(capsys, "places", "--arch", "deeplabv3")
