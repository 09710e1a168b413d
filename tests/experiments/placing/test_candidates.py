import pytest
import torch

from foveate.errors import UserError
from foveate.experiments.placing.candidates import find_candidates, own_mechanisms
from foveate.models.create import create_model
from foveate.models.host import Host
from foveate.specs.arm import Head, parse_arm


@pytest.fixture(scope="module")
def host() -> Host:
    options = {"encoder_depth": 3, "decoder_channels": [16, 16, 8]}
    return create_model("unet", "tu-test_resnet", classes=3, **options)


def arms(host: Host, *mechanisms: str, places: tuple[str, ...] = ()) -> list[str]:
    heads = [head for text in mechanisms for head in parse_arm(text).heads]
    return [candidate.arm for candidate in find_candidates(host, heads, places)[0]]


def test_every_place_takes_every_mechanism_and_two_names_of_one_place_count_once(host):
    before = {name: value.clone() for name, value in host.state_dict().items()}
    found = arms(host, "simam")
    assert found == [
        "simam@encoder1",
        "simam@encoder2",
        "simam@encoder3",
        "simam@skip1",
        "simam@skip2",
        "simam@decoder",
        "simam@logits",
    ]
    assert all(torch.equal(value, before[name]) for name, value in host.state_dict().items())
    assert not hasattr(host, "attached")


def test_a_mechanism_that_takes_the_decoders_signal_also_sits_where_that_is(host):
    assert {"gate@skip1", "gate@skips.1", "gate@skips.2"} <= set(arms(host, "gate"))


def test_a_refiner_sits_at_the_logits_alone(host):
    assert arms(host, "afma(level=1)") == ["afma@logits(level=1)"]


def test_places_limit_the_search_by_name_pattern_and_submodule(host):
    assert arms(host, "simam", places=("encoder[12]", "decoder")) == [
        "simam@encoder1",
        "simam@encoder2",
        "simam@decoder",
    ]
    assert arms(host, "simam", places=("decoder.blocks.0",)) == ["simam@decoder.blocks.0"]
    with pytest.raises(UserError, match=r"Places of this model: .*encoder1"):
        arms(host, "simam", places=("encodr1",))


def test_an_option_that_no_place_takes_is_told_for_each(host):
    found, left_out = find_candidates(host, [Head("afma", (("level", 9),))])
    assert not found
    assert left_out[0].arm == "afma@logits(level=9)"
    assert "level" in left_out[0].why


def test_a_classifier_has_places_too():
    host = create_model("classifier", "test_resnet", classes=4)
    assert set(arms(host, "simam")) >= {"simam@encoder1", "simam@encoder2"}


@pytest.mark.parametrize(
    ("arch", "encoder", "own"),
    [
        ("smooth_unet", "auto", "smooth@encoder5"),
        ("unet", "mit_b0", "Attention"),
        ("unet", "tu-test_resnet", ""),
    ],
)
def test_attention_of_the_hosts_own_is_named(arch, encoder, own):
    assert own_mechanisms(create_model(arch, encoder, None, arm="none")) == own
