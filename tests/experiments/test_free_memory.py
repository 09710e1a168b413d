"""Free memory: the machine's, or what control groups of either version leave."""

import os
from types import SimpleNamespace

import psutil
import pytest

from foveate.experiments.free_memory import free_memory

GB = 10**9
NAMES = {
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    2: ("memory.max", "memory.current", "inactive_file"),
}


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=8 * GB))


def write(folder, version, limit, used=0, cached=0):
    names = NAMES[version]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\n{names[2]} {cached}\n")


def listed(tmp_path, *lines):
    own = tmp_path / "own"
    own.write_text("".join(f"{line}\n" for line in lines))
    return own


def test_without_control_groups_it_is_the_machine_s(tmp_path, monkeypatch):
    assert free_memory(tmp_path, tmp_path / "own") == 8 * GB
    monkeypatch.delattr(os, "sysconf", raising=False)  # as on Windows
    assert free_memory(tmp_path, tmp_path / "own") == 8 * GB


@pytest.mark.parametrize(("version", "line"), [(1, "4:cpu,memory:/jobs/7"), (2, "0::/jobs/7")])
def test_the_tightest_group_around_the_process_counts(tmp_path, version, line):
    own, root = listed(tmp_path, "7:blkio:/", line), tmp_path / ("memory" if version == 1 else "")
    write(root / "jobs" / "7", version, 6 * GB, used=2 * GB, cached=GB)
    assert free_memory(tmp_path, own) == 5 * GB
    write(root / "jobs", version, 10 * GB, used=7 * GB)
    assert free_memory(tmp_path, own) == 3 * GB
    write(root, version, 2 * GB, used=3 * GB)
    assert free_memory(tmp_path, own) == 0


@pytest.mark.parametrize(("version", "line"), [(1, "4:memory:/docker/ab12"), (2, "0::/docker/ab12")])
def test_a_container_sees_its_own_group_as_the_root(tmp_path, version, line):
    own, root = listed(tmp_path, line), tmp_path / ("memory" if version == 1 else "")
    write(root, version, 4 * GB, used=GB)
    assert free_memory(tmp_path, own) == 3 * GB


@pytest.mark.parametrize(("version", "none"), [(1, 2**63 - 4096), (2, "max")])
def test_a_group_without_a_limit_leaves_it_to_the_machine(tmp_path, version, none):
    write(tmp_path / ("memory" if version == 1 else ""), version, none, used=GB)
    assert free_memory(tmp_path, listed(tmp_path, "4:memory:/", "0::/")) == 8 * GB


def test_of_two_versions_side_by_side_the_tighter_counts(tmp_path):
    own = listed(tmp_path, "4:memory:/a", "0::/a")
    write(tmp_path / "memory" / "a", 1, 5 * GB)
    write(tmp_path / "a", 2, 3 * GB)
    assert free_memory(tmp_path, own) == 3 * GB
