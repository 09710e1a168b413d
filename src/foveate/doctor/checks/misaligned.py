"""Find masks that do not fit the edges of their images: displaced, mirrored, or of another image."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from foveate.doctor.agreement import NEAR, SIDE
from foveate.doctor.doubt import MIN_AGREEMENT, doubtful, edges_are_informative, with_agreement
from foveate.doctor.exam import Exam, edge_maps
from foveate.doctor.finding import Case, Finding, check, counted
from foveate.doctor.survey import Survey

GAIN = 3.0
"""Standard deviations by which another position, orientation or image must agree better with a mask."""

_TURNS = {
    "mirrored left to right": lambda a: a[:, ::-1],
    "mirrored top to bottom": lambda a: a[::-1],
    "turned by 180 degrees": lambda a: a[::-1, ::-1],
}


@check("shifted", 120)
def shifted(survey: Survey) -> Iterator[Finding]:
    """Find masks whose outlines fit the edges of their images better after a displacement."""
    displaced = _all_shifted(survey) or [exam for exam in with_agreement(survey.exams) if _gains(exam, GAIN)]
    if displaced and (edges_are_informative(survey.exams) or len(displaced) > len(survey.exams) / 2):
        yield Finding(
            "warning",
            "shifted",
            f"{counted(len(displaced), 'mask')} seem{'s' * (len(displaced) == 1)} displaced",
            tuple(Case(survey.folder.mask(exam.entry), _describe_shift(exam)) for exam in displaced),
            "Their outlines lie beside the edges of the images, and on the edges when moved as listed.",
            "Look at some. If they are displaced, image and mask were cropped or resized differently.",
        )


@check("swapped", 130)
def swapped(survey: Survey) -> Iterator[Finding]:
    """Find masks that fit the edges of another image, or of their own after mirroring or turning."""
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
            "Look at them. Common causes are numbering that is off by one and copies under wrong names.",
        )
    for orientation, turn in _TURNS.items():
        agreed = np.einsum("nhw,nhw->n", images, np.stack([turn(mask) for mask in masks])) / spread
        fitting = ((agreed >= MIN_AGREEMENT) & (agreed - own >= GAIN)).nonzero()[0]
        if len(fitting) >= enough:
            yield Finding(
                "warning",
                "swapped",
                f"{counted(len(fitting), 'mask')} seem{'s' * (len(fitting) == 1)} {orientation}",
                tuple(Case(folder.mask(exams[index].entry)) for index in fitting),
                "The outlines fit the edges of the image when the mask is mirrored or turned back.",
                "Look at them. Perhaps the images were mirrored or turned without their masks.",
            )


def _gains(exam: Exam, gain: float) -> bool:
    agreement = exam.agreement
    return (
        max(map(abs, agreement.shift)) > NEAR
        and agreement.best >= MIN_AGREEMENT + 1
        and agreement.best - agreement.own >= gain
    )


def _all_shifted(survey: Survey) -> list[Exam]:
    """Return the pairs that agree at one common displacement if they are most of the dataset, else none."""
    candidates = [exam for exam in with_agreement(survey.exams) if _gains(exam, 1.0)]
    if len(candidates) < max(6, len(survey.exams) / 2):
        return []
    (down, right), _ = Counter(exam.agreement.shift for exam in candidates).most_common(1)[0]
    alike = [
        exam
        for exam in candidates
        if max(abs(exam.agreement.shift[0] - down), abs(exam.agreement.shift[1] - right)) <= 1
    ]
    return alike if len(alike) > len(survey.exams) / 2 else []


def _mutual(table: np.ndarray) -> list[tuple[int, int]]:
    best, back = table.argmax(1), table.argmax(0)
    return [
        (a, int(b)) for a, b in enumerate(best) if a != b and back[b] == a and table[a, b] >= MIN_AGREEMENT
    ]


def _describe_shift(exam: Exam) -> str:
    (down, right), (height, width) = exam.agreement.shift, exam.mask.size
    moves = [
        f"{abs(round(step * side / SIDE))} pixels {forth if step > 0 else back}"
        for step, side, forth, back in ((down, height, "down", "up"), (right, width, "right", "left"))
        if step
    ]
    return f"fits better about {' and '.join(moves)}"
