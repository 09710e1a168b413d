"""Load a server: python benchmarks/serving.py [RUN] [--requests 5000] [--rounds 5] [--size 64x64]

A real server on loopback, in a process of its own, three times:

- mixed: 200 requests from 16 clients, good ones beside truncated, wrong, huge, slow and empty ones. Each good
  one must equal `predict`, each bad one must be a 4xx with a sentence; then p50, p95 and requests a second.
- batches: requests from 16 clients to a server that batches and to one with --batch 1, in turn in each round;
  and, if LitServe is installed, to LitServe with the same network, batch and wait.
- memory: many requests to one server; resident memory after each tenth.

Without RUN, a U-Net with a ResNet-18 and random weights. Both servers and clients share the machine.
"""

import argparse
import contextlib
import io
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

import measuring
from foveate.models.checkpoints import save_model
from foveate.models.create import create_model
from foveate.prediction.predictor import Predictor, load

CLIENTS = 16
MIXED = 200
LITSERVE = """
import sys, io
import litserve
from foveate.prediction.predictor import load
from foveate.serving.answers import mask_answer
from foveate.prediction.assemble import assemble
import torch

class Served(litserve.LitAPI):
    def setup(self, device):
        self.predictor = load(sys.argv[1], "cpu")
    def decode_request(self, request):
        pixels = self.predictor.read_content(request["image"].file.read(), "image")
        return self.predictor.prepared(pixels), pixels
    def batch(self, inputs):
        return torch.cat([image for image, _ in inputs]), [pixels for _, pixels in inputs]
    def predict(self, batch):
        return list(zip(self.predictor.probabilities(batch[0]), batch[1]))
    def unbatch(self, output):
        return output
    def encode_response(self, output):
        p, pixels = output
        mask = assemble(self.predictor.facts, p, pixels.shape[:2])
        return {"png": mask_answer(self.predictor, pixels, mask).hex()}

api = Served(max_batch_size=8, batch_timeout=0.005)
litserve.LitServer(api, accelerator="cpu", workers_per_device=1).run(port=int(sys.argv[2]), log_level="error")
"""


def random_run(folder: Path, size: tuple[int, int]) -> Path:
    """Write a run with random weights."""
    model = create_model("unet", "resnet18", classes=4)
    model.notes = {"classes": ["a", "b", "c", "d"], "size": list(size)}
    folder.mkdir()
    save_model(model, folder)
    return folder


def photo(seed: int, side: tuple[int, int]) -> Image.Image:
    """Return a blurred random image."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(side[::-1], Image.Resampling.BICUBIC)


def encoded(image: Image.Image, form: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def server(command: list[str], port: int) -> Iterator[tuple[str, int]]:
    """Run a server, and give its address and process id once it answers."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            if process.poll() is not None:
                raise SystemExit(f"{' '.join(command)[:200]} ended with {process.returncode}")
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{url}/health", trust_env=False).status_code == 200:
                    break
            time.sleep(0.1)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait()


def foveate(run: Path, *flags: str) -> contextlib.AbstractContextManager[tuple[str, int]]:
    port = free_port()
    command = [sys.executable, "-m", "foveate", "serve", str(run), "--port", str(port), "--device", "cpu"]
    return server([*command, "--drift-window", "0", *flags], port)


def at_once(ask: Callable[[httpx.Client, int], float], url: str, count: int) -> tuple[list[float], float]:
    """Return the seconds of each of `count` requests from all clients, and of all together."""

    def client(first: int) -> list[float]:
        with httpx.Client(base_url=url, timeout=120, trust_env=False) as session:
            return [ask(session, number) for number in range(first, count, CLIENTS)]

    start = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        seconds = [value for values in pool.map(client, range(CLIENTS)) for value in values]
    return seconds, time.perf_counter() - start


