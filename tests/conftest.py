import dataclasses
import functools
import gc
import inspect
import multiprocessing
import os
import signal
import sys
import threading
import time
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Literal, get_args, get_origin

import jaxtyping
import numpy as np
import pytest
from beartype import BeartypeConf, beartype
from PIL import Image

# Every annotated shape and type is checked in the tests, and there alone; an int passes for a float. The
# hook takes its checker by name. FOVEATE_UNCHECKED=1 leaves it out, to see whether the checks are what fails.
if os.environ.get("FOVEATE_UNCHECKED") != "1":
    strict = beartype(conf=BeartypeConf(is_pep484_tower=True, violation_type=TypeError))
    with_shapes = jaxtyping.jaxtyped

    def check(thing: Any) -> Any:
        """Check types; the check of a function is made when it is first called, because most never are."""
        if (
            not isinstance(thing, FunctionType)
            or inspect.isgeneratorfunction(thing)
            or inspect.iscoroutinefunction(thing)
        ):
            return strict(thing)
        checked = None

        @functools.wraps(thing)
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal checked
            if jaxtyping.config.jaxtyping_disable:  # as jaxtyping's own: checks do not trace
                return thing(*args, **kwargs)
            checked = checked or strict(thing)
            return checked(*args, **kwargs)

        return call

    def names_arrays(annotation: Any) -> bool:
        if get_origin(annotation) is Literal:
            return False
        if inspect.isclass(annotation) and issubclass(annotation, jaxtyping.AbstractArray):
            return True
        parts = annotation if isinstance(annotation, list) else get_args(annotation)
        return isinstance(annotation, str) or any(map(names_arrays, parts))

    def jaxtyped(*, typechecker: Any) -> Any:
        """As jaxtyping's, which spends 20 microseconds on each call even where there is no shape to check."""

        def decorate(thing: Any) -> Any:
            if inspect.isclass(thing):
                if dataclasses.is_dataclass(thing) and "__init__" in vars(thing):
                    thing.__init__ = decorate(thing.__init__)
                return thing
            plain = isinstance(thing, FunctionType) and not any(
                map(names_arrays, thing.__annotations__.values())
            )
            return check(thing) if plain else with_shapes(typechecker=typechecker)(thing)

        return decorate

    checks = ModuleType("foveate_checks")
    checks.check = check
    sys.modules[checks.__name__] = checks
    jaxtyping.jaxtyped = jaxtyped
    jaxtyping.install_import_hook("foveate", "foveate_checks.check")

# Tests ask no hub for weights: they start from random ones unless they say otherwise.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# A shell starts background jobs deaf to Ctrl-C, and so would be what the tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Keep what is imported and collected, a million objects, out of every later garbage collection."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images that FOVEATE_DATA names; without it, tests that need it skip and say so."""
    folder = os.environ.get("FOVEATE_DATA")
    if not folder:
        pytest.skip("FOVEATE_DATA is not set: point it at the folder with the real images to run this test")
    return Path(folder).resolve()


@pytest.fixture(scope="session")
def begin() -> Callable[..., BaseProcess]:
    """`begin(code, **names)` starts a process that executes `code`, in which `names` are set.

    Its parent is a server that has imported what trains and done nothing else. So it starts in milliseconds
    where a new interpreter imports for seconds, and it knows nothing of what the tests here have computed.
    Its own processes start as those of a user's process do, and not each by a new server.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["foveate.cli.commands.compare", "foveate.experiments.compare"])

    def start(code: str, **names: object) -> BaseProcess:
        usual = "import multiprocessing; multiprocessing.set_start_method(None, force=True)\n"
        process = context.Process(target=exec, args=(usual + code, names))
        process.start()
        return process

    return start


class Make:
    """Small datasets on disk."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def save(self, path: str, array: np.ndarray, **options) -> Path:
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path, **options)
        return path

    def photo(self, seed: int, size: tuple[int, int] = (12, 16)) -> np.ndarray:
        """A blurred random image: neighbouring pixels resemble each other, as resizing and JPEG expect."""
        coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        return np.asarray(Image.fromarray(coarse).resize(size[::-1], Image.Resampling.BICUBIC))

    def mask(self, seed: int, values: list[int], size: tuple[int, int] = (12, 16)) -> np.ndarray:
        """A random mask in which every value occurs."""
        mask = np.random.default_rng(seed).choice(np.array(values, dtype=np.uint8), size)
        mask.flat[: len(values)] = values
        return mask

    def pairs(
        self, images: str = "images", masks: str = "masks", count: int = 8, values: tuple[int, ...] = (0, 255)
    ) -> Path:
        for number in range(count):
            self.save(f"{images}/{number:02d}.png", self.photo(number))
            self.save(f"{masks}/{number:02d}.png", self.mask(number, list(values)))
        return self.root

    def class_folders(self, **counts: int) -> Path:
        for name, count in counts.items():
            for number in range(count):
                path = f"{name}/{number:03d}.png"
                self.save(path, self.photo(zlib.crc32(path.encode()), (8, 8)))
        return self.root


@pytest.fixture
def make(tmp_path: Path) -> Make:
    return Make(tmp_path)


class Server:
    """A real server on this machine whose faults can be chosen.

    files: what it has, by name. ranges: whether it continues them. cuts: bytes after which it hangs up, by
    transfer. slow: seconds between pieces. version: its ETag. asked: the Range header of each transfer.
    shift: bytes by which a part begins elsewhere than was asked. sized: whether it states lengths.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.ranges, self.cuts, self.slow = True, [], 0.0
        self.version, self.status, self.asked = '"1"', 200, []
        self.shift, self.sized = 0, True
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self, outer.files[self.path.strip("/")])

            def log_message(self, *words) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, args=[0.02], daemon=True).start()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.http.server_port}/{name}"

    def answer(self, request: BaseHTTPRequestHandler, content: bytes) -> None:
        span, start, size = request.headers.get("Range"), 0, len(content)
        cut = size
        if "urllib" not in request.headers["User-Agent"]:  # which only asks whether anybody is there
            self.asked.append(span)
            cut = self.cuts.pop(0) if self.cuts else cut
        part = bool(span) and self.ranges and request.headers.get("If-Range", self.version) == self.version
        if part:
            first, _, last = span.removeprefix("bytes=").partition("-")
            start, content = int(first) + self.shift, content[: int(last) + 1] if last else content
        if self.status != 200:
            request.send_error(self.status)
            return
        if part and start >= size:
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{size}")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        request.send_response(206 if part else 200)
        if part:
            request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{size}")
        request.send_header("ETag", self.version)
        if self.sized:
            request.send_header("Content-Length", str(len(content) - start))
        request.end_headers()
        end = min(len(content), start + cut)
        try:
            for at in range(start, end, 1 << 16):
                request.wfile.write(content[at : min(at + (1 << 16), end)])
                time.sleep(self.slow)
        except OSError:
            pass
        request.close_connection = True


@pytest.fixture
def server(monkeypatch):
    from foveate.data.storage import download

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "PAUSE", 0.0)
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()
