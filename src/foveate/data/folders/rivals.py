"""Refuse folders in which several folders could hold the masks of the same images."""

from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from foveate.data.folders.listing import folders_in
from foveate.data.folders.mask_like import looks_like_masks
from foveate.data.folders.pair_folders import IMAGE_FOLDERS
from foveate.data.folders.pairing import match_by_stem
from foveate.data.folders.places import Place
from foveate.data.words import names_derived, names_images
from foveate.errors import Undecided


class SeveralMasks(Undecided):
    """Several folders could hold the masks; the user must name one of them."""


def refuse_rivals(places: Sequence[Place]) -> None:
    """Raise `SeveralMasks` if a folder beside the masks could hold masks of the same images, too."""
    used = {path for place in places for path in (place.images, place.masks)}
    for place in places:
        if place.images is None or place.masks is None or place.images == place.masks:
            continue
        rivals = [path for path in rival_masks(place.images, place.masks) if path not in used]
        if rivals:
            names = sorted([place.masks.name, *(path.name for path in rivals)])
            shown = " and ".join(f"{name}/" for name in names)
            raise SeveralMasks(
                f"{place.masks.parent}: {shown} could {'both' if len(names) == 2 else 'all'} hold the masks; "
                f"say which do, as in --masks {quote(rivals[0].name)}, and, where {place.masks.name}/ marks "
                f"the field of view, --ignore-outside {quote(place.masks.name)}"
            )


def rival_masks(images: Path, masks: Path) -> list[Path]:
    """Return the folders beside images and masks that could hold masks of these images.

    Their files look like masks, and at least half of them belong to an image by their names.
    """
    if images.parent != masks.parent or images.name.lower() not in IMAGE_FOLDERS:
        return []
    beside = [path for path in folders_in(images.parent) if path not in (images, masks)]
    beside = [path for path in beside if not names_derived(path.name) and not names_images(path.name)]
    return [path for path in beside if looks_like_masks(path) and _fit(images, path)]


def _fit(images: Path, folder: Path) -> bool:
    matched = match_by_stem(images, folder)
    return len(matched.entries) > 0 and len(matched.entries) >= len(matched.unpaired_masks)