def mixed(run: Path, predictor: Predictor, side: tuple[int, int]) -> list[list[str]]:
    """Return the rows of the table of mixed requests."""
    good = {
        "PNG": encoded(photo(0, side)),
        "JPEG": encoded(photo(1, side), "JPEG"),
        "16-bit": encoded(Image.fromarray(np.asarray(photo(2, side))[..., 0].astype(np.uint16) * 257)),
        "EXIF-turned": encoded(
            photo(3, side), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
        ),
    }
    bad = {
        "truncated": good["PNG"][: len(good["PNG"]) // 2],
        "wrong type": b"%PDF-1.4 no image",
        "bomb": encoded(Image.new("L", (12_000, 12_000))),
        "0 bytes": b"",
        "animated": encoded(photo(4, side), "GIF", save_all=True, append_images=[photo(5, side)]),
    }
    kinds = [*good, "PNG", "JPEG", "wrong token", "slow-loris", *bad]
    with tempfile.TemporaryDirectory() as folder:
        masks = {}
        for name, content in good.items():
            path = Path(folder, name)
            path.write_bytes(content)
            masks[name] = predictor.predict(path).mask
    tally: dict[str, list[int]] = {name: [0, 0, 0] for name in kinds}

    def ask(session: httpx.Client, number: int) -> float:
        name = kinds[number % len(kinds)]
        start = time.perf_counter()
        if name == "slow-loris":
            right = _drip(session.base_url)
        else:
            token = "wrong" if name == "wrong token" else "right"
            headers = {"Accept": "image/png", "Authorization": f"Bearer {token}"}
            content = good.get(name, bad.get(name, good["PNG"]))
            answer = session.post("/predict", content=content, headers=headers)
            if name in good:
                mask = np.asarray(Image.open(io.BytesIO(answer.content))) if answer.is_success else None
                right = mask is not None and bool((mask == masks[name]).all())
                tally[name][2] += 0 if mask is None else int((mask != masks[name]).sum())
            else:
                right = 400 <= answer.status_code < 500 and len(answer.json()["error"]) > 10
        tally[name][0] += 1
        tally[name][1] += right
        return time.perf_counter() - start if name in good else float("nan")

    os.environ["FOVEATE_TOKEN"] = "right"
    try:
        with foveate(run, "--timeout", "10") as (url, _):
            seconds, wall = at_once(ask, url, MIXED)
    finally:
        del os.environ["FOVEATE_TOKEN"]
    answered = sorted(value for value in seconds if value == value)
    p50, p95 = (1e3 * answered[int(share * (len(answered) - 1))] for share in (0.5, 0.95))
    rows = [[name, str(n), str(right), str(pixels)] for name, (n, right, pixels) in tally.items()]
    print(f"good requests: p50 {p50:.0f} ms, p95 {p95:.0f} ms; {MIXED / wall:.1f} requests a second in all")
    return rows


def _drip(url: httpx.URL) -> bool:
    """Send the head of a request byte by byte, never end it, and return whether the answer is 408."""
    with socket.create_connection((url.host, url.port), timeout=60) as slow:
        for byte in b"POST /pred":
            slow.sendall(bytes([byte]))
            time.sleep(0.1)
        return slow.recv(4096).startswith(b"HTTP/1.1 408 ")


def throughput(run: Path, side: tuple[int, int], rounds: int, count: int) -> list[list[str]]:
    """Return the rows of the table of servers, each loaded once in every round."""
    images = [encoded(photo(seed, side)) for seed in range(8)]

    def raw(session: httpx.Client, number: int) -> float:
        start = time.perf_counter()
        answer = session.post("/predict", content=images[number % 8], headers={"Accept": "image/png"})
        answer.raise_for_status()
        return time.perf_counter() - start

    def form(session: httpx.Client, number: int) -> float:
        start = time.perf_counter()
        session.post("/predict", files={"image": images[number % 8]}).raise_for_status()
        return time.perf_counter() - start

    with contextlib.ExitStack() as running:
        contenders = {
            "one by one (--batch 1)": (raw, running.enter_context(foveate(run, "--batch", "1"))[0]),
            "batches (--batch 8)": (raw, running.enter_context(foveate(run, "--batch", "8"))[0]),
        }
        if find_spec("litserve"):
            port = free_port()
            lit = server([sys.executable, "-c", LITSERVE, str(run), str(port)], port)
            contenders["LitServe, batch 8"] = (form, running.enter_context(lit)[0])
        walls = measuring.in_turn(
            {
                name: lambda ask=ask, url=url: at_once(ask, url, count)
                for name, (ask, url) in contenders.items()
            },
            rounds,
        )
        latencies = {name: at_once(ask, url, count)[0] for name, (ask, url) in contenders.items()}
    base = walls["one by one (--batch 1)"]
    rows = []
    for name, seconds in walls.items():
        low, middle, high = measuring.quartiles([b / s for b, s in zip(base, seconds, strict=True)])
        p95 = 1e3 * statistics.quantiles(latencies[name], n=20)[-1]
        rate = count / statistics.median(seconds)
        rows.append([name, f"{rate:.1f}", f"{p95:.0f}", f"{middle:.2f}", f"{low:.2f} to {high:.2f}"])
    return rows


def memory(run: Path, side: tuple[int, int], count: int) -> list[float]:
    """Return the resident memory of a server in MB after each tenth of `count` requests."""
    images = [encoded(photo(seed, (side[0] + seed, side[1]))) for seed in range(8)]
    resident = []
    with foveate(run) as (url, pid):
        for _ in range(10):
            at_once(
                lambda s, n: s.post("/predict", content=images[n % 8]).elapsed.total_seconds(),
                url,
                count // 10,
            )
            status = Path(f"/proc/{pid}/status").read_text()
            resident.append(int(status.split("VmRSS:")[1].split()[0]) / 1024)
    return resident


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?", type=Path, help="a run; by default one with random weights")
    parser.add_argument(
        "--size", default="64x64", help="height and width that the random network predicts at"
    )
    parser.add_argument("--requests", type=int, default=5000, help="requests of the memory test")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--load", type=int, default=160, help="requests a round")
    given = parser.parse_args()
    height, width = map(int, given.size.split("x"))
    print(measuring.setting_line(measuring.machine(threads=int(os.environ.get("OMP_NUM_THREADS", 0)))))
    with tempfile.TemporaryDirectory() as folder:
        run = given.run or random_run(Path(folder, "run"), (height, width))
        predictor = load(run, "cpu")
        side = predictor.size or (height, width)
        rows = mixed(run, predictor, side)
        print("\n".join(measuring.table(["requests", "sent", "answered right", "pixels that differ"], rows)))
        rows = throughput(run, side, given.rounds, given.load)
        head = ["server", "requests a second", "p95 in ms", "times one by one", "quartiles"]
        print("\n".join(["", *measuring.table(head, rows)]))
        resident = memory(run, side, given.requests)
        print(f"\nresident MB over {given.requests} requests: {', '.join(f'{mb:.0f}' for mb in resident)}")


if __name__ == "__main__":
    main()
