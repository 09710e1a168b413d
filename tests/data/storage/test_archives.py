"""What an archive may do when it is unpacked, and what it may not."""

import errno
import io
import random
import tarfile
import zipfile

import pytest

from foveate.data.open import open_dataset
from foveate.data.storage.archives import is_archive, unpack, unpacked_size
from foveate.data.storage.unpacked import MAX_NESTING, unpack_into
from foveate.errors import DataError

CONTENT = bytes(range(256)) * 40


def zipped(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def tarred(path, members, mode="w:gz"):
    with tarfile.open(path, mode) as file:
        for member, content in members:
            member = tarfile.TarInfo(member) if isinstance(member, str) else member
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    return path


def link(kind, target):
    member = tarfile.TarInfo("a.png")
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize(
    ("name", "mode"),
    [("a.tar", "w"), ("a.tar.gz", "w:gz"), ("a.tgz", "w:gz"), ("a.tar.bz2", "w:bz2"), ("a.tar.xz", "w:xz")],
)
def test_tars_are_unpacked_whatever_they_are_compressed_with(tmp_path, name, mode):
    noise = random.Random(0).randbytes(5 << 20)
    archive = tarred(tmp_path / name, [("images/a.png", CONTENT), ("b.txt", b""), ("c.bin", noise)], mode)
    assert is_archive(archive)
    read = []
    unpack(archive, tmp_path / "out", progress=read.append)
    assert (tmp_path / "out" / "images" / "a.png").read_bytes() == CONTENT
    assert (tmp_path / "out" / "b.txt").read_bytes() == b""
    assert (tmp_path / "out" / "c.bin").read_bytes() == noise
    assert sum(read) == archive.stat().st_size
    assert len(read) >= 5
    assert max(read) < 2.5e6


def test_how_far_a_zip_is_read_never_goes_back(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        for name in "abc":
            file.writestr(f"{name}.bin", random.Random(name).randbytes(2 << 20))
        file.filelist.reverse()  # its list of members, which is at its end
    read = []
    unpack(tmp_path / "a.zip", tmp_path / "out", progress=read.append)
    assert min(read) > 0
    assert sum(read) == (tmp_path / "a.zip").stat().st_size


def test_zips_are_unpacked_with_their_empty_folders_left_out(tmp_path):
    archive = zipped(tmp_path / "a.zip", **{"images/": b"", "images/a.png": CONTENT})
    unpack(archive, tmp_path / "out")
    assert (tmp_path / "out" / "images" / "a.png").read_bytes() == CONTENT


def test_zips_of_windows_are_unpacked_into_folders(tmp_path):
    archive = zipped(tmp_path / "a.zip", **{"images\\a.png": CONTENT, "masks\\inner\\a.png": CONTENT})
    unpack(archive, tmp_path / "out")
    assert (tmp_path / "out" / "images" / "a.png").read_bytes() == CONTENT
    assert (tmp_path / "out" / "masks" / "inner" / "a.png").read_bytes() == CONTENT


def test_zips_whose_names_are_of_another_encoding_are_read(make, monkeypatch, tmp_path):
    """Names in GBK without the flag of UTF-8 come out strange, but the same for an image and its mask."""
    monkeypatch.setenv("FOVEATE_CACHE", str(tmp_path / "cache"))
    make.pairs("in/images", "in/masks", count=6)
    packed = tmp_path / "packed"
    packed.mkdir()
    with zipfile.ZipFile(packed / "data.zip", "w") as archive:
        for path in sorted((make.root / "in").rglob("*.png")):
            archive.write(path, f"{path.parent.name}/XXXX{path.name}")
    content = (packed / "data.zip").read_bytes().replace(b"XXXX", "\u56fe\u7247".encode("gbk"))
    (packed / "data.zip").write_bytes(content)
    dataset = open_dataset(packed)
    assert (len(dataset), dataset.cautions) == (6, ())
    assert all(dataset.read(entry)[0].shape == (12, 16, 3) for entry in dataset.index("train"))


@pytest.mark.parametrize(
    "name", ["../a.png", "/tmp/a.png", "images/../../a.png", "..\\a.png", "C:/a.png", "."]
)
def test_members_that_escape_their_folder_are_refused(tmp_path, name):
    for archive in (
        zipped(tmp_path / "a.zip", **{name: CONTENT}),
        tarred(tmp_path / "a.tar.gz", [(name, CONTENT)]),
    ):
        with pytest.raises(DataError, match=r"a\.(zip|tar\.gz): the member '.*' would be written outside"):
            unpack(archive, tmp_path / "in" / "out")
    assert not list(tmp_path.rglob("*.png"))
    assert not list((tmp_path / "in").iterdir())


@pytest.mark.parametrize(
    "member",
    [
        link(tarfile.SYMTYPE, "/etc/passwd"),
        link(tarfile.LNKTYPE, "../b"),
        link(tarfile.FIFOTYPE, ""),
        link(tarfile.CHRTYPE, ""),
    ],
)
def test_links_and_devices_are_refused(tmp_path, member):
    with pytest.raises(
        DataError, match=r"a\.tar\.gz: the member 'a\.png' is a link or a device, which no dataset"
    ):
        unpack(tarred(tmp_path / "a.tar.gz", [(member, b"")]), tmp_path / "out")


def test_links_in_zips_are_refused(tmp_path):
    info = zipfile.ZipInfo("a.png")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr(info, "/etc/passwd")
    with pytest.raises(DataError, match=r"a\.zip: the member 'a\.png' is a link or a device"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


@pytest.mark.parametrize("share", [0.02, 0.4, 0.9, 0.999])
@pytest.mark.parametrize(
    ("name", "mode"), [("a.tar", "w"), ("a.tar.gz", "w:gz"), ("a.tar.xz", "w:xz"), ("a.zip", "")]
)
def test_truncated_archives_are_reported_and_leave_nothing(tmp_path, name, mode, share):
    members = [(f"images/{number}.png", CONTENT[number:]) for number in range(5)]
    archive = zipped(tmp_path / name, **dict(members)) if not mode else tarred(tmp_path / name, members, mode)
    content = archive.read_bytes()
    # The last blocks of a plain tar are padding, which may be missing.
    whole = 5 * (512 + 10_240) if name == "a.tar" else len(content)
    archive.write_bytes(content[: int(share * whole)])
    with pytest.raises(
        DataError, match=rf"{name}: the archive is damaged or truncated \(.*\); download it again"
    ):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]


def test_a_tar_that_ends_between_two_members_is_truncated(tmp_path):
    archive = tarred(tmp_path / "a.tar", [("a.png", b"x" * 512), ("b.png", b"x" * 512)], "w")
    archive.write_bytes(archive.read_bytes()[: 2 * 512])
    with pytest.raises(DataError, match="damaged or truncated"):
        unpack(archive, tmp_path / "out")


def test_a_member_that_unpacks_to_more_than_the_limit_is_refused_before_it_is_written(tmp_path):
    archive = zipped(tmp_path / "a.zip", **{"a.txt": b"a" * 100, "bomb.txt": bytes(10**6)})
    with pytest.raises(
        DataError, match=r"unpacks to more than the limit of 0\.0005 GB .*'bomb\.txt' does not"
    ):
        unpack(archive, tmp_path / "out", limit_bytes=500_000)
    unpack(archive, tmp_path / "out", limit_bytes=1_000_100)


def test_archives_in_an_archive_share_its_limit(tmp_path):
    inner = zipped(tmp_path / "inner.zip", **{"b.bin": CONTENT}).read_bytes()
    outer = zipped(tmp_path / "outer.zip", **{"a.zip": inner, "b.zip": inner})
    whole = 2 * (len(inner) + len(CONTENT))
    (tmp_path / "small").mkdir()
    with pytest.raises(DataError, match=r"b\.zip: unpacks to more than the limit"):
        unpack_into(outer, tmp_path / "small", limit_bytes=whole - 1)
    (tmp_path / "large").mkdir()
    assert unpack_into(outer, tmp_path / "large", limit_bytes=whole) == whole


def test_a_name_that_is_no_text_is_damage(tmp_path):
    archive = zipped(tmp_path / "a.zip", **{"é.png": CONTENT})
    archive.write_bytes(archive.read_bytes().replace("é".encode(), b"\xff\xfe"))
    with pytest.raises(DataError, match=r"a\.zip: the archive is damaged or truncated"):
        unpack(archive, tmp_path / "out")


def test_a_full_disk_is_no_fault_of_the_archive(tmp_path):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        unpack(zipped(tmp_path / "a.zip", **{"a.png": CONTENT}), tmp_path / "out", progress=full)
    assert not (tmp_path / "out").exists()


def test_other_files_are_no_archives(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"words")
    with pytest.raises(DataError, match=r"a\.zip: the archive is damaged or truncated"):
        unpack(tmp_path / "a.zip", tmp_path / "out")
    with pytest.raises(DataError, match=r"b\.zip: there is no such file"):
        unpack(tmp_path / "b.zip", tmp_path / "out")


def test_an_archive_that_contains_itself_is_given_up(tmp_path):
    archive = zipped(tmp_path / "a.zip", **{"b.txt": b"b"})
    for _ in range(MAX_NESTING):
        archive.write_bytes(zipped(tmp_path / "next", **{"a.zip": archive.read_bytes()}).read_bytes())
    (tmp_path / "out").mkdir()
    words = (
        r"a\.zip(/a\.zip){3}: holds archives inside archives more than 4 deep, as one that contains itself"
    )
    with pytest.raises(DataError, match=words):
        unpack_into(archive, tmp_path / "out")


def test_damage_inside_an_archive_is_named_by_the_way_to_it(tmp_path):
    archive = zipped(tmp_path / "a.zip", **{"deep/b.zip": b"words"})
    with pytest.raises(DataError, match=rf"^{tmp_path}/a\.zip/deep/b\.zip: the archive is damaged"):
        unpack_into(archive, tmp_path)


@pytest.mark.parametrize(
    ("there", "members", "words"),
    [
        ("a", {"b.txt": b""}, r"a\.zip: 'a' is a folder in the archive, but not in the folder that it is"),
        ("x", {"x/b.txt": b""}, r"a\.zip: 'x' is a folder in the archive, but"),
        ("x/y/z.txt", {"x/y": b"", "x/z/b.txt": b""}, r"a\.zip: 'y' is a file in the archive, but"),
    ],
)
def test_a_file_and_a_folder_of_one_name_are_reported(tmp_path, there, members, words):
    archive = zipped(tmp_path / "a.zip", **members)
    path = tmp_path / "out" / there
    path.parent.mkdir(parents=True)
    path.write_bytes(b"mine")
    with pytest.raises(DataError, match=words):
        unpack_into(archive, tmp_path / "out")
    assert path.read_bytes() == b"mine"


def test_what_zips_and_plain_tars_unpack_to_is_known_beforehand(tmp_path):
    members = [("a.png", CONTENT), ("b/c.png", CONTENT)]
    assert unpacked_size(zipped(tmp_path / "a.zip", **dict(members))) == 2 * len(CONTENT)
    plain = tarred(tmp_path / "a.tar", members, "w")
    assert unpacked_size(plain) == plain.stat().st_size
    assert unpacked_size(tarred(tmp_path / "a.tar.gz", members)) is None
