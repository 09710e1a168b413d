"""The free memory of this process: what the machine has left, limited by Linux control groups.

Containers and batch systems limit the memory of a process by control groups. There are two versions of their
files. A process is limited by its own group and by every group that encloses it. Other systems have no such
files and no limit.
"""

from collections.abc import Iterator
from pathlib import Path

import psutil

VERSIONS = {
    "": ("", "memory.max", "memory.current", "inactive_file"),
    "memory": ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}
"""Where the memory controller is found, by its name in a process's list of groups ("" for version 2).

Folder of the groups, file of the limit, file of the usage, and the entry of memory.stat for cached files:
they
count as used, but are dropped when memory is needed."""


def free_memory(groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """Return the bytes that this process may still take.

    groups: where control groups are mounted. own: the file that lists the groups of the process.

    >>> 0 <= free_memory() <= psutil.virtual_memory().total
    True
    """
    return max(0, min([psutil.virtual_memory().available, *_left(groups, own)]))


def _left(groups: Path, own: Path) -> Iterator[int]:
    """Yield the bytes left in each group of the process, and each that encloses it, that has a limit."""
    try:
        lines = own.read_text().splitlines()
    except OSError:  # not Linux
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        for controller in VERSIONS.keys() & controllers.split(","):
            folder, limit, used, cached = VERSIONS[controller]
            root = groups / folder
            own_group = root / path.lstrip("/")
            for group in (own_group, *own_group.parents):
                if not group.is_relative_to(root):
                    break
                try:
                    stat = dict(entry.split() for entry in (group / "memory.stat").read_text().splitlines())
                    size = int((group / limit).read_text())
                    yield size - int((group / used).read_text()) + int(stat[cached])
                except (OSError, KeyError, ValueError):  # hidden by the container, or no limit ("max")
                    continue
