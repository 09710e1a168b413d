"""Load a server: python benchmarks/serving.py [RUN] [--sizes 64x64 128x128 256x256] [--requests 5000]

A real server on loopback, in a process of its own, three times:

- mixed: 200 requests from 16 clients, good ones beside truncated, wrong, huge, slow and empty ones. Each good
  one must equal `predict`, each bad one must be a 4xx with a sentence; then p50, p95 and requests a second.
- batches: at each size, the same requests from 16 light clients (clients.py) to a server with --batch 1, to
  one with --batch 8 and, if it is installed, to LitServe with the same network, batch and wait: with one
  worker of all threads, and with a worker of one thread for each core. In turn in each round; the servers
  whose turn it is not are stopped.
- memory: many requests to one server; resident memory after each tenth, p95 and requests a second.

Without RUN, a U-Net with a ResNet-18 and random weights; --onnx exports it first. Server and clients share
the machine. For LitServe, python -m venv lit && lit/bin/pip install -e '.[serve,export]' httpx litserve, then
run this with lit/bin/python. There, all servers have uvloop, which litserve brings.
"""

import argparse
import contextlib
import io
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import httpx
import numpy as np
import psutil
from PIL import Image

import measuring
from clients import Load, ask_at_once, form_request
from foveate.models.checkpoints import save_model
from foveate.models.create import create_model
from foveate.prediction.predictor import Predictor, load

CLIENTS = 16
MIXED = 200
CORES = os.cpu_count() or 1
ONE_BY_ONE = "one by one (--batch 1)"

Size = tuple[int, int]


def random_run(folder: Path, size: Size, onnx: bool) -> Path:
    """Write a run with random weights, or that run as an ONNX file."""
    model = create_model("unet", "resnet18", classes=4)
    model.notes = {"classes": ["a", "b", "c", "d"], "size": list(size)}
    folder.mkdir(parents=True)
    if not onnx:
        save_model(model, folder)
        return folder
    from foveate.export.graph import open_example, trace
    from foveate.export.onnx_file import to_onnx, write_onnx
    from foveate.prediction.facts import facts_of

    file = folder / "network.onnx"
    write_onnx(to_onnx(trace(model, open_example(model))), file, facts_of(model))
    return file


def photo(seed: int, side: Size) -> Image.Image:
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


@dataclass
class Server:
    """A server in a process group of its own, and what its clients saw in each round."""

    port: int
    process: psutil.Popen
    loads: list[Load] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def signal(self, number: signal.Signals) -> None:
        os.killpg(self.process.pid, number)

    def cpu_seconds(self) -> float:
        """Return the CPU seconds of all its processes."""
        processes = [self.process, *self.process.children(recursive=True)]
        return sum(sum(process.cpu_times()[:2]) for process in processes)

    def load(self, requests: list[bytes], count: int) -> None:
        """Let it run, load it, and stop it: some servers compute while they wait."""
        self.signal(signal.SIGCONT)
        before = self.cpu_seconds()
        self.loads.append(ask_at_once(self.port, requests, count, CLIENTS))
        self.cpu.append((self.cpu_seconds() - before) / count)
        self.signal(signal.SIGSTOP)

    def images_a_batch(self) -> str:
        """Return the mean from its metrics; "" if it has none."""
        self.signal(signal.SIGCONT)
        answer = httpx.get(f"{self.url}/metrics", trust_env=False)
        if not answer.is_success:
            return ""
        values = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if line[0] != "#")
        total, count = (float(values[f"foveate_batch_images_{name}"]) for name in ("sum", "count"))
        return f"{total / count:.1f}"


