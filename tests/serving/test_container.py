"""The container's files, as far as they can be checked without a daemon."""

import json
import re
import shlex
from pathlib import Path

import yaml

from foveate.cli.main import find_command
from foveate.cli.parser import build_parser, normalise
from foveate.specs.serving import ServingSpec

ROOT = Path(__file__).parents[2]


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


def values(name: str) -> list[str]:
    return [value for word, value in instructions() if word == name]


def service() -> dict:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["foveate"]


def test_every_instruction_is_one_of_docker():
    known = {"FROM", "COPY", "RUN", "ENV", "USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
    assert {word for word, _ in instructions()} <= known


def test_base_images_and_tools_have_versions():
    assert all(re.match(r"[\w./-]+:\d+\.\d+\.\d+-\S+( AS \w+)?$", image) for image in values("FROM"))
    assert re.search(r"uv==\d", " ".join(values("RUN")))
    assert "requirements/lock.txt" in " ".join(values("RUN"))


def test_what_is_copied_is_there_and_reaches_the_build():
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line.startswith("!")}
    sources = [word for value in values("COPY") if not value.startswith("--") for word in value.split()[:-1]]
    assert all((ROOT / source).exists() for source in sources)
    assert set(sources) <= let_in


def test_the_process_is_nobody_and_stops_by_the_signal_that_the_server_knows():
    last = dict(instructions())
    assert last["USER"] == service()["user"] == "10001:10001"
    assert last["STOPSIGNAL"] == "SIGTERM"
    words = [word for word, _ in instructions()]
    assert words.index("USER") < words.index("ENTRYPOINT")
    assert json.loads(last["ENTRYPOINT"]) == ["foveate", "serve"]  # no shell would pass the signal on


def test_the_commands_are_valid():
    for command in (json.loads(values("CMD")[0]), service()["command"]):
        function, program, words = find_command(["serve", *command])
        parser = build_parser(function, program)
        flags = parser.parse_args(normalise(words, parser))
        assert (flags.host, flags.port) == ("0.0.0.0", 8000)


def test_the_service_can_write_nothing_and_is_limited():
    found = service()
    assert found["read_only"] is True
    assert found["cap_drop"] == ["ALL"]
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert all(volume.endswith(":ro") for volume in found["volumes"])
    assert all(port.startswith("127.0.0.1:") for port in found["ports"])
    assert ":?" in found["environment"]["FOVEATE_TOKEN"]
    assert {"mem_limit", "pids_limit"} <= set(found)
    assert float(found["stop_grace_period"].rstrip("s")) > 2 * ServingSpec().timeout


def test_the_check_of_health_is_python_that_asks_ready():
    check = json.loads(values("HEALTHCHECK")[0].partition("CMD ")[2])
    assert shlex.join(check).startswith("python -c")
    compile(check[2], "check", "exec")
    assert "/ready" in check[2]
