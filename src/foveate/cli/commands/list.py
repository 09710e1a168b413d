"""`foveate list`: list the available attentions, hosts, encoders, places, datasets or augmentations."""

from foveate.errors import choose

KINDS = ("attentions", "hosts", "encoders", "places", "datasets", "augmentations")


def list_(kind: str, *, arch: str = "unet", encoder: str = "auto") -> None:
    """List the available attentions, hosts, encoders, places, datasets or augmentations.

    Args:
        kind: attentions, hosts, encoders, places, datasets or augmentations.
        arch: the host whose places are listed.
        encoder: the encoder of that host; auto is its default.

    Example:
      foveate list places --arch fpn --encoder resnet34
    """
    choose(kind, KINDS, "kind of list")
    print("\n".join(_rows(kind, arch, encoder)))


def _rows(kind: str, arch: str, encoder: str) -> list[str]:
    if kind == "attentions":
        from foveate.attention.registry import attention_names, describe_attention
        from foveate.models.attaching.heads import describe_head, head_names

        return [*map(describe_attention, attention_names()), *map(describe_head, head_names())]
    if kind == "hosts":
        from foveate.models.names import host_names

        return list(host_names())
    if kind == "encoders":
        from foveate.models.names import encoder_names

        return list(encoder_names())
    if kind == "datasets":
        return _datasets()
    if kind == "augmentations":
        return _augmentations()
    from foveate.inspection.own_attention import own_attention
    from foveate.models.create import create_model
    from foveate.models.places.find import describe_places
    from foveate.models.places.skips import GROUP, match_skips

    model = create_model(arch, encoder, arm="none")
    places = describe_places(model)
    encoder = model.config["encoder_name"]
    host = arch if encoder == "none" else f"{arch} with {encoder}"
    head = f"{'place':<10} {'channels':>8} {'stride':>6}  {host}"
    together = match_skips([name for name, *_ in places], GROUP)
    own = list(own_attention(model))
    return [
        head,
        *(f"{name:<10} {channels:>8} {stride:>6g}  {what}" for name, channels, stride, what in places),
        *([f"{GROUP:<10} {'':>8} {'':>6}  {', '.join(together)} together"] if together else []),
        *([_own_note(own)] if own else []),
    ]


def _datasets() -> list[str]:
    """Return the layouts of folders, and below them the public datasets, under a heading each."""
    from foveate.data.open import dataset_summaries, public_names

    public = public_names()
    rows = {name: f"{name:<18} {summary}" for name, summary in dataset_summaries().items()}
    own = [row for name, row in rows.items() if name not in public]
    published = [row for name, row in rows.items() if name in public]
    return ["Layouts of your own data:", *own, "", "Public datasets, as they are published:", *published]


def _augmentations() -> list[str]:
    from foveate.specs.augmentation import POLICIES, USUAL, changes_of

    texts = {name: ", ".join(changes_of(policy)) for name, policy in POLICIES.items()}
    texts = {"none": "no random changes"} | {name: text for name, text in texts.items() if text}
    texts[USUAL] += " (the default)"
    return [f"{name:<14} {text}" for name, text in texts.items()]


def _own_note(labels: list[str]) -> str:
    """Return what can be done with a transformer's own attention and its blocks."""
    block = labels[-1].removeprefix("self@").rpartition(".")[0]
    return (
        f"\nAttention of its own: {labels[0]} to {labels[-1]} ({len(labels)} in all). `foveate inspect` "
        "draws it of a run without an arm.\n"
        f"An arm may also sit at a submodule by its dotted name: cbam@{block}."
    )
