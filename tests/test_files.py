import errno
import os
import stat
import subprocess
import sys

import pytest

from foveate.errors import UserError
from foveate.files import folder_lock, write_whole


def test_writes_the_whole_file_and_leaves_no_temporary_file(tmp_path):
    with write_whole(tmp_path / "a.bin") as file:
        file.write(b"new")
        assert not (tmp_path / "a.bin").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]
    assert (tmp_path / "a.bin").read_bytes() == b"new"


@pytest.mark.parametrize("name", ["x" * 255, "图" * 85], ids=["ASCII", "Chinese"])
def test_a_file_of_the_longest_name_is_written(name, tmp_path):
    with write_whole(tmp_path / name) as file:
        file.write(b"whole")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_failed_write_keeps_the_old_content(tmp_path):
    (tmp_path / "a.txt").write_text("old")

    def fill_the_disk():
        with write_whole(tmp_path / "a.txt", "w") as file:
            file.write("half of the new")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space left"):
        fill_the_disk()
    assert (tmp_path / "a.txt").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_the_file_has_the_permissions_that_open_gives(tmp_path):
    (tmp_path / "plain").touch()
    with write_whole(tmp_path / "whole") as file:
        file.write(b"")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "whole")}
    assert len(modes) == 1


def test_a_locked_folder_refuses_a_second_process_until_the_first_ends(tmp_path):
    words = "from pathlib import Path; import sys; from foveate.files import folder_lock\n"
    hold = f"{words}with folder_lock(Path(sys.argv[1])):\n    print('held', flush=True); sys.stdin.read()"
    other = subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "held\n"
    with (
        pytest.raises(UserError, match="another foveate process is writing to this folder"),
        folder_lock(tmp_path),
    ):
        pass
    other.kill()
    other.communicate()
    with folder_lock(tmp_path):
        assert list(tmp_path.iterdir()) == []
