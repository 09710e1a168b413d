"""A server that is told to stop answers what it has accepted, and ends with exit code 0."""

import io
import json
import os
import queue
import signal
import subprocess
import sys
import threading

import httpx
import numpy as np
from PIL import Image


def test_a_signal_in_mid_load_loses_no_accepted_request(run):
    command = [sys.executable, "-m", "foveate", "serve", str(run), "--port", "0", "--device", "cpu"]
    server = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "FOVEATE_TOKEN": "t"},
    )
    url = server.stdout.readline().split("/docs")[0]
    file = io.BytesIO()
    Image.fromarray(np.full((60, 80, 3), 90, np.uint8)).save(file, "PNG")
    answered, first = [], queue.Queue()

    def ask() -> None:
        with httpx.Client(
            base_url=url, timeout=60, trust_env=False, headers={"Authorization": "Bearer t"}
        ) as client:
            try:
                while True:
                    answer = client.post("/predict", content=file.getvalue(), headers={"Accept": "image/png"})
                    assert len(np.unique(Image.open(io.BytesIO(answer.content)))) >= 1
                    answered.append((answer.headers["x-request-id"], answer.status_code))
                    first.put(None)
            except httpx.TransportError:  # the server has gone; it did not accept this one
                return

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for _ in range(8):
        first.get(timeout=60)
    server.send_signal(signal.SIGTERM)
    _, text = server.communicate(timeout=60)
    for thread in threads:
        thread.join()
    events = [json.loads(line) for line in text.splitlines()]
    accepted = {(event["id"], event["status"]) for event in events if event["event"] == "answered"}
    assert server.returncode == 0
    assert [events[0]["event"], events[-1]["event"]] == ["started", "stopped"]
    assert set(answered) == accepted
    assert {status for _, status in accepted} == {200}
    assert str(run) not in text
