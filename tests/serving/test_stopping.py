"""A server that is told to stop answers what it has accepted, and ends with exit code 0."""

import json
import os
import signal
import subprocess
import sys

CLIENTS = """
import io, sys, threading
import httpx
import numpy as np
from PIL import Image

file = io.BytesIO()
Image.fromarray(np.full((60, 80, 3), 90, np.uint8)).save(file, "PNG")


def ask():
    with httpx.Client(
        base_url=sys.argv[1], timeout=60, trust_env=False, headers={"Authorization": "Bearer t"}
    ) as client:
        try:
            while True:
                answer = client.post("/predict", content=file.getvalue(), headers={"Accept": "image/png"})
                Image.open(io.BytesIO(answer.content)).load()
                print(f"{answer.headers['x-request-id']} {answer.status_code}\\n", end="", flush=True)
        except httpx.TransportError:  # the server has gone; it did not accept this one
            return


for _ in range(6):
    threading.Thread(target=ask).start()
"""
"""Program of six clients that ask until the server is gone, and print the id and status of each answer."""


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
    clients = subprocess.Popen([sys.executable, "-c", CLIENTS, url], stdout=subprocess.PIPE, text=True)
    lines = [clients.stdout.readline() for _ in range(8)]
    server.send_signal(signal.SIGTERM)
    _, text = server.communicate(timeout=60)
    lines += clients.communicate(timeout=60)[0].splitlines()
    answered = {(number, int(status)) for number, status in map(str.split, lines)}
    events = [json.loads(line) for line in text.splitlines()]
    accepted = {(event["id"], event["status"]) for event in events if event["event"] == "answered"}
    assert server.returncode == 0
    assert [events[0]["event"], events[-1]["event"]] == ["started", "stopped"]
    assert answered == accepted
    assert {status for _, status in accepted} == {200}
    assert str(run) not in text
