"""How much memory is free here: the least of what the machine has and what its containers allow.

Containers and batch systems bound a process by Linux control groups, in files of two versions. Each group and
those around it may have a limit; what other systems have is no file, and no limit.
"""

from collections.abc import Iterator
from pathlib import Path

import psutil

VERSIONS = {
    "": ("", "memory.max", "memory.current", "inactive_file"),
    "memory": ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}
"""By the controller as a process's list of groups names it, none for version 2: the folder of its groups, the
files of limit and usage, and the entry of memory.stat with files that were read, which count as used until
somebody needs the room."""


def free_memory(groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """Bytes that this process may still take.

    groups: where control groups are mounted. own: the list of those that the process is in.

    >>> 0 <= free_memory() <= psutil.virtual_memory().total
    True
    """
    return max(0, min([psutil.virtual_memory().available, *_left(groups, own)]))


def _left(groups: Path, own: Path) -> Iterator[int]:
    """What each group with a limit has left, the process's own and those around it."""
    try:
        lines = own.read_text().splitlines()
    except OSError:  # no Linux
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        for controller in VERSIONS.keys() & controllers.split(","):
            folder, limit, used, cached = VERSIONS[controller]
            root = groups / folder
            group = root / path.lstrip("/")
            for one in (group, *group.parents):
                if not one.is_relative_to(root):
                    break
                try:
                    stat = dict(entry.split() for entry in (one / "memory.stat").read_text().splitlines())
                    yield int((one / limit).read_text()) - int((one / used).read_text()) + int(stat[cached])
                except (OSError, KeyError, ValueError):  # not to be seen from in here, or no limit ("max")
                    continue
