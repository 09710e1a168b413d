"""Where a decoder joins a skip: a submodule that is called with a coarse map and a finer one.

The finer map is the skip, the coarser what the decoder has made one level below: what Attention U-Net gates
the skip with. Both are arguments of one call, so that an attention there sees them at the same time. Such a
submodule returns a map as fine as the skip at least; blocks on the way down, which get the finer map only to
shorten the way past them, do not.

`skips.1` joins a skip at stride 2^1, and so on. Where several are joined at a stride, as in the nested
decoder of U-Net++, they are `skips.1.1`, `skips.1.2`, ... in the order of their calls.
"""

import fnmatch
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from torch import Tensor

from foveate.models.places.place import Place, is_map, place_of
from foveate.models.places.probe import Call, Probe

GROUP = "skips"
WITH_SKIPS = ("fpn", "linknet", "manet", "mssa", "pan", "unet", "unetplusplus", "upernet")
"""The hosts that have such places: what an error names where there are none."""


def skip_places(probe: Probe, encoder: str | None) -> Iterator[Place]:
    """The joins of a probed model outside its `encoder`, from fine to coarse.

    Of submodules one inside the other that are called with the same two maps, the outer one counts.
    """
    found = {name: place for name in probe.finished if (place := _join(probe, name)) is not None}
    outside = {name: place for name, place in found.items() if not _within(name, [*found, encoder or ""])}
    levels: dict[int, list[Place]] = defaultdict(list)
    for place in outside.values():
        levels[round(math.log2(place.stride))].append(place)
    for level, places in sorted(levels.items()):
        for number, place in enumerate(places, 1):
            suffix = f".{number}" if len(places) > 1 else ""
            yield replace(place, name=f"{GROUP}.{level}{suffix}")


def match_skips(names: Iterable[str], text: str) -> list[str]:
    """Those of the names that `skips`, `skips.1` or a pattern such as `skips.[234]` means.

    They come from coarse to fine, as a decoder takes them.

    >>> names = ["decoder", "skips.1.1", "skips.1.2", "skips.2"]
    >>> match_skips(names, "skips"), match_skips(names, "skips.1"), match_skips(names, "skips.[23]")
    (['skips.2', 'skips.1.2', 'skips.1.1'], ['skips.1.2', 'skips.1.1'], ['skips.2'])
    """
    skips = [name for name in names if name.startswith(f"{GROUP}.")]
    matched = [name for name in skips if fnmatch.fnmatch(name, text) or fnmatch.fnmatch(name, f"{text}.*")]
    return matched[::-1] if text.partition(".")[0] == GROUP else []


def _join(probe: Probe, name: str) -> Place | None:
    calls = probe.calls(name)
    if len(calls) != 1 or not is_map(calls[0].output):
        return None
    maps = _maps(calls[0])
    if len(maps) != 2 or not all(value.shape[1] for _, value in maps):
        return None
    found = [place_of(probe, GROUP, name, "input", path) for path, _ in maps]
    returned = place_of(probe, GROUP, name, "output")
    places = [one for one in (*found, returned) if isinstance(one, Place) and one.axes.layout == "b c h w"]
    if len(places) != 3:
        return None
    signal, skip = sorted(places[:2], key=lambda place: place.size[0])
    if not signal.size[0] < skip.size[0] <= places[2].size[0]:
        return None
    note = f", beside {signal.channels} channels at stride {signal.stride:g}"
    return replace(skip, note=note, signal=replace(signal, name="signal"))


def _maps(call: Call) -> list[tuple[tuple, Tensor]]:
    arguments = [((0, at), value) for at, value in enumerate(call.args)]
    arguments += [((1, key), value) for key, value in call.kwargs.items()]
    return [(path, value) for path, value in arguments if is_map(value)]


def _within(name: str, others: Iterable[str]) -> bool:
    return any(other and name.startswith(f"{other}.") for other in others)
