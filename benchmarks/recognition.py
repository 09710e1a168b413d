"""Time the recognition of a large folder, and the doctor: python benchmarks/recognition.py [--rounds 3]

- Recognition: a flat folder of 100,000 images, whose table (CSV) names a label for each. What is timed is the
  choice of the layout, as in `open_dataset`; neither the table nor an image is read. Target: 1 s.
- The doctor: 10,000 files, 5,000 pairs of an image and a mask of 256x256 pixels (see `doctor.py`), all
  decoded and measured, and all checks. Target: 20 s.

Every round is a new process. Prints the median and the range of seconds on the wall and of the processor: on
a busy machine, the latter are those that tell.
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
from pathlib import Path

from doctor import draw

FLAT, FILES = 100_000, 10_000
TARGETS = {"recognition": 1.0, "doctor": 20.0}


def write_flat(folder: Path, count: int) -> None:
    """Write so many files that are called as images are, and a table of labels; the files are empty."""
    for number in range(count):
        (folder / f"{number:06d}.jpg").touch()
    rows = (f"{number:06d}.jpg,{'cat' if number % 2 else 'dog'}\n" for number in range(count))
    (folder / "labels.csv").write_text("image,label\n" + "".join(rows))


def time_one(what: str, folder: Path) -> dict[str, float]:
    """Return the seconds of one measurement, on the wall and of the processor, with its processes."""
    if what == "recognition":
        from foveate.data.layout import layout_readers
        from foveate.data.recognise import recognise

        layout_readers()  # the modules are loaded before the clock starts
        start, cpu = time.perf_counter(), time.process_time()
        match = recognise(folder)
        if match is None or match.layout.name != "csv":
            raise SystemExit(f"{folder}: recognised as {match}")
    else:
        from foveate.doctor.finding import judge
        from foveate.doctor.visit import visit

        start, cpu = time.perf_counter(), time.process_time()
        judge(visit(folder))
    children = os.times()
    cpu_s = time.process_time() - cpu + children.children_user + children.children_system
    return {"wall": time.perf_counter() - start, "cpu": cpu_s}


def measure(what: str, folder: Path, rounds: int) -> list[dict[str, float]]:
    """Return the seconds of each round, each in a new process."""
    words = [sys.executable, __file__, "--measure", what, str(folder)]
    done = [subprocess.run(words, check=True, capture_output=True, text=True) for _ in range(rounds)]
    return [json.loads(each.stdout) for each in done]


def row(what: str, files: int, times: list[dict[str, float]]) -> str:
    """Return a row of the table.

    >>> row("doctor", 10_000, [{"wall": 18.0, "cpu": 30.0}, {"wall": 20.0, "cpu": 32.0}])
    '| doctor | 10,000 | 19.00 (18.00 to 20.00) | 31.00 (30.00 to 32.00) | 20 s |'
    """
    cells = []
    for clock in ("wall", "cpu"):
        seconds = [each[clock] for each in times]
        cells.append(f"{statistics.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})")
    return f"| {what} | {files:,} | {cells[0]} | {cells[1]} | {TARGETS[what]:g} s |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=list(TARGETS), help="measure one of the two")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(time_one(given.measure[0], Path(given.measure[1]))))
        return
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before")
    print("| what | files | seconds on the wall | of the processor | target |")
    print("| --- | --- | --- | --- | --- |")
    for what, files in (("recognition", FLAT), ("doctor", FILES)):
        if given.only in (None, what):
            with tempfile.TemporaryDirectory() as folder:
                write_flat(Path(folder), files) if what == "recognition" else draw(
                    Path(folder), files // 2, 2
                )
                print(row(what, files, measure(what, Path(folder), given.rounds)), flush=True)
    print(f"\nload {os.getloadavg()[0]:.1f} after")


if __name__ == "__main__":
    main()
