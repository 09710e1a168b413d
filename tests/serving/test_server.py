"""What clients of the server are answered, over real sockets."""

import io
import json
import re
import socket
import struct
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
import tifffile
from PIL import Image

from foveate.errors import UserError
from foveate.inspection.overlays import colorize, over_image
from foveate.serving.server import listen
from foveate.watching.watcher import watched_prediction


def photo(seed: int, size: tuple[int, int] = (50, 70)) -> np.ndarray:
    """A blurred random image."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize(size[::-1], Image.Resampling.BICUBIC))


def encoded(pixels: np.ndarray | Image.Image, form: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(file, form, **options)
    return file.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def bomb(side: int) -> bytes:
    """A small PNG whose header tells of a large image."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 10_000))
        + chunk(b"IEND", b"")
    )


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(photo(3), "JPEG", exif=exif)


def tiff(pixels: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **options)
    return file.getvalue()


GOOD = {
    "png": encoded(photo(0)),
    "jpeg": encoded(photo(1), "JPEG"),
    "webp": encoded(photo(1), "WEBP"),
    "grey": encoded(photo(2)[..., 0]),
    "palette": encoded(Image.fromarray(photo(2)).quantize(16)),
    "alpha": encoded(Image.fromarray(photo(2)).convert("RGBA")),
    "cmyk": encoded(Image.fromarray(photo(2)).convert("CMYK"), "JPEG"),
    "one frame": encoded(photo(2), "GIF"),
    "16-bit grey": encoded(photo(4)[..., 0].astype(np.uint16) * 257),
    "16-bit TIFF": tiff(photo(5).astype(np.uint16) * 257, photometric="rgb"),
    "turned by EXIF": turned(),
    "one pixel": encoded(photo(0, (1, 1))),
    "of the network's size": encoded(photo(6, (32, 64))),
}


@pytest.mark.parametrize("name", GOOD)
def test_an_image_is_answered_as_predict_answers_it(client, predictor, tmp_path, name):
    path = tmp_path / "image"
    path.write_bytes(GOOD[name])
    expected = predictor.predict(path)
    kinds = {"png": "image/png", "jpg": "image/jpeg", "json": "application/json", "npz": "application/x-npz"}
    answers = {
        short: client.post("/predict", content=GOOD[name], headers={"Accept": kind})
        for short, kind in kinds.items()
    }
    assert {a.status_code for a in answers.values()} == {200}, answers["json"].text
    assert {short: answers[short].headers["content-type"] for short in kinds} == kinds
    mask = np.asarray(Image.open(io.BytesIO(answers["png"].content)))
    np.testing.assert_array_equal(mask, expected.mask)
    shown = over_image(predictor.read(path), colorize(expected.mask, expected.colors))
    assert answers["jpg"].content == encoded(shown, "JPEG")
    arrays = np.load(io.BytesIO(answers["npz"].content), allow_pickle=False)
    np.testing.assert_array_equal(arrays["mask"], expected.mask)
    np.testing.assert_array_equal(arrays["confidence"], expected.confidence)
    told = answers["json"].json()
    assert told["size"] == dict(zip(("height", "width"), expected.mask.shape, strict=True))
    assert [c["pixels"] for c in told["classes"]] == np.bincount(expected.mask.ravel(), minlength=3).tolist()
    assert [c["name"] for c in told["classes"]] == ["sky", "road", "tree"]


def test_a_form_is_answered_as_the_raw_body(client):
    raw = client.post("/predict", content=GOOD["png"], headers={"Content-Type": "image/png"})
    form = client.post("/predict", files={"image": ("../../etc/a.png", GOOD["png"])}, data={"note": "x"})
    assert raw.status_code == form.status_code == 200
    assert raw.content == form.content


def test_images_of_many_clients_are_computed_together_and_answered_one_by_one(client, predictor):
    def ask(seed: int) -> bool:
        answer = client.post("/predict", content=encoded(photo(seed)), headers={"Accept": "image/png"})
        mask = np.asarray(Image.open(io.BytesIO(answer.content)))
        return bool((mask == predictor.predict(photo(seed)).mask).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(24)))
    lines = client.get("/metrics").text.splitlines()
    counts = {line.split()[0]: float(line.split()[1]) for line in lines if not line.startswith("#")}
    assert counts["foveate_batch_images_sum"] > counts["foveate_batch_images_count"]
    assert counts["foveate_in_work"] == 0


