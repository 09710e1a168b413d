"""How long `foveate --help` and `import foveate` take: python benchmarks/startup.py [--out startup.json]

Every measurement is a fresh interpreter, in turn with the others; one that does nothing is measured beside
them, and `import torch`, which is what lazy imports avoid. Reach: help < 0.4 s, import < 0.05 s.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

CASES = {
    "bare interpreter": ["-c", "pass"],
    "import foveate": ["-c", "import foveate"],
    "foveate --help": ["-m", "foveate", "--help"],
    "foveate fit --help": ["-m", "foveate", "fit", "--help"],
    "import torch": ["-c", "import torch"],
}


def seconds(words: list[str]) -> float:
    """Wall time of one interpreter."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def measure(repeats: int) -> dict[str, list[float]]:
    """Times by case; the first round only warms the disk cache."""
    times: dict[str, list[float]] = {case: [] for case in CASES}
    for round_ in range(repeats + 1):
        for case, words in CASES.items():
            taken = seconds(words)
            if round_:
                times[case].append(taken)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--out", type=Path, help="also write the numbers as JSON")
    given = parser.parse_args()

    rows = {}
    for case, times in measure(given.repeats).items():
        low, middle, high = statistics.quantiles(times, n=4)
        rows[case] = {"median": middle, "quartiles": [low, high]}
    machine = {"python": platform.python_version(), "processor": platform.machine(), "cores": os.cpu_count()}

    print(
        f"Python {machine['python']}, {machine['processor']}, {machine['cores']} cores, {given.repeats} runs"
    )
    print("| what | median | quartiles |\n| --- | --- | --- |")
    for case, row in rows.items():
        low, high = row["quartiles"]
        print(f"| {case} | {row['median']:.3f} s | {low:.3f} to {high:.3f} s |")
    if given.out:
        given.out.write_text(json.dumps({"machine": machine, "seconds": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
