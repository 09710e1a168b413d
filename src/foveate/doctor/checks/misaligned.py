"""Masks that are displaced, mirrored, or those of other images, suspected from edges that disagree."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from foveate.doctor.agreement import NEAR, SIDE
from foveate.doctor.doubt import MIN_AGREEMENT, doubtful, edges_are_informative, with_agreement
from foveate.doctor.exam import Exam, edge_maps
from foveate.doctor.finding import Case, Finding, check, counted
from foveate.doctor.survey import Survey

GAIN = 3.0
"""By how many standard deviations another place, orientation or image must agree better than its own."""

_TURNS = {
    "mirrored left to right": lambda a: a[:, ::-1],
    "mirrored top to bottom": lambda a: a[::-1],
    "turned by 180 degrees": lambda a: a[::-1, ::-1],
}


@check("shifted", 120)
def shifted(survey: Survey) -> Iterator[Finding]:
    """Masks whose outlines fit the image's edges better elsewhere."""
    found = _all_shifted(survey) or [exam for exam in with_agreement(survey.exams) if _gains(exam, GAIN)]
    if found and (edges_are_informative(survey.exams) or len(found) > len(survey.exams) / 2):
        yield Finding(
            "warning",
            "shifted",
            f"{counted(len(found), 'mask')} seem{'s' * (len(found) == 1)} displaced",
            tuple(Case(survey.folder.mask(exam.entry), _move(exam)) for exam in found),
            "Their outlines lie beside the edges of the images, and on them when moved as told.",
            "Look at some; where it is so, cropping or resizing was not done alike to image and mask.",
        )


@check("swapped", 130)
def swapped(survey: Survey) -> Iterator[Finding]:
    """Masks that fit the edges of another image, or their own when mirrored."""
    exams = doubtful(survey.exams)
    if not exams:
        return
    folder = survey.folder
    maps = [edge_maps(exam.entry, folder.read) for exam in exams]
    images = np.stack([image for image, _ in maps])
    masks = np.stack([mask for _, mask in maps])
    own = np.array([exam.agreement.own for exam in exams])
    raw = np.einsum("nhw,nhw->n", images, masks)
    spread = np.where(np.abs(own) > 1e-3, raw / np.where(own == 0, 1, own), 1 / SIDE)
    flat, outline = images.reshape(len(exams), -1), masks.reshape(len(exams), -1)
    table = flat @ outline.T / spread[:, None]
    enough = 1 if edges_are_informative(survey.exams) else max(2, len(exams) / 2)
    pairs = [(a, b) for a, b in _mutual(table) if table[a, b] - max(table[a, a], table[b, b]) >= GAIN]
    if len(pairs) >= enough:
        yield Finding(
            "warning",
            "swapped",
            f"{counted(len(pairs), 'image')} whose mask seems to be that of another",
            tuple(
                Case(folder.image(exams[a].entry), f"fits {folder.name(folder.mask(exams[b].entry))}")
                for a, b in pairs
            ),
            "The edges of the image disagree with its own mask and agree with another one.",
            "Look at them; numbering that is off by one, or a copy under the wrong name, does this.",
        )
    for said, turn in _TURNS.items():
        agreed = np.einsum("nhw,nhw->n", images, np.stack([turn(mask) for mask in masks])) / spread
        fitting = ((agreed >= MIN_AGREEMENT) & (agreed - own >= GAIN)).nonzero()[0]
        if len(fitting) >= enough:
            yield Finding(
                "warning",
                "swapped",
                f"{counted(len(fitting), 'mask')} seem{'s' * (len(fitting) == 1)} {said}",
                tuple(Case(folder.mask(exams[index].entry)) for index in fitting),
                "The outlines agree with the edges of the image when the mask is turned so.",
                "Look at them; an image that was mirrored or turned without its mask does this.",
            )


def _gains(exam: Exam, gain: float) -> bool:
    found = exam.agreement
    return (
        max(map(abs, found.shift)) > NEAR
        and found.best >= MIN_AGREEMENT + 1
        and found.best - found.own >= gain
    )


def _all_shifted(survey: Survey) -> list[Exam]:
    """The pairs that agree at one displacement, if these are most of the dataset."""
    known = [exam for exam in with_agreement(survey.exams) if _gains(exam, 1.0)]
    if len(known) < max(6, len(survey.exams) / 2):
        return []
    (down, right), _ = Counter(exam.agreement.shift for exam in known).most_common(1)[0]
    alike = [
        exam
        for exam in known
        if max(abs(exam.agreement.shift[0] - down), abs(exam.agreement.shift[1] - right)) <= 1
    ]
    return alike if len(alike) > len(survey.exams) / 2 else []


def _mutual(table: np.ndarray) -> list[tuple[int, int]]:
    best, back = table.argmax(1), table.argmax(0)
    return [
        (a, int(b)) for a, b in enumerate(best) if a != b and back[b] == a and table[a, b] >= MIN_AGREEMENT
    ]


def _move(exam: Exam) -> str:
    (down, right), (height, width) = exam.agreement.shift, exam.mask.size
    moves = [
        f"{abs(round(step * side / SIDE))} pixels {forth if step > 0 else back}"
        for step, side, forth, back in ((down, height, "down", "up"), (right, width, "right", "left"))
        if step
    ]
    return f"fits better about {' and '.join(moves)}"
