"""The spec of a published work: its data, its parts (each a sweep), its tables, and the scales it runs at.

A file in `configs/reproduce` describes a work. The comparisons in `configs/works` are its parts.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from foveate.errors import UserError, choose
from foveate.files import escapes_folder
from foveate.plain import from_plain, read_yaml
from foveate.specs.sweep import SweepSpec

SCALES = ("paper", "small", "smoke")
"""How large a work is run: as published; on images at hand; on drawn images, to see that all of it works."""


@dataclass(frozen=True)
class Datum:
    """Data of a work at one scale.

    Args:
        title: the name in tables.
        place: the folder or archive below --data-root; None for drawn data.
        source: drawn data, as in `DataSpec`.
        made: a drawn set that is written as files first, NAME:COUNT:HxW, such as leaves:200:96x96.
        known: the name in `foveate list datasets`, which tells where to get the data.
        get: where to get what has no such name.
        target: the class that scores are about, which {target} stands for.
        stand_in: whether it stands for the published data.
        note: what differs from the published data.
        settings: fields of a run, the same in all runs on these data.
        key: of the published data that these are, or stand for.
    """

    title: str
    place: str | None = None
    source: str | None = None
    made: str | None = None
    known: str | None = None
    get: str = ""
    target: str = ""
    stand_in: bool = False
    note: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    key: str = ""

    def __post_init__(self):
        given = [name for name in ("place", "source", "made") if getattr(self, name)]
        if len(given) != 1:
            raise UserError(
                f"the data '{self.title}' need one of place, source and made, not {given or 'none'}"
            )
        if self.place and escapes_folder(self.place):
            raise UserError(f"place is '{self.place}'; name a folder below --data-root")

    @property
    def name(self) -> str:
        """The name of a folder for results on these data.

        >>> Datum("CVC-612", place="polyp_cvc612", key="kvasir", stand_in=True).name
        'kvasir-polyp_cvc612'
        """
        end = re.sub(r"[^\w.-]+", "-", self.place or self.made or self.source or "")
        return f"{self.key}-{end}" if self.stand_in else self.key

    @property
    def heading(self) -> str:
        """The name in tables, with the word stand-in where it is one."""
        return f"{self.title} (stand-in)" if self.stand_in else self.title


@dataclass(frozen=True)
class Line:
    """A row or a column of a table: what its cells have in common.

    Args:
        name: as printed.
        part, data: the part of the work, and the published data.
        arms: patterns of arms, such as two_branch(activation=*). Of several, the one that scored best on the
            validation images is shown.
        values: of swept fields.
        shows: what is shown, instead of what the table shows.
        mean: names of other columns, whose mean is shown.
        network: arguments of a network that is built for this line, and not trained.
        published: the printed cells of a row, in the order of the columns; null where none is known.
        absent: why none of its cells has runs.
        digits, percent: as in `Table`, for what these lines show.
    """

    name: str
    part: str | None = None
    data: str | None = None
    arms: tuple[str, ...] = ()
    values: dict[str, Any] = field(default_factory=dict)
    shows: str | None = None
    mean: tuple[str, ...] = ()
    network: dict[str, Any] = field(default_factory=dict)
    published: tuple[str | None, ...] = ()
    absent: str = ""
    digits: int | None = None
    percent: bool | None = None


@dataclass(frozen=True)
class Table:
    """A table of a work.

    Args:
        title: as printed.
        rows, columns: see `Line`. A cell takes from its row what its column does not say.
        shows: a score, as --judge takes it, with {target} for the class that the data are about; or error,
            found:SHARE (objects found of at most this share of the image), parameters, depth, fps or flops.
            Of several, each has a table of its own.
        digits: decimals of our values.
        percent: whether scores are printed in percent.
        note: a sentence below the table.
    """

    title: str
    rows: tuple[Line, ...]
    columns: tuple[Line, ...]
    shows: tuple[str, ...] = ("miou",)
    digits: int = 3
    percent: bool = False
    note: str = ""

    def __post_init__(self):
        names = [column.name for column in self.columns]
        for kind, lines in (("rows", self.rows), ("columns", self.columns)):
            doubled = {line.name for line in lines if [each.name for each in lines].count(line.name) > 1}
            if not lines or doubled:
                what = f"two of the name '{min(doubled)}'" if doubled else "none"
                raise UserError(f"the table '{self.title}' has {what} among its {kind}")
        for row in self.rows:
            if len(row.published) not in (0, len(names)):
                raise UserError(
                    f"the table '{self.title}', row '{row.name}': published has {len(row.published)} cells "
                    f"for {len(names)} columns"
                )
        for column in self.columns:
            for name in column.mean:
                choose(name, names, f"column of the table '{self.title}'")


@dataclass(frozen=True)
class Scale:
    """How a work is run at a scale.

    Args:
        data: by published data, what is used in their place, one or several. At paper, the work's own if not
            given.
        settings: of all parts: keys of a sweep, and fields of a run.
        parts: of single parts; null leaves a part out.
        without: why what is left out is left out.
        note: a sentence on what was reduced.
    """

    data: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, Any] = field(default_factory=dict)
    without: str = "not run at this scale"
    note: str = ""


@dataclass(frozen=True)
class WorkSpec:
    """A published work.

    Args:
        title, paper: its name, and where it was published.
        about: what was found out, in a sentence.
        data: the published data, by a short key.
        parts: sweeps. Each has `data` (keys of the work's data), as wanted `config` (a file of
            configs/works, whose arms and settings it takes), and any key of a sweep.
        tables, figures: what is printed and drawn. Figures have options.
        scales: paper, small and smoke.
        choices: what the work leaves open and how it is filled here.
        unpublished: why a table has no printed cells.
    """

    title: str
    paper: str
    about: str
    data: dict[str, Datum]
    parts: dict[str, Any]
    scales: dict[str, Scale]
    tables: tuple[Table, ...]
    figures: dict[str, Any] = field(default_factory=dict)
    choices: tuple[str, ...] = ()
    unpublished: str = ""

    def __post_init__(self):
        for kind, names in (("data", self.data), ("parts", self.parts)):
            for name in names:
                if not re.fullmatch(r"\w[\w.-]*", name):
                    raise UserError(
                        f"{kind}.'{name}' names a folder of the results; write letters, digits and _.-"
                    )
        for name, part in self.parts.items():
            if not isinstance(part, Mapping) or not part.get("data"):
                raise UserError(f"parts.{name}: names no data; give data: [{', '.join(self.data)}]")
            self._check_data(part["data"], f"parts.{name}")
        for name, scale in self.scales.items():
            choose(name, SCALES, "scale")
            for kind, own, known in (("data", scale.data, self.data), ("parts", scale.parts, self.parts)):
                for key in own:
                    choose(key, known, f"{kind} (scales.{name})")
            self._check_changes(scale, f"scales.{name}")
        for table in self.tables:
            for line in (*table.rows, *table.columns):
                for kind, value, known in (("part", line.part, self.parts), ("data", line.data, self.data)):
                    if value is not None:
                        choose(value, known, f"{kind} (table '{table.title}', '{line.name}')")

    def _check_data(self, keys: Any, where: str) -> None:
        """Raise `UserError` unless these are keys of the work's data."""
        if not isinstance(keys, list):
            raise UserError(f"{where}.data is {keys!r}; give a list, such as [{', '.join(self.data)}]")
        for key in keys:
            choose(str(key), self.data, f"data ({where})")

    def _check_changes(self, scale: Scale, where: str) -> None:
        """Raise `UserError` for changes of parts, and for data, that are no keys with values."""
        for key, changes in scale.parts.items():
            if changes is not None and not isinstance(changes, Mapping):
                raise UserError(
                    f"{where}.parts.{key} is {changes!r}; give keys of a sweep, or null to leave the part out"
                )
            if "data" in (changes or {}):
                self._check_data(changes["data"], f"{where}.parts.{key}")
        for key, entries in scale.data.items():
            for each in _listed(entries):
                if not isinstance(each, Mapping):
                    raise UserError(f"{where}.data.{key} is {each!r}; give title, and place, source or made")

    def scale(self, name: str) -> Scale:
        """Return a scale. Raise `UserError` for one that the work does not have."""
        return self.scales[choose(name, self.scales, "scale of this work")]

    def data_at(self, scale: str) -> dict[str, tuple[Datum, ...]]:
        """Return what stands for each of the published data at a scale; nothing for some."""
        given = self.scale(scale).data
        if not given and scale == "paper":
            return {key: (dataclasses.replace(datum, key=key),) for key, datum in self.data.items()}
        found = {}
        for key in self.data:
            entries = _listed(given.get(key))
            where = f"scales.{scale}.data.{key}"
            found[key] = tuple(
                from_plain(Datum, {"stand_in": True, **each, "key": key}, where) for each in entries
            )
        return found

    def sweeps(self, scale: str) -> "Iterator[WorkSweep]":
        """Yield the sweeps at a scale: part by part, data by data. Sources are not yet known."""
        wanted, data = self.scale(scale), self.data_at(scale)
        for name, part in self.parts.items():
            changes = wanted.parts.get(name, {})
            if changes is None:
                continue
            keys = dict(part) | {key: changes[key] for key in ("data",) if key in changes}
            for key in keys["data"]:
                for datum in data[key]:
                    tree = {**keys, **wanted.settings, **changes, **datum.settings}
                    yield WorkSweep(name, datum, {key: value for key, value in tree.items() if key != "data"})


