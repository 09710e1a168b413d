import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import httpx
import pytest
import torch

from foveate.models.checkpoints import save_model
from foveate.models.create import create_model
from foveate.prediction.predictor import Predictor, load
from foveate.serving.server import build_server, listen
from foveate.specs.serving import ServingSpec
from foveate.watching.signs import Signs

SIZE = (32, 64)


@pytest.fixture(scope="session")
def run(tmp_path_factory) -> Path:
    """A run of an untrained network."""
    torch.manual_seed(0)
    model = create_model("unet", "resnet18", classes=3, arm="se@decoder")
    colors = [[0, 0, 0], [200, 0, 0], [0, 0, 200]]
    model.notes = {"classes": ["sky", "road", "tree"], "colors": colors, "size": list(SIZE)}
    folder = tmp_path_factory.mktemp("runs") / "a"
    folder.mkdir()
    save_model(model, folder)
    return folder


@pytest.fixture(scope="session")
def predictor(run) -> Predictor:
    return load(run, "cpu")


@contextlib.contextmanager
def running(predictor: Predictor, baseline: Sequence[Signs] = (), **settings) -> Iterator[httpx.Client]:
    """A client of a real server on a free port of this machine, which has begun to predict."""
    spec = ServingSpec(port=0, **settings)
    listener, server = listen("127.0.0.1", 0), build_server(predictor, spec, baseline)
    thread = threading.Thread(target=server.run, args=[[listener]])
    port = listener.getsockname()[1]
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.01)
            yield client
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def client(predictor) -> Iterator[httpx.Client]:
    with running(predictor, max_megabytes=0.2, max_megapixels=0.04, wait_ms=20) as client:
        yield client


@pytest.fixture
def start(predictor) -> Callable[..., contextlib.AbstractContextManager[httpx.Client]]:
    return lambda **settings: running(predictor, **settings)
