"""`foveate data`: public datasets (list, info, get), a look at any dataset (show), and shards (pack)."""

from pathlib import Path
from typing import TYPE_CHECKING

from foveate.cli.flags import DataFlags, FolderFlags
from foveate.errors import UserError

if TYPE_CHECKING:
    from foveate.data.layout import DatasetInfo

COMMANDS = {
    "list": "list the public datasets that foveate reads",
    "info": "show one of them: classes, splits, licence, citation, size, how to get it",
    "get": "download one of them, or check a downloaded one",
    "show": "show images, masks, and what augmentation makes of them, on one HTML page",
    "pack": "write any dataset as shards, which stream from disks, servers and object stores",
}


def list_() -> None:
    """List the public datasets that foveate reads.

    Example:
      foveate data list
    """
    from foveate.data.layout import catalogue

    infos = catalogue().values()
    width = max(len(info.name) for info in infos)
    print(f"{'name':<{width}}  {'classes':>7}  {'images':>7}  {'size':>7}  {'get':<8}  what")
    for info in infos:
        classes, images = len(info.classes) or "-", info.images or "-"
        how = "download" if info.downloads else "by hand"
        size = _size(info.bytes) if info.bytes else "-"
        print(f"{info.name:<{width}}  {classes:>7}  {images:>7}  {size:>7}  {how:<8}  {info.title}")


def info(name: str) -> None:
    """Show the facts about a public dataset.

    Args:
        name: as foveate data list shows it.

    Example:
      foveate data info camvid
    """
    from foveate.data.layout import dataset_info

    known = dataset_info(name)
    colors = known.colors or (None,) * len(known.classes)
    classes = [
        label + (f" {color}" if color else "") for label, color in zip(known.classes, colors, strict=True)
    ]
    splits = ", ".join(f"{split} {count}" for split, count in known.splits.items())
    rows = {
        "task": known.task,
        "classes": f"{len(classes)}: {', '.join(classes)}" if classes else "as the files name them",
        "images": known.images or "see the home page",
        "splits": splits or "none of its own; foveate cuts 70/15/15",
        "size": _size(known.bytes) if known.bytes else "see the home page",
        "licence": known.licence,
        "citation": known.citation,
        "home page": known.home,
        "layout": known.layout,
    }
    print(f"{known.name}: {known.title}\n")
    width = max(map(len, rows))
    for what, value in rows.items():
        print(f"{what:<{width}}  {value}")
    print(f"\n{_how_to_get(known, f'data/{name}')}")


def get(name: str, *, out: str | None = None) -> int:
    """Download a public dataset, or say how to get it by hand; check the folder if it holds files.

    An interrupted download continues where it stopped.

    Args:
        name: as foveate data list shows it.
        out: the folder of the dataset; data/NAME if not given.

    Example:
      foveate data get cifar10 --out data/cifar10
    """
    from foveate.data.get import get as fetch
    from foveate.data.get import holds_files, verify
    from foveate.data.layout import dataset_info
    from foveate.data.open import open_dataset

    known = dataset_info(name)
    folder = Path(out or f"data/{name}")
    if folder.is_file():
        raise UserError(f"--out: {folder} is a file; name a folder")
    if holds_files(folder):
        verify(known, folder)
    elif not known.downloads:
        print(_how_to_get(known, folder))
        return 2
    else:
        from foveate.cli.progress import progress

        with progress(f"Getting {name}") as advance:
            fetch(known, folder, advance)
    print(open_dataset(folder, to_score=True).describe())
    print(folder)
    return 0


def show(
    data: str,
    images: DataFlags,
    *,
    out: str = "preview.html",
    policies: list[str] | None = None,
    limit: int = 6,
    draws: int = 4,
    seed: int = 0,
) -> None:
    """Show training images, their masks, and what augmentation makes of them, on one HTML page.

    Args:
        data: a folder of images with masks or of class folders, or the word synthetic.
        out: the HTML file.
        policies: names of augmentations to show, such as light strong tutorial; that of the flags if not
            given.
        limit: at most this many training images, evenly spread.
        draws: augmentations of each image, those of the first epochs.
        seed: the seed of the augmentation, as of a run.

    Example:
      foveate data show photos/ --policies light strong tutorial --out preview.html
    """
    from foveate.api.preview import preview

    print(preview(images.spec(data), out, policies or (), limit, draws, seed))


def pack(
    data: str,
    *,
    folder: FolderFlags,
    out: str | None = None,
    shard_mb: float = 256,
    classes: list[str] | None = None,
) -> None:
    """Write a dataset as shards: plain tar files that stream well from disks, servers and object stores.

    foveate fit and compare read shards like a folder: the same splits, names and pixels.

    Args:
        data: a folder of images with masks or of class folders, or the word synthetic.
        out: a new folder, or an address such as s3://bucket/photos; shards/ and the name of the data if not
            given.
        shard_mb: size of a shard in megabytes.
        classes: class names in the order of their ids, or bound to mask values, as for fit.

    Example:
      foveate data pack photos/ --out shards/photos --shard-mb 256
    """
    from foveate.cli.progress import progress
    from foveate.data.pack import pack as write
    from foveate.specs.bindings import split_words

    target = out or f"shards/{Path(data).name}"
    with progress("Packing") as advance:
        done = write(data, target, classes and split_words(classes), shard_mb, advance, folder.choice)
    print(f"{done.images} images in {done.shards} shards ({_size(done.bytes)}): {target}")


def _how_to_get(info: "DatasetInfo", folder: str | Path) -> str:
    command = f"foveate data get {info.name} --out {folder}"
    if info.downloads:
        return "\n".join([f"get it: {command}", *(f"  {file.url}" for file in info.downloads)])
    steps = [*info.steps, f"check it: {command}"]
    lines = "\n".join(f"  {number}. {step}" for number, step in enumerate(steps, 1))
    return f"{info.name} cannot be downloaded directly; get it by hand:\n{lines}"


def _size(count: int) -> str:
    """Format bytes in MB or GB.

    >>> _size(170_498_071), _size(11_000_000_000)
    ('170 MB', '11.0 GB')
    """
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