@contextlib.contextmanager
def running(*command: str, port: int) -> Iterator[Server]:
    """Run a server, and give it once it answers."""
    process = psutil.Popen(
        [sys.executable, *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    server = Server(port, process)
    try:
        while True:
            if process.poll() is not None:
                raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{server.url}/health", trust_env=False).status_code == 200:
                    break
            time.sleep(0.1)
        yield server
    finally:
        server.signal(signal.SIGCONT)
        process.terminate()
        process.wait()
        with contextlib.suppress(ProcessLookupError):  # LitServe leaves its workers behind
            server.signal(signal.SIGKILL)


def foveate(run: Path, *flags: str) -> contextlib.AbstractContextManager[Server]:
    port = free_port()
    command = ["-m", "foveate", "serve", str(run), "--port", str(port), "--device", "cpu"]
    return running(*command, "--drift-window", "0", *flags, port=port)


def litserve(run: Path, workers: int) -> contextlib.AbstractContextManager[Server]:
    port, file = free_port(), Path(__file__).with_name("litserve_server.py")
    return running(str(file), str(run), str(port), "8", str(workers), port=port)


def mixed(run: Path, predictor: Predictor, side: Size) -> list[list[str]]:
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
        with foveate(run, "--timeout", "10") as server, ThreadPoolExecutor(CLIENTS) as pool:
            start = time.perf_counter()
            parts = pool.map(lambda first: _ask_all(ask, server.url, first), range(CLIENTS))
            seconds = [value for part in parts for value in part]
            wall = time.perf_counter() - start
    finally:
        del os.environ["FOVEATE_TOKEN"]
    answered = sorted(value for value in seconds if value == value)
    p50, p95 = (1e3 * answered[int(share * (len(answered) - 1))] for share in (0.5, 0.95))
    rows = [[name, str(n), str(right), str(pixels)] for name, (n, right, pixels) in tally.items()]
    print(f"good requests: p50 {p50:.0f} ms, p95 {p95:.0f} ms; {MIXED / wall:.1f} requests a second in all")
    return rows


def _ask_all(ask: Callable[[httpx.Client, int], float], url: str, first: int) -> list[float]:
    with httpx.Client(base_url=url, timeout=120, trust_env=False) as session:
        return [ask(session, number) for number in range(first, MIXED, CLIENTS)]


def _drip(url: httpx.URL) -> bool:
    """Send the head of a request byte by byte, never end it, and return whether the answer is 408."""
    with socket.create_connection((url.host, url.port), timeout=60) as slow:
        for byte in b"POST /pred":
            slow.sendall(bytes([byte]))
            time.sleep(0.1)
        return slow.recv(4096).startswith(b"HTTP/1.1 408 ")


def throughput(run: Path, side: Size, rounds: int, count: int) -> list[list[str]]:
    """Return the rows of the table of servers, each loaded once in every round."""
    requests = [form_request(encoded(photo(seed, side))) for seed in range(8)]
    with contextlib.ExitStack() as stack:
        servers = {
            ONE_BY_ONE: stack.enter_context(foveate(run, "--batch", "1")),
            f"one image a core (--batch {CORES})": stack.enter_context(foveate(run, "--batch", str(CORES))),
            "batches (--batch 8)": stack.enter_context(foveate(run, "--batch", "8")),
        }
        if find_spec("litserve"):
            for workers in sorted({1, CORES}):
                name = f"LitServe, batch 8, {workers} worker{'s' * (workers > 1)}"
                servers[name] = stack.enter_context(litserve(run, workers))
        for server in servers.values():
            server.signal(signal.SIGSTOP)
        measuring.in_turn(
            {name: lambda server=server: server.load(requests, count) for name, server in servers.items()},
            rounds,
        )
        batches = {name: server.images_a_batch() for name, server in servers.items()}
    base = [load.rate for load in servers[ONE_BY_ONE].loads[1:]]  # the first round warms up
    return [
        [f"{side[0]}x{side[1]}", name, *_figures(server, base), batches[name]]
        for name, server in servers.items()
    ]


def _figures(server: Server, base: list[float]) -> list[str]:
    loads = server.loads[1:]
    ratios = measuring.ratios([load.rate for load in loads], base)
    low, rate, high = measuring.quartiles([load.rate for load in loads])
    p50, p95 = (1e3 * statistics.median(load.percentile(n) for load in loads) for n in (50, 95))
    return [
        f"{rate:.1f} ({low:.1f} to {high:.1f})",
        f"{ratios[1]:.2f} ({ratios[0]:.2f} to {ratios[2]:.2f})",
        f"{p50:.0f}",
        f"{p95:.0f}",
        f"{1e3 * statistics.median(server.cpu[1:]):.1f}",
    ]


def memory(run: Path, side: Size, count: int) -> tuple[list[float], Load]:
    """Return the resident memory of a server in MB after each tenth of `count` requests, and all of these."""
    images = [encoded(photo(seed, (side[0] + seed, side[1]))) for seed in range(8)]
    requests = [form_request(image) for image in images]
    resident: list[float] = []
    with foveate(run) as server:
        loads = []
        for _ in range(10):
            loads.append(ask_at_once(server.port, requests, count // 10, CLIENTS))
            resident.append(server.process.memory_info().rss / 2**20)
    latencies = [seconds for load in loads for seconds in load.latencies]
    return resident, Load(latencies, sum(load.wall for load in loads))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?", type=Path, help="a run; by default one with random weights")
    parser.add_argument("--sizes", nargs="+", default=["64x64"], help="of the images: height x width")
    parser.add_argument("--onnx", action="store_true", help="serve the random network as an ONNX file")
    parser.add_argument("--requests", type=int, default=5000, help="requests of the memory test; 0: none")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--load", type=int, default=160, help="requests a round; fewer above 64x64")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the servers end with this program
    sizes = [(int(h), int(w)) for h, w in (size.split("x") for size in given.sizes)]
    print(measuring.setting_line(measuring.machine(threads=int(os.environ.get("OMP_NUM_THREADS", 0)))))
    with tempfile.TemporaryDirectory() as folder:
        runs = {
            size: given.run or random_run(Path(folder, f"{size[0]}x{size[1]}"), size, given.onnx)
            for size in sizes
        }
        if given.requests:
            rows = mixed(runs[sizes[0]], load(runs[sizes[0]], "cpu"), sizes[0])
            head = ["requests", "sent", "answered right", "pixels that differ"]
            print("\n".join(measuring.table(head, rows)))
        rows = []
        for size, run in runs.items():
            count = max(2 * CLIENTS, round(given.load * 64 * 64 / (size[0] * size[1])))
            rows += throughput(run, size, given.rounds, count)
        head = [
            "size",
            "server",
            "requests a second",
            "times one by one",
            "p50 ms",
            "p95 ms",
            "CPU ms a request",
        ]
        print("\n".join(["", *measuring.table([*head, "images a batch"], rows)]))
        if given.requests:
            resident, done = memory(runs[sizes[0]], sizes[0], given.requests)
            print(
                f"\nresident MB over {given.requests} requests: {', '.join(f'{mb:.0f}' for mb in resident)}"
            )
            print(f"p95 {1e3 * done.percentile(95):.0f} ms, {done.rate:.1f} requests a second")


if __name__ == "__main__":
    main()
