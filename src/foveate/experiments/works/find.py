"""Find the files of the works: in a checkout beside the sources, in an installed package inside it."""

from pathlib import Path

from foveate.errors import UserError, choose

REPRODUCE, PARTS = "reproduce", "works"
"""The folders of the works, and of the comparisons that are their parts."""


def configs() -> Path:
    """Return the folder of the product's config files."""
    package = Path(__file__).resolve().parents[2]
    installed = package / "configs"
    return installed if installed.is_dir() else package.parents[1] / "configs"


def work_names() -> tuple[str, ...]:
    """Return the names of the works.

    >>> work_names()
    ('afma', 'mssa', 'reduce-misclassification', 'residual-attention', 'smooth-attention')
    """
    return tuple(sorted(path.stem for path in (configs() / REPRODUCE).glob("*.yaml")))


def find_work(work: str) -> Path:
    """Return the file of a work, given by name or by its file. Raises `UserError` if there is none."""
    if work.endswith((".yaml", ".yml")):
        if not Path(work).is_file():
            raise UserError(
                f"{work}: there is no such file; name a work ({', '.join(work_names())}) or a file"
            )
        return Path(work)
    return configs() / REPRODUCE / f"{choose(work, work_names(), 'work')}.yaml"


def parts_folders(work: Path) -> tuple[Path, ...]:
    """Return where the parts of a work are looked for: beside its file, then among those of the product."""
    return work.parent, configs() / PARTS
