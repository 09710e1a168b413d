"""Find images that belong together: groups that are torn apart, and groups that names suggest."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from foveate.data.dataset import Entry
from foveate.data.grouping import Proposal, propose_group
from foveate.data.groups import describe_torn, image_name, torn_groups
from foveate.doctor.finding import Case, Finding, check, counted
from foveate.doctor.survey import Survey


@check("torn", 152)
def torn(survey: Survey) -> Iterator[Finding]:
    """Find groups with images in several parts."""
    parts = survey.folder.parts
    if found := torn_groups(parts):
        first = {entry.group: entry for entries in reversed(list(parts.values())) for entry in entries[::-1]}
        yield Finding(
            "warning",
            "torn",
            describe_torn(parts),
            tuple(
                Case(survey.folder.image(first[group]), f"of '{group}', in {' and '.join(names)}")
                for group, names in found.items()
            ),
            "Images of one group are alike: what is trained on one of them is scored on another.",
            "Keep each group in one part, or put all images into one folder and give --group.",
        )


@check("groups", 154)
def groups(survey: Survey) -> Iterator[Finding]:
    """Propose groups if names suggest some and the data has none."""
    entries = [entry for _, entry in survey.folder.entries]
    if any(entry.group is not None for entry in entries):
        return
    labels = [entry.label for entry in entries] if survey.folder.task == "classification" else None
    proposal = propose_group([_name(entry) for entry in entries], labels)
    if proposal is None:
        return
    yield Finding(
        "note",
        "groups",
        f"{proposal.words}: {proposal.flag}",
        _cases(survey, entries, proposal),
        "Images of one group are alike; if a split tears them apart, scores are too high."
        + _twins(survey, proposal),
        f"If they do belong together, give {proposal.flag}: it keeps each group in one part.",
    )


def _name(entry: Entry) -> str:
    """Return the name of an image without folders and suffix."""
    name = image_name(entry.stem)
    return Path(name).stem if entry.image is not None and name == entry.image.name else name


def _cases(survey: Survey, entries: Sequence[Entry], proposal: Proposal) -> tuple[Case, ...]:
    """Return the first image of each group, and how many images the group has."""
    members: dict[str, list[Entry]] = {}
    for key, entry in zip(proposal.keys, entries, strict=True):
        members.setdefault(key, []).append(entry)
    return tuple(
        Case(survey.folder.image(held[0]), f"'{key}', {counted(len(held), 'image')}")
        for key, held in members.items()
    )


def _twins(survey: Survey, proposal: Proposal) -> str:
    """Say how many nearly equal images the groups hold together, and name a pair that they do not."""
    entries = [entry for _, entry in survey.folder.entries]
    keys = dict(zip((entry.stem for entry in entries), proposal.keys, strict=True))
    pairs = [(survey.exams[a].entry, survey.exams[b].entry) for a, b in survey.twins.near]
    if not pairs:
        return ""
    apart = [(a, b) for a, b in pairs if keys[a.stem] != keys[b.stem]]
    words = f" Of {counted(len(pairs), 'pair')} of images that are nearly the same, these groups hold"
    words += f" {len(pairs) - len(apart)} together"
    if apart:
        first, second = apart[0]
        words += f"; {image_name(first.stem)} and {image_name(second.stem)} would still be apart"
    return words + "."
