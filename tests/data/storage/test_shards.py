import io
import json
import tarfile

import fsspec
import numpy as np
import pytest
import webdataset
from PIL import Image

from foveate.data.dataset import SPLITS
from foveate.data.open import open_dataset
from foveate.data.pack import key, pack
from foveate.data.storage.addresses import read_bytes
from foveate.errors import DataError


def mixed(make):
    """Pairs of every kind: JPEG, PNG, 16 bits, turned by EXIF, a stem with dots; and masks of 0 and 255."""
    make.pairs(count=9)
    make.save("images/a.b.jpg", make.photo(20))
    deep = np.repeat(np.arange(12 * 16, dtype=np.uint16).reshape(12, 16) * 300, 1, axis=1)
    make.save("images/deep.png", deep)
    turned = Image.Exif()
    turned[0x0112] = 6
    make.save("images/turned.jpg", make.photo(21, (16, 12)), exif=turned)
    for stem in ("a.b", "deep", "turned"):
        make.save(f"masks/{stem}.png", make.mask(22, [0, 255]))
    return make.root


def assert_same(folder, shards) -> None:
    assert shards.name == "shards"
    assert (shards.task, shards.classes, shards.colors) == (folder.task, folder.classes, folder.colors)
    assert shards.split_table() == folder.split_table()
    for split in SPLITS:
        for one, other in zip(folder.index(split), shards.index(split), strict=True):
            image, target = folder.read(one)
            packed, same = shards.read(other)
            assert np.array_equal(image, packed), one.stem
            assert np.array_equal(target, same), one.stem
            assert folder.size_of(one) == tuple(shards.size_of(other))
    assert folder.counts.keys() == shards.counts.keys()
    assert all(np.array_equal(folder.counts[stem], shards.counts[stem]) for stem in folder.counts)


@pytest.mark.parametrize("seed", [0, 3])
def test_shards_are_the_folder_again(make, tmp_path_factory, seed):
    root, out = mixed(make), tmp_path_factory.mktemp("out")
    done = pack(root, out, shard_mb=0.004)
    assert (done.images, done.shards) == (12, len(list(out.glob("all-*.tar"))))
    assert done.shards > 1
    assert_same(open_dataset(root, split_seed=seed), open_dataset(out, split_seed=seed))
    assert "Packed from paired. No split was given" in open_dataset(out).describe()


