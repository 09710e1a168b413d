"""Propose groups of images that belong together, where folders or names suggest them."""

from collections.abc import Mapping, Sequence

from foveate.data.dataset import Entry
from foveate.data.group_folders import propose_folders
from foveate.data.grouping import Proposal, propose_group
from foveate.data.groups import describe_torn, image_name, image_path, labelled, with_groups


def suggest_groups(entries: Sequence[Entry]) -> Proposal | None:
    """Return the groups that the folders or names of images suggest; None if they suggest none, or none that
    are wider than the groups that the images are in.

    >>> entries = [Entry(f"p{patient}_{number}") for patient in range(3) for number in range(4)]
    >>> suggest_groups(entries).flag
    "--group '^[^_]+'"
    """
    labels = [entry.label for entry in entries] if entries and labelled(entries) else None
    paths = [image_path(entry) for entry in entries]
    proposal = propose_folders(paths, labels) or propose_group([image_name(path) for path in paths], labels)
    if proposal is None:
        return None
    held = {entry.stem if entry.group is None else entry.group for entry in entries}
    return proposal if proposal.groups < len(held) else None


def describe_suggestion(splits: Mapping[str, Sequence[Entry]], own: Mapping[str, Sequence[Entry]]) -> str:
    """Say which groups folders or names suggest, if splits tear them apart; empty if not.

    own: the parts of the data itself, which `--group` does not change.

    >>> splits = {"train": [Entry("p1_1"), Entry("p2_1")], "test": [Entry("p1_2"), Entry("p2_2")]}
    >>> describe_suggestion(splits, {"all": [entry for held in splits.values() for entry in held]})
    "names look like 2 groups of images that belong together, such as p1_1 and p1_2, and 2 of 2 groups are
    torn apart between train and test, such as 'p1'; --group '^[^_]+' keeps each in one part"
    """
    entries = list(dict.fromkeys(entry for held in splits.values() for entry in held))
    proposal = suggest_groups(entries)
    if proposal is None:
        return ""
    keys = dict(zip((entry.stem for entry in entries), proposal.keys, strict=True))
    if torn := describe_torn(with_groups(own, keys)):
        remedy = "if they belong together, keep each in one part, or put all images into one folder and give "
        return f"{proposal.words}, and {torn}; {remedy}{proposal.flag}"
    if torn := describe_torn(with_groups(splits, keys)):
        return f"{proposal.words}, and {torn}; {proposal.flag} keeps each in one part"
    return ""
