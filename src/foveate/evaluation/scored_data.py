"""The images that a run is scored on, opened once, and what the user should know about them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from foveate.data.bands import BandScale
from foveate.data.dataset import Dataset
from foveate.data.known import KnownClasses, known_classes
from foveate.data.open import is_path
from foveate.errors import UserError, choose
from foveate.evaluation.scores import Scores
from foveate.loading.module import DataModule
from foveate.models.host import Host
from foveate.prediction.backends.exported import ExportedNetwork
from foveate.prediction.bands import scale_of
from foveate.specs.bindings import class_names, is_binding, parse_bindings
from foveate.specs.data import ANY_FOLDER, DataSpec, FolderChoice
from foveate.specs.run import RunSpec
from foveate.training.run_directory import Run


@dataclass(frozen=True)
class ScoredData:
    """Images to score a run with.

    run: its directory, or an exported file. data, size: as asked for; None for the run's own. module: the
    opened data. guessed: whether mask values of other data are interpreted anew.
    """

    run: Path
    data: str | Path | None
    split: str
    size: tuple[int, int] | None
    module: DataModule
    guessed: bool = False

    @property
    def stems(self) -> tuple[str, ...]:
        """The names of the images that are scored."""
        return tuple(entry.stem for entry in self.module.dataset.index(self.split))

    @property
    def groups(self) -> dict[str, str]:
        """The group of each of these images that is in one."""
        entries = self.module.dataset.index(self.split)
        return {entry.stem: entry.group for entry in entries if entry.group is not None}

    def notes(self, scores: Scores, runs: Sequence[Path] = ()) -> list[str]:
        """Return sentences on absent classes, guessed mask values and scores that are too high.

        runs: all that predict together; the run alone if not given.
        """
        notes = [
            absent_note(scores) if self.data is not None else "",
            self._guess_note(),
            self._caution(runs),
        ]
        return [note for note in notes if note]

    def _guess_note(self) -> str:
        """Return a sentence if mask values of other data are interpreted anew, else an empty string.

        So it is with runs of older versions and runs on data that name their classes: neither records what
        mask values stand for.
        """
        if not self.guessed:
            return ""
        return (
            f"{self.run} does not record what mask values stand for; those of {self.data} were taken for "
            f"{', '.join(self.module.dataset.table or ())}. Where that is wrong, add --classes with the "
            "right values."
        )

    def seen_by(self, runs: Sequence[Path]) -> list[str]:
        """Return the names of the scored images that one of the runs was trained with or chosen by."""
        return sorted(set().union(*map(self._known_to, runs)))

    def _caution(self, runs: Sequence[Path]) -> str:
        """Return a warning if scores on these images overestimate scores on new images, or ""."""
        if self.data is None and self.split == "train":
            return ""
        seen = self.seen_by(runs or (self.run,))
        if len(runs) > 1 and seen:
            return (
                f"{len(seen)} of these {len(self.stems)} images have names of images that some of the "
                f"{len(runs)} runs were trained with or chosen by, as with folds: scores and gain are too "
                "high, and there is no verdict. Score the ensemble on images that none of its runs has seen."
            )
        if self.data is not None and seen:
            return (
                f"{len(seen)} of these {len(self.stems)} images have names of images that the run was "
                f"trained with: expect lower scores on new images. `foveate evaluate {self.run}` scores its "
                "own test images."
            )
        own = Run(self.run).splits if self.data is None else {}
        if own and own[self.split] == own["val"]:
            return (
                "The best epoch was chosen on these images too: expect slightly lower scores on new images."
            )
        return ""

    def _known_to(self, run: Path) -> set[str]:
        """Return the scored images that a run has seen before; none if it does not name its images.

        Of the run's own data, the images of the split that is asked for are meant to be scored.
        """
        if not Run(run).splits_file.is_file() or (self.data is None and self.run == run):
            return set()
        splits = Run(run).splits
        chosen = set(splits["val"]) if self.data is not None or self.split != "val" else set()
        if self.data is None and splits[self.split] == splits["val"]:
            chosen = set()  # told by the sentence on the best epoch
        return set(self.stems) & {*splits["train"], *chosen}


def trained_classes(model: Host | ExportedNetwork) -> tuple[str, ...]:
    """Return the names of the classes that a network was trained on; empty if it does not name them."""
    return (
        model.facts.classes if isinstance(model, ExportedNetwork) else tuple(model.notes.get("classes", ()))
    )


def recorded_spec(run: Path) -> RunSpec | None:
    """Return the spec of a run; None for an exported file, and for weights without one."""
    return Run(run).spec if Run(run).spec_file.is_file() else None


def open_scored(
    run: Path,
    model: Host | ExportedNetwork,
    data: str | Path | None = None,
    split: str = "test",
    size: tuple[int, int] | None = None,
    folder: FolderChoice = ANY_FOLDER,
    classes: Sequence[str] | None = None,
    opened: DataModule | None = None,
) -> ScoredData:
    """Open the images of a split to score a run with; the arguments are those of `evaluate`.

    model: the run's. Raises `UserError` for an unknown split, and for data with other classes or bands.
    """
    choose(split, ("train", "val", "test"), "split")
    exported = isinstance(model, ExportedNetwork)
    trained, scale = trained_classes(model), model.facts.bands if exported else scale_of(model)
    recorded = recorded_spec(run)
    own = data is None and size is None and opened is not None and recorded is not None
    if own and opened.augmented_as(recorded.data).serves(recorded.data, Run(run).splits):
        module = opened
    else:
        trained_at = model.facts.size if exported else model.notes.get("size")
        shape = size or (tuple(trained_at) if trained_at and recorded is None else None)
        module = data_of(run, data, shape, trained, folder, scale, classes)
    check_classes(run, trained or module.classes, module.spec.source, module.classes)
    check_bands(run, scale, module.dataset)
    bound = (recorded and recorded.data.classes) or ()
    told = data is None or classes or any(map(is_binding, bound))
    return ScoredData(run, data, split, size, module, not told and bool(module.dataset.table))


def data_of(
    run: Path,
    data: str | Path | None,
    size: tuple[int, int] | None,
    trained: tuple[str, ...],
    folder: FolderChoice = ANY_FOLDER,
    scale: BandScale | None = None,
    classes: Sequence[str] | None = None,
) -> DataModule:
    """Open the images to evaluate or inspect a run with.

    data: another data set, taken whole unless it has splits; default: the run's own data in its own splits.
    size: height and width; default: the run's. trained: the run's classes, by which other data are read.
    classes: what the mask values of other data stand for, as bindings; default: what they stood for in
    training. folder: what the user says about other data; what was said of the run's own folder holds for
    another, unless it is said anew, or taken back by "none". scale: of the run's bands.

    Raises `UserError` if there are no such images, or if they hold a class or a value that the run does not
    know.
    """
    recorded = recorded_spec(run)
    if data is None and not (recorded and Run(run).splits_file.is_file()):
        raise UserError(f"{run}: does not say which images are its own; name data with the same classes")
    bands = tuple(number + 1 for number in scale.bands.numbers) if scale else None
    spec = recorded or RunSpec(DataSpec("", bands=bands))
    data_spec = replace(spec.data, size=size or spec.data.size)
    if data is None:
        return DataModule(data_spec, spec.seed, spec.training.epochs, Run(run).splits, scale=scale)
    known = known_by(run, data_spec, trained, classes)
    said = asdict(folder.over(data_spec.folder).settled if is_path(data) else folder)
    said |= {"tiles": data_spec.tiles, "tile_overlap": data_spec.tile_overlap}
    said |= {"batch": data_spec.batch, "workers": data_spec.workers, "bands": data_spec.bands}
    other = DataSpec(str(data), data_spec.size, known, **said)
    return DataModule(other, spec.seed, to_score=True, scale=scale)


def known_by(
    run: Path, data: DataSpec, trained: Sequence[str], classes: Sequence[str] | None = None
) -> KnownClasses:
    """Return what a run knows of its classes. data: its own. classes: bindings that replace its table.

    Raises `UserError` for a class that the run was not trained on.
    """
    if classes:
        for name in class_names(classes):
            choose(name, trained, f"class of {run}")
        if not parse_bindings(classes):
            raise UserError(f"--classes: bind the values of the masks, such as {trained[0]}=0")
        return known_classes(str(run), trained, classes)
    if any(map(is_binding, data.classes or ())):
        return known_classes(str(run), trained, data.classes or ())
    numbered = tuple(trained) == tuple(f"class {value}" for value in range(len(trained)))
    names = data.classes or (trained if numbered else None)
    return known_classes(str(run), trained, names or (), data.classes)


def absent_note(scores: Scores) -> str:
    """Return a sentence on the classes that the scored data do not hold, or an empty string."""
    absent = [scored.name for scored in scores.classes if not scored.share]
    if not absent:
        return ""
    return (
        f"Absent from these data: {', '.join(absent)}. Means are over the other "
        f"{len(scores.classes) - len(absent)} of {len(scores.classes)} classes."
    )


def check_classes(run: Path, trained: tuple[str, ...], data: str | Path, classes: tuple[str, ...]) -> None:
    """Raise `UserError` unless a run and other data have the same classes in the same order."""
    if trained != classes:
        raise UserError(
            f"{data} has the classes {', '.join(classes)}, but {run} was trained on {', '.join(trained)}; "
            "score it on data with the same classes in the same order"
        )


def check_bands(run: Path, scale: BandScale | None, data: Dataset) -> None:
    """Raise `UserError` unless the images of other data have the bands that a run was trained on."""
    trained, found = scale.bands.of if scale else 0, data.bands.of if data.bands else 0
    if trained != found:
        words = {0: "RGB pictures"}
        raise UserError(
            f"{data.source} has {words.get(found, f'images of {found} bands')}, but {run} was trained on "
            f"{words.get(trained, f'images of {trained} bands')}; score it on images like those"
        )
