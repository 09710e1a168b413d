"""Find images that belong together: groups that are torn apart, and groups that names suggest."""

from collections.abc import Iterator, Sequence

from foveate.data.dataset import Entry
from foveate.data.grouping import Proposal
from foveate.data.groups import describe_torn, image_name, torn_groups, with_groups
from foveate.data.suggestions import suggest_groups
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
    """Propose groups if folders or names suggest some, unless the groups of the data are known."""
    entries = [entry for _, entry in survey.folder.entries]
    proposal = None if survey.folder.known_groups else suggest_groups(entries)
    if proposal is None:
        return
    yield Finding(
        "note",
        "groups",
        f"{proposal.words}: {proposal.flag}",
        _cases(survey, entries, proposal),
        "Images of one group are alike; if a split tears them apart, scores are too high."
        + _torn(survey, proposal)
        + _twins(survey, proposal),
        f"If they do belong together, give {proposal.flag}: it keeps each group in one part.",
    )


def _torn(survey: Survey, proposal: Proposal) -> str:
    """Say whether the parts of the data tear the proposed groups apart."""
    stems = [entry.stem for _, entry in survey.folder.entries]
    keys = dict(zip(stems, proposal.keys, strict=True))
    words = describe_torn(with_groups(survey.folder.parts, keys))
    return f" {words}." if words else ""


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
