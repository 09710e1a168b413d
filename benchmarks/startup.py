"""Measure what it costs to start: python benchmarks/startup.py [--source PATH/src] [--out startup.json]

Each measurement starts a new interpreter. All commands take turns, together with an interpreter that does
nothing and with `import torch`. `--source` measures another checkout: the folder with its package `foveate`.

Bytecode is compiled once, in a first round that is not counted. CPU seconds are user and system time of the
process, its threads and the child processes that it waited for. Wall seconds run from the start of the
process to its end, which is hardly after its output. Memory is the peak resident set of the largest of these
processes; Linux reports at least the 14 MB of the process that starts them.

Target: 1 s of CPU for lists, the doctor and errors without PyTorch; with it, 1.2 times `import torch`.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "src"
FIELDS = ("CPU s", "wall s", "MB")
PREPARE = """
import sys
from pathlib import Path
import numpy as np
from PIL import Image
from foveate import create_model
from foveate.models.checkpoints import save_model

folder, draw = Path(sys.argv[1]), np.random.default_rng(0)
for name in ("photos/images", "photos/masks", "new", "run"):
    (folder / name).mkdir(parents=True)
rows, columns = np.ogrid[:96, :128]
for number in range(101):
    row, column, radius = draw.integers((24, 32, 8), (72, 96, 24))
    disc = ((rows - row) ** 2 + (columns - column) ** 2 < radius**2).astype(np.uint8)
    pixels = draw.integers(0, 128, (96, 128, 3), dtype=np.uint8) + 100 * disc[..., None]
    Image.fromarray(pixels).save(folder / ("photos/images" if number else "new") / f"{number}.png")
    if number:
        Image.fromarray(disc).save(folder / "photos/masks" / f"{number}.png")
model = create_model("unet", "resnet18", classes=2)
model.notes = {"classes": ["background", "disc"], "size": [96, 128]}
save_model(model, folder / "run")
"""
"""Program that draws 100 images of discs with masks and one more image, and saves an untrained run."""


def cases(folder: Path) -> dict[str, tuple[list[str], set[int]]]:
    """Return, by name, the interpreter's arguments and the expected exit codes."""

    def command(*words: str | Path) -> list[str]:
        return ["-m", "foveate", *map(str, words)]

    masks, new = folder / "photos", folder / "new"
    return {
        "bare interpreter": (["-c", "pass"], {0}),
        "`import torch`": (["-c", "import torch"], {0}),
        "`import foveate`": (["-c", "import foveate"], {0}),
        "`foveate --help`": (command("--help"), {0}),
        "`foveate fit --help`": (command("fit", "--help"), {0}),
        "`list attentions`": (command("list", "attentions"), {0}),
        "`list hosts`": (command("list", "hosts"), {0}),
        "`list encoders`": (command("list", "encoders"), {0}),
        "`list datasets`": (command("list", "datasets"), {0}),
        "`list places`": (command("list", "places"), {0}),
        "`doctor` on 100 images": (command("doctor", masks), {0, 1}),
        "error: no such folder": (command("fit", folder / "none"), {2}),
        "error: unknown attention": (command("fit", masks, "--arm", "cbma@decoder"), {2}),
        "`predict` of one image": (
            command("predict", folder / "run", new, "--out", folder / "out", "--overwrite"),
            {0},
        ),
    }


def measure_process(
    words: list[str], expected: set[int], environment: Mapping[str, str]
) -> tuple[float, ...]:
    """Run one interpreter and return its CPU seconds, wall seconds and peak memory (MB)."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *words], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in expected:
        raise SystemExit(f"{words} ended with {process.returncode}: {errors.decode()}")
    return usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024


def measure(source: Path, repeats: int) -> Iterator[tuple[str, list[tuple[float, ...]]]]:
    """Yield every case with its measurements; a first round fills the caches of bytecode and disk."""
    with tempfile.TemporaryDirectory() as name:
        environment = os.environ | {"PYTHONPATH": str(source), "PYTHONPYCACHEPREFIX": f"{name}/bytecode"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        subprocess.run([sys.executable, "-c", PREPARE, f"{name}/data"], env=environment, check=True)
        programs = cases(Path(name, "data"))
        figures_by_case: dict[str, list[tuple[float, ...]]] = {case: [] for case in programs}
        for round_ in range(repeats + 1):
            for case, (words, expected) in programs.items():
                figures = measure_process(words, expected, environment)
                if round_:
                    figures_by_case[case].append(figures)
        yield from figures_by_case.items()


def processor() -> str:
    """Return the processor's name and whether it has AVX-512."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    wide = "with" if "avx512f" in fields.get("flags", "").split() else "without"
    return f"{fields.get('model name', platform.machine())} {wide} AVX-512"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--source", type=Path, default=SOURCE, help="the folder that holds the package")
    parser.add_argument("--out", type=Path, help="also write the numbers as JSON")
    given = parser.parse_args()
    if not (given.source / "foveate").is_dir():
        raise SystemExit(f"--source: {given.source} holds no package foveate")

    rows = {}
    for case, figures in measure(given.source.resolve(), given.repeats):
        columns = (
            statistics.quantiles(column, n=4, method="inclusive") for column in zip(*figures, strict=True)
        )
        rows[case] = dict(zip(FIELDS, columns, strict=True))
    machine = {"python": platform.python_version(), "processor": processor(), "cores": os.cpu_count()}

    print(
        f"Python {machine['python']}, {machine['processor']}, {machine['cores']} cores, {given.repeats} runs"
    )
    print(f"| what | {' | '.join(FIELDS)} |\n| --- | --- | --- | --- |")
    for case, row in rows.items():
        cells = [f"{middle:.3g} ({low:.3g} to {high:.3g})" for low, middle, high in row.values()]
        print(f"| {case} | {' | '.join(cells)} |")
    if given.out:
        given.out.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
