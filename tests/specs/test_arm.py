import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveate.errors import UserError
from foveate.models.attaching.check import check_arm
from foveate.specs.arm import Arm, AttentionAt, Head, parse_arm, parse_named_arm

WORDS = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True).filter(
    lambda word: word not in ("none", "augment")
)
VALUES = st.one_of(
    st.integers(),
    st.booleans(),
    st.none(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="ascii", exclude_characters="\"'", min_codepoint=32), max_size=8),
)
OPTIONS = st.dictionaries(WORDS, VALUES, max_size=3).map(lambda options: tuple(sorted(options.items())))
PLACES = st.sampled_from(["decoder", "encoder5", "encoder.layer?.0", "network.*", "blocks[12].conv"])
ATTENTIONS = st.builds(AttentionAt, WORDS, PLACES, OPTIONS)
PARTS = st.lists(ATTENTIONS, min_size=1, max_size=3, unique_by=lambda part: (part.name, part.place))


@settings(max_examples=50, deadline=None)
@given(PARTS, st.none() | st.builds(Head, WORDS, OPTIONS))
def test_the_text_of_any_arm_reads_back_as_the_same_arm(parts, head):
    arm = Arm((*parts, head) if head else tuple(parts))
    assert parse_arm(str(arm)) == arm


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("none", "none"),
        (" None ", "none"),
        ("cbam@decoder", "cbam@decoder"),
        ("cbam@decoder()", "cbam@decoder"),
        ("smooth @ encoder5 ( threshold = .4 )", "smooth@encoder5(threshold=0.4)"),
        ("a@x(z=1,b=2)+b@y", "a@x(b=2,z=1)+b@y"),
        ("cbam@decoder+two_branch(activation=selu)", "cbam@decoder+two_branch(activation=selu)"),
        ("two_branch", "two_branch"),
        ("none + augment = strong", "none+augment=strong"),
        ("augment=strong", "none+augment=strong"),
        ("augment=strong+cbam@decoder", "cbam@decoder+augment=strong"),
        ("a@x(f=TRUE,g=none,h='1',i=1e-3,j=-2)", "a@x(f=true,g=none,h='1',i=0.001,j=-2)"),
    ],
)
def test_canonical_text(text, canonical):
    assert str(parse_arm(text)) == canonical
    assert parse_arm(parse_arm(text)) == parse_arm(text)


def test_values_have_the_types_they_look_like():
    (part,) = parse_arm("a@x(a=1,b=1.5,c=true,d=none,e=word,f='1')").parts
    assert part.options == (("a", 1), ("b", 1.5), ("c", True), ("d", None), ("e", "word"), ("f", "1"))


@pytest.mark.parametrize(
    ("text", "problem", "column"),
    [
        ("", "expected the name of an attention or a head", 0),
        ("@decoder", "expected the name of an attention or a head", 0),
        ("cbam@", "expected a place after 'cbam@'", 5),
        ("cbam@decoder cbam", "expected '+' or the end, found 'c'", 13),
        ("cbam@decoder+", "expected the name of an attention or a head", 13),
        ("cbam@decoder(reduction)", "expected '=' after the option 'reduction'", 22),
        ("cbam@decoder(reduction=)", "expected a value after 'reduction='", 23),
        ("cbam@decoder(reduction=4", "expected ',' or ')'", 24),
        ("cbam@decoder(a=1,a=2)", "option 'a' is given twice", 17),
        ("none+cbam@decoder", "'none' is the bare host and cannot be combined", 0),
        ("cbam@decoder+cbam@decoder(reduction=2)", "'cbam' is given twice for the same place", 0),
        ("two_branch+other", "an arm has at most one head", 0),
        ("cbam@decoder+none", "'none' is the bare host and cannot be combined", 13),
        ("none+augment", "expected '=' and a policy after 'augment', such as augment=strong", 12),
        ("none+augment(strong)", "expected '=' and a policy after 'augment'", 12),
        ("none+augment=", "expected a policy after 'augment='", 13),
        ("none+augment=light+augment=strong", "an arm has at most one augmentation policy", 0),
        ("two_branch+cbam", "an attention needs a place, such as cbam@decoder", 0),
    ],
)
def test_errors_point_at_the_place_in_the_text(text, problem, column):
    with pytest.raises(UserError) as error:
        parse_arm(text)
    first, shown, pointer = str(error.value).split("\n")
    assert problem in first
    assert shown == f"  {text}"
    assert pointer == " " * (column + 2) + "^"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cbam@decoder(reductoin=8)", "unknown cbam option 'reductoin'; did you mean 'reduction'"),
        ("cbam@decoder+two_branches", "unknown head 'two_branches'; did you mean 'two_branch'"),
        ("none+augment=strnog", "unknown augmentation 'strnog'; did you mean 'strong'"),
        ("two_branch(activations=selu)", "option of two_branch 'activations'; did you mean 'activation'"),
    ],
)
def test_names_in_an_arm_are_checked_without_a_model(text, words):
    with pytest.raises(UserError, match=words):
        check_arm(text)
    assert check_arm("cbam@decoder+two_branch(activation=selu)").heads


def test_an_attention_without_a_place_raises():
    with pytest.raises(UserError, match="'cbam' is an attention and needs a place, such as cbam@decoder"):
        check_arm("cbam")


def test_a_name_stands_before_the_arm():
    assert parse_named_arm("A=none") == ("A", parse_arm("none"))
    assert parse_named_arm("deep-5.b = smooth@encoder5(threshold=0.4)") == (
        "deep-5.b",
        parse_arm("smooth@encoder5(threshold=0.4)"),
    )
    assert parse_named_arm("two_branch(activation=selu)")[0] == ""
    assert parse_named_arm("B=none+augment=strong") == ("B", parse_arm("none+augment=strong"))
    for text in ("augment=strong", "none+augment=strong", "cbam@decoder+augment=strong"):
        assert parse_named_arm(text) == ("", parse_arm(text))


def test_a_list_of_arms_keeps_their_augmentation():
    assert str(parse_arm(["none+augment=strong", "se@decoder"])) == "se@decoder+augment=strong"


@pytest.mark.parametrize(
    "name", ["..", ".hidden", "-rf", "a/b", "a\\b", "", "a b", "x" * 61, "ends.", "none", "a:b"]
)
def test_invalid_names_are_refused(name):
    with pytest.raises(UserError, match="name"):
        parse_named_arm(f"{name}=se@decoder")