BAD = {
    "nothing": (b"", {}, 400, "no image"),
    "half an image": (GOOD["png"][:400], {}, 422, "damaged or truncated"),
    "half a JPEG": (GOOD["jpeg"][:500], {}, 422, "damaged or truncated"),
    "half a TIFF": (GOOD["16-bit TIFF"][:3000], {}, 422, "damaged or truncated"),
    "rows that are not there": (bomb(150), {}, 422, "damaged or truncated"),
    "text": (b"not an image", {}, 422, "not an image"),
    "an archive": (b"PK\3\4" + b"\0" * 100, {}, 422, "not an image"),
    "a pickled array": (
        b"\x93NUMPY\1\0" + b"\x46\0{'descr': '|O', 'fortran_order': False, 'shape': (4,)}",
        {},
        422,
        "",
    ),
    "another type": (b"{}", {"Content-Type": "application/json"}, 415, "not taken"),
    "a bomb": (bomb(30_000), {}, 413, "pixels"),
    "a large image": (encoded(np.zeros((300, 300), np.uint8)), {}, 413, "more than 0.04 million"),
    "a large TIFF": (tiff(np.zeros((300, 300), np.uint8), compression="zlib"), {}, 413, "more than 0.04"),
    "a large body": (b"\0" * 300_000, {}, 413, "larger than 0.2 MB"),
    "frames": (
        encoded(photo(0), "GIF", save_all=True, append_images=[Image.fromarray(photo(1))]),
        {},
        422,
        "animated",
    ),
    "frames of PNG": (
        encoded(photo(0), "PNG", save_all=True, append_images=[Image.fromarray(photo(1))]),
        {},
        422,
        "animated",
    ),
    "pages": (tiff(np.zeros((3, 8, 8), np.uint8), photometric="minisblack"), {}, 422, "stack of several"),
    "bands": (
        tiff(np.zeros((8, 8, 6), np.uint8), photometric="minisblack", planarconfig="contig"),
        {},
        422,
        "6 bands",
    ),
    "an answer that is not there": (GOOD["png"], {"Accept": "video/mp4"}, 406, "ask for one of these"),
    "an empty form": (b"--x--\r\n", {"Content-Type": "multipart/form-data; boundary=x"}, 400, "form"),
    "a form without boundary": (b"--x--\r\n", {"Content-Type": "multipart/form-data"}, 400, "form"),
    "a form of words": (
        b'--x\r\nContent-Disposition: form-data; name="image"\r\n\r\nword\r\n--x--\r\n',
        {"Content-Type": "multipart/form-data; boundary=x"},
        400,
        "no file",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_is_told_why_and_nothing_of_the_machine(client, name):
    content, headers, status, words = BAD[name]
    answer = client.post("/predict", content=content, headers=headers)
    sentence = answer.json()["error"]
    assert (answer.status_code, list(answer.json())) == (status, ["error"])
    assert words in sentence
    assert "/" not in re.sub(r"(image|application|multipart)/", "", sentence)
    assert "Traceback" not in sentence


def test_a_body_of_unknown_length_is_limited_too(client):
    answer = client.post("/predict", content=(b"\0" * 1000 for _ in range(1000)))
    assert answer.status_code == 413


def test_pages_tell_what_is_served(client):
    facts = client.get("/classes").json()
    assert facts["classes"][1] == {"id": 1, "name": "road", "color": [200, 0, 0]}
    assert (facts["size"], facts["network"]["arm"]) == ([32, 64], "se@decoder")
    assert client.get("/health").json() == {"status": "alive"}
    assert client.get("/ready").json() == {"status": "ready"}
    assert "/predict" in client.get("/openapi.json").json()["paths"]
    assert client.get("/no/such").json() == {"error": "there is no such page; /docs lists all"}
    assert client.get("/predict").status_code == 405
    page = client.get("/docs").text
    assert "POST /predict" in page
    assert "//" not in page  # nothing is loaded from elsewhere


def test_only_clients_with_the_token_are_answered(start, capfd):
    with start(token="secret words") as client:
        asked = {
            "none": {},
            "wrong": {"Authorization": "Bearer secret"},
            "other kind": {"Authorization": "Basic secret words"},
            "right": {"Authorization": "Bearer secret words"},
        }
        answers = {
            name: client.post("/predict", content=GOOD["png"], headers=headers)
            for name, headers in asked.items()
        }
        assert {n: a.status_code for n, a in answers.items()} == dict.fromkeys(asked, 401) | {"right": 200}
        assert client.get("/metrics").status_code == client.get("/docs").status_code == 401
        assert client.get("/health").status_code == client.get("/ready").status_code == 200


def test_a_mistake_of_the_server_is_a_sentence_with_the_number_in_the_log(
    start, predictor, monkeypatch, caplog
):
    def fail(*_):
        raise RuntimeError("/secret/path is broken")

    with start() as client:
        monkeypatch.setattr(predictor, "read_content", fail)
        answer = client.post("/predict", content=GOOD["png"])
        assert answer.status_code == 500
        assert answer.headers["x-request-id"] in answer.json()["error"]
        assert "secret" not in answer.text
        assert "Traceback" not in answer.text
        monkeypatch.undo()
        assert client.post("/predict", content=GOOD["png"]).status_code == 200


def test_a_full_queue_sends_clients_away_for_a_time(start, predictor):
    with start(queue=1, wait_ms=300) as client, ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: client.post("/predict", content=GOOD["png"]), range(6)))
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {200, 429}
    assert all(int(a.headers["retry-after"]) >= 1 for a in answers if a.status_code == 429)