def test_images_keep_their_bytes_where_a_plain_decoder_sees_the_same(make, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    pack(mixed(make), out)
    with tarfile.open(out / "all-000000.tar") as tar:
        names = tar.getnames()
        assert tar.extractfile("a%2Eb.jpg").read() == (make.root / "images" / "a.b.jpg").read_bytes()
        with Image.open(io.BytesIO(tar.extractfile("turned.png").read())) as image:
            assert image.size == (16, 12)
    assert {"deep.png", "deep.mask.png", "turned.mask.png"} <= set(names)


def test_the_same_data_gives_the_same_bytes(make, tmp_path_factory):
    first, again = tmp_path_factory.mktemp("a"), tmp_path_factory.mktemp("b")
    pack(mixed(make), first)
    pack(make.root, again)
    assert [path.name for path in sorted(first.iterdir())] == ["all-000000.tar", "shards.json"]
    assert all((again / path.name).read_bytes() == path.read_bytes() for path in first.iterdir())


def test_webdataset_reads_them_too(make, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    pack(make.pairs(count=4), out)
    samples = webdataset.WebDataset(str(out / "all-000000.tar"), shardshuffle=False).decode("rgb8")
    seen = {sample["__key__"]: sample for sample in samples}
    assert sorted(seen) == ["00", "01", "02", "03"]
    assert np.array_equal(seen["02"]["png"], make.photo(2))
    assert np.array_equal(seen["02"]["mask.png"][..., 0], make.mask(2, [0, 255]) == 255)


def test_class_folders_and_their_splits(make, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    make.class_folders(**{"train/cat": 20, "train/dog": 20, "test/cat": 5, "test/dog": 5})
    assert pack(make.root, out).shards == 2
    assert sorted(path.name for path in out.glob("*.tar")) == ["test-000000.tar", "train-000000.tar"]
    assert_same(open_dataset(make.root), open_dataset(out))
    with tarfile.open(out / "test-000000.tar") as tar:
        assert tar.extractfile(f"{key('test/dog/000')}.cls").read() == b"1"


@pytest.mark.parametrize("address", ["memory://shelf/photos", "file://{tmp}/photos"])
def test_any_address_will_do(make, address, tmp_path_factory):
    address = address.format(tmp=tmp_path_factory.mktemp("out"))
    pack(make.pairs(), address)
    assert_same(open_dataset(make.root), open_dataset(address))
    with pytest.raises(DataError, match="holds files already; name another folder, or empty this one"):
        pack(make.root, address)
    files, path = fsspec.url_to_fs(address)
    files.rm(path, recursive=True)
    with pytest.raises(DataError, match=r"photos/shards\.json: there is no such file"):
        open_dataset(address)


def test_shards_are_read_from_a_web_server_piece_by_piece(make, server, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    pack(make.pairs(count=4), out)
    server.files = {path.name: path.read_bytes() for path in out.iterdir()}
    entry = open_dataset(out).index("test")[0]
    content = (out / "all-000000.tar").read_bytes()
    assert read_bytes(server.url("all-000000.tar"), entry.image_span) == content[slice(*entry.image_span)]
    assert_same(open_dataset(make.root), open_dataset(server.url("").rstrip("/")))


def test_names_of_classes_are_decided_when_packing(make, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    pack(make.pairs(values=(0, 1, 2)), out, classes=["road", "ignore", "car"])
    assert open_dataset(out).classes == open_dataset(out, ["road", "car"]).classes == ("road", "car")
    assert_same(open_dataset(make.root, ["road", "ignore", "car"]), open_dataset(out))
    with pytest.raises(
        DataError, match="the shards hold the classes road, car; leave --classes out, or give"
    ):
        open_dataset(out, ["a", "b"])


def change(path, **values) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_packing_that_fails_leaves_no_folder(make, tmp_path_factory):
    root, out = make.pairs(count=3), tmp_path_factory.mktemp("out") / "shards"
    image = sorted((root / "images").iterdir())[0]
    image.write_bytes(image.read_bytes()[:-200])
    with pytest.raises(DataError, match="damaged or truncated"):
        pack(root, out)
    assert not out.exists()


def test_shards_that_are_damaged_are_reported(make, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    pack(make.pairs(), out)
    shard, index = out / "all-000000.tar", out / "shards.json"
    dataset = open_dataset(out)
    last = max(dataset.splits["train"], key=lambda entry: entry.mask_span)
    whole = shard.read_bytes()
    shard.write_bytes(whole[: last.mask_span[1] - 5])
    with pytest.raises(DataError, match=rf"all-000000\.tar: ends before byte {last.mask_span[1]}; copy"):
        dataset.read(last)
    shard.write_bytes(b"\0" * len(whole))
    with pytest.raises(DataError, match=rf"all-000000\.tar:{last.stem}: not an image that can be read"):
        dataset.read(last)
    shard.unlink()
    with pytest.raises(DataError, match=r"all-000000\.tar: there is no such file"):
        dataset.read(last)
    text = index.read_text()
    change(index, format="foveate shards 0")
    with pytest.raises(DataError, match="has the format 'foveate shards 0', not 'foveate shards 1'; pack"):
        open_dataset(out)
    index.write_text(text.replace("all-000000.tar", "../all-000000.tar"))
    with pytest.raises(DataError, match=r"the index is damaged .*lies in another folder"):
        open_dataset(out)
    index.write_text(text)
    change(index, parts=[])
    with pytest.raises(DataError, match=r"shards\.json: the index is damaged"):
        open_dataset(out)
    index.write_text(text[:-9])
    with pytest.raises(DataError, match=r"shards\.json: the index is damaged"):
        open_dataset(out)


def test_packing_into_nothing_sensible_is_refused(make, tmp_path_factory):
    root = make.pairs()
    with pytest.raises(DataError, match=r"images: holds files already"):
        pack(root, root / "images")
    with pytest.raises(DataError, match="shard_mb is 0; give a shard"):
        pack(root, tmp_path_factory.mktemp("out"), shard_mb=0)
    with pytest.raises(DataError, match=r"nothing://a: .*nothing"):
        pack(root, "nothing://a")


STREAM = """
import json
import torch.distributed as dist
from foveate.loading.module import DataModule
from foveate.specs.data import DataSpec

if world > 1:
    dist.init_process_group("gloo", init_method=f"file://{out}.rendezvous", rank=rank, world_size=world)
spec = DataSpec(source, size=(12, 16), batch=2, workers=workers, memory_gb=0.0)
module = DataModule(spec, seed=5)
loader = module.train_dataloader()
seen = []
for epoch in range(2):
    loader.sampler.set_epoch(epoch)
    seen.append([stem for batch in loader for stem in batch["stem"]])
seen.append([stem for batch in module.val_dataloader() for stem in batch["stem"]])
with open(f"{out}.{rank}", "w") as file:
    json.dump(seen, file)
"""


def test_two_processes_see_every_sample_once_in_the_order_of_one(make, begin, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    pack(make.pairs(count=18), out / "shards", shard_mb=0.002)

    source = f"file://{out}/shards"
    exec(STREAM, {"source": source, "rank": 0, "world": 1, "workers": 0, "out": str(out / "alone")})
    names = {"source": source, "world": 2, "workers": 2, "out": str(out / "together")}
    processes = [begin(STREAM, rank=rank, **names) for rank in range(2)]
    for process in processes:
        process.join(300)
    assert [process.exitcode for process in processes] == [0, 0]
    seen = [json.loads((out / name).read_text()) for name in ("alone.0", "together.0", "together.1")]
    alone, first, second = seen
    table = open_dataset(out / "shards").split_table()
    train = table["train"]
    assert (len(train) % 2, len(table["val"]) % 2) == (0, 1)
    assert first[2] == second[2] == alone[2] == table["val"], "each process scores every image once"
    for epoch in range(2):
        together = [stem for pair in zip(first[epoch], second[epoch], strict=True) for stem in pair]
        assert sorted(together) == sorted(train), "every sample once"
        assert together == alone[epoch], "in the order in which one process sees them"
    assert alone[0] != alone[1]
