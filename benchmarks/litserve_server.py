"""LitServe with a network of ours, for benchmarks/serving.py: litserve_server.py RUN PORT BATCH WORKERS

Reads, prepares, assembles and answers with our functions, so that only the serving differs. It is a file of
its own because LitServe starts a new interpreter for each worker.
"""

import sys
from typing import Any

import litserve
import torch
from fastapi import Request, Response
from torch import Tensor

from foveate.data.dataset import Pixels
from foveate.prediction.assemble import assemble
from foveate.prediction.predictor import load
from foveate.serving.answers import mask_answer

WAIT = 0.005
"""Seconds that a worker waits for more images; the default of `foveate serve --wait-ms`."""

Prepared = tuple[Pixels, Tensor]


class Served(litserve.LitAPI):
    """The mask of an image as PNG. path: of the run. threads: of each worker."""

    def __init__(self, path: str, threads: int, **settings: Any):
        super().__init__(**settings)
        self.path, self.threads = path, threads

    def setup(self, device: str) -> None:
        torch.set_num_threads(self.threads)
        self.predictor = load(self.path, "cpu")

    def decode_request(self, request: Request) -> Prepared:
        # LitServe goes by the annotation, and gives the form of the request.
        pixels = self.predictor.read_content(request["image"].file.read(), "image")
        return pixels, self.predictor.prepared(pixels)

    def batch(self, inputs: list[Prepared]) -> list[Prepared]:
        return inputs

    def predict(self, inputs: list[Prepared]) -> list[tuple[Pixels, Tensor]]:
        p = self.predictor.probabilities(torch.cat([image for _, image in inputs]))
        return [(pixels, each) for (pixels, _), each in zip(inputs, p, strict=True)]

    def unbatch(self, output: list[tuple[Pixels, Tensor]]) -> list[tuple[Pixels, Tensor]]:
        return output

    def encode_response(self, output: tuple[Pixels, Tensor]) -> Response:
        pixels, p = output
        prediction = assemble(self.predictor.facts, p, (pixels.shape[0], pixels.shape[1]))
        return Response(mask_answer(self.predictor, pixels, prediction), media_type="image/png")


if __name__ == "__main__":
    run, port, batch, workers = sys.argv[1], *map(int, sys.argv[2:])
    api = Served(run, max(1, torch.get_num_threads() // workers), max_batch_size=batch, batch_timeout=WAIT)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=workers, timeout=120)
    server.run(host="127.0.0.1", port=port, num_api_servers=1, log_level="error", generate_client_file=False)