@pytest.mark.parametrize(
    "sent", [b"", b"POST /pre", b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nab"]
)
def test_a_client_that_stops_sending_is_let_go(start, sent):
    with start(timeout=0.3) as client, socket.create_connection(("127.0.0.1", client.base_url.port)) as slow:
        slow.settimeout(20)
        slow.sendall(sent)
        answer = b""
        while part := slow.recv(4096):
            answer += part
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408 ")
        assert "took" in json.loads(body)["error"]
        assert client.get("/health").status_code == 200


def test_an_answer_that_takes_too_long_is_given_up(start, predictor, monkeypatch):
    with start(timeout=0.2, wait_ms=2000) as client:
        answer = client.post("/predict", content=GOOD["png"])
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_a_port_in_use_is_named(client):
    with pytest.raises(UserError, match=f"{client.base_url.port}.*choose another"):
        listen("127.0.0.1", client.base_url.port)


def test_an_unknown_host_is_named():
    with pytest.raises(UserError, match="--host"):
        listen("no.such.host.invalid", 8000)


def test_a_connection_serves_several_requests(client):
    with httpx.Client(
        base_url=client.base_url, trust_env=False, limits=httpx.Limits(max_connections=1)
    ) as one:
        assert [one.post("/predict", content=GOOD[n]).status_code for n in ("png", "jpeg", "png")] == [
            200
        ] * 3


def metrics_of(client: httpx.Client) -> dict[str, float]:
    lines = [line for line in client.get("/metrics").text.splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_drift_of_a_window_of_images_is_in_the_metrics(start, predictor):
    before = [watched_prediction(predictor, photo(n))[1] for n in range(30)]
    with start(baseline=before, drift_window=20) as client:
        for dark in (False, True):
            for n in range(100, 120):
                image = photo(n) // 4 if dark else photo(n)
                assert client.post("/predict", content=encoded(image)).status_code == 200
            while metrics_of(client).get('foveate_drift{sign="brightness"}') != float(dark):
                time.sleep(0.01)
        found = metrics_of(client)
    assert found['foveate_drift_index{sign="brightness"}'] > 0.2
    assert found['foveate_drift{sign="pixels"}'] == 0
    assert any(name.startswith('foveate_drift_index{sign="attention se@decoder') for name in found)
    assert found["foveate_drift_images"] == 0