@dataclass(frozen=True)
class WorkSweep:
    """A part of a work on one of its data. tree: the keys of its sweep, without data."""

    part: str
    datum: Datum
    tree: dict[str, Any]

    @property
    def name(self) -> str:
        """The path of its folder below that of the work."""
        return f"{self.part}/{self.datum.name}"

    def spec(self, source: str, configs: Sequence[Path]) -> SweepSpec:
        """Return the spec of the sweep on a source. configs: folders of the file that `config` names."""
        tree = dict(self.tree)
        where = f"parts.{self.part}"
        if name := tree.pop("config", None):
            found = [folder / str(name) for folder in configs if (folder / str(name)).is_file()]
            path = found[0] if found else configs[-1] / str(name)
            config = _read_tree(path)
            if arms := config.get("arms"):  # of a comparison, which adds the host by itself
                config["arms"] = ["none", *(arm for arm in arms if arm != "none")]
            variants = [each for each in _listed(tree.get("variants")) if isinstance(each, Mapping)]
            swept = {*(tree.get("grid") or ()), *(name for fields in variants for name in fields)}
            kept = {key: value for key, value in config.items() if key not in swept}
            where, tree = f"{where} ({path.name})", kept | tree
        if isinstance(tree.get("judge"), str):
            tree["judge"] = self.aimed(tree["judge"])
        return SweepSpec.from_tree(tree | {"data": source}, where)

    def aimed(self, shows: str) -> str:
        """Return what is shown, with the class that the data are about.

        >>> WorkSweep("a", Datum("Polyps", source="synthetic", target="polyp"), {}).aimed("dice:{target}")
        'dice:polyp'
        """
        return aimed(shows, self.datum)


def aimed(shows: str, datum: Datum) -> str:
    """Return what is shown, with the class that the data are about in place of {target}."""
    if datum.target:
        return shows.replace("{target}", datum.target)
    return shows.partition(":{target}")[0]


def load_work(path: Path) -> WorkSpec:
    """Read the file of a work. Raises `UserError` that names the file and the key."""
    try:
        return from_plain(WorkSpec, _read_tree(path))
    except UserError as error:
        message = str(error)
        raise UserError(message if message.startswith(str(path)) else f"{path}: {message}") from None


def _listed(value: Any) -> list[Any]:
    """Return one value, or none, as a list; a list as it is."""
    return value if isinstance(value, list) else [] if value is None else [value]


def _read_tree(path: Path) -> dict[str, Any]:
    try:
        tree = read_yaml(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError):
        raise UserError(f"{path}: there is no such file") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: is not a text file; a work is a YAML file") from None
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"{path}{line}: not valid YAML ({problem or error})") from None
    if not isinstance(tree, dict):
        raise UserError(f"{path}: holds no keys; a work has title, data, parts, scales and tables")
    return tree
