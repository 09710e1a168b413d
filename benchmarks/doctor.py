"""Time `foveate doctor` on 10,000 pairs: python benchmarks/doctor.py [--count N] [--out FILE.json]

The pairs have 256x256 pixels and are drawn once: JPEG images of soft backgrounds with ellipses, and PNG
masks, black and white or with `--classes` classes. Measures the time of visiting (every file is decoded and
measured) and of judging (all checks), and peak memory. A run on a tenth of the pairs shows how much memory an
image adds. Target: 10,000 pairs in 120 s on two cores.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

TARGET_S = 120.0
PER = 10_000
SIDE = 256


def draw(folder: Path, count: int, classes: int) -> None:
    """Draw `count` different pairs."""
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for number in range(count):
        random = np.random.default_rng(number)
        coarse = random.integers(40, 150, (9, 9, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        mask = Image.new("L", (SIDE, SIDE))
        for kind in range(12):
            x, y, across, tall = random.uniform((0, 0, 10, 10), (220, 220, 60, 60))
            color = tuple(int(value) for value in random.integers(160, 256, 3))
            box = (x, y, x + across, y + tall)
            ImageDraw.Draw(image).ellipse(box, fill=color)
            ImageDraw.Draw(mask).ellipse(box, fill=255 if classes == 2 else 1 + kind % (classes - 1))
        image.save(folder / "images" / f"{number:06d}.jpg", quality=92)
        mask.save(folder / "masks" / f"{number:06d}.png")


def measure(folder: Path, limit: int) -> dict[str, float]:
    """Return seconds and megabytes of the doctor on the first `limit` pairs, in a new process."""
    words = [sys.executable, __file__, "--measure", str(folder), "--count", str(limit)]
    return json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def time_doctor(folder: Path, limit: int) -> None:
    """Print seconds and peak memory of the doctor in this process, as JSON."""
    from foveate.doctor.finding import judge
    from foveate.doctor.visit import visit

    start, cpu = time.perf_counter(), time.process_time()
    survey = visit(folder, limit)
    visited = time.perf_counter()
    findings = judge(survey)
    times = {
        "visiting": visited - start,
        "judging": time.perf_counter() - visited,
        "processor": time.process_time() - cpu,
    }
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(times | {"images": len(survey.exams), "findings": len(findings), "peak_mb": peak}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=PER)
    parser.add_argument("--classes", type=int, default=2)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help="also write the numbers as JSON")
    given = parser.parse_args()
    if given.measure:
        return time_doctor(given.measure, given.count)

    with tempfile.TemporaryDirectory() as folder:
        draw(Path(folder), given.count, given.classes)
        rows = [measure(Path(folder), limit) for limit in (max(1, given.count // 10), given.count)]
    setting = {
        "python": platform.python_version(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "count": given.count,
        "size": f"{SIDE}x{SIDE}",
        "classes": given.classes,
    }
    print(", ".join(f"{name} {value}" for name, value in setting.items()))
    print("| images | visiting s | judging s | processor s | ms an image | peak MB | findings |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for row in rows:
        each = 1e3 * (row["visiting"] + row["judging"]) / row["images"]
        figures = f"{row['visiting']:.1f} | {row['judging']:.1f} | {row['processor']:.1f} | {each:.2f}"
        print(f"| {row['images']} | {figures} | {row['peak_mb']:.0f} | {row['findings']} |")
    few, all_ = rows
    taken = (all_["visiting"] + all_["judging"]) * PER / all_["images"]
    growth_kb = 1024 * (all_["peak_mb"] - few["peak_mb"]) / max(1, all_["images"] - few["images"])
    print(
        f"\n{PER} images in {taken:.0f} s (target {TARGET_S:.0f}); memory grows {growth_kb:.1f} kB an image"
    )
    if given.out:
        given.out.write_text(
            json.dumps({"setting": setting, "rows": rows}, indent=2) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
