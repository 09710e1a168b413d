"""A small Hugging Face Hub on this machine: real HTTP, repositories in memory."""

import base64
import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

USER, TOKEN = "ada", "hf_ada"


@dataclass
class Repository:
    """commits: the files after each commit, by name; the first is empty."""

    private: bool = False
    commits: list[dict[str, bytes]] = field(default_factory=lambda: [{}])

    @property
    def files(self) -> dict[str, bytes]:
        return self.commits[-1]

    def at(self, revision: str) -> int | None:
        """The number of a commit; None if there is none of this name."""
        if revision == "main":
            return len(self.commits) - 1
        return next((n for n in range(len(self.commits)) if commit_id(n).startswith(revision)), None)


def commit_id(number: int) -> str:
    return hashlib.sha1(str(number).encode()).hexdigest()


class FakeHub:
    """Takes requests as the Hub does, those of its interface that pushing and loading need.

    fails: a status in place of the answer, by the end of a path. asked: method and path of each request.
    sizes: what it says of the size of a file, in place of the truth.
    """

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.objects: dict[str, bytes] = {}
        self.fails: dict[str, int] = {}
        self.sizes: dict[str, int] = {}
        self.asked: list[str] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                hub.answer(self, unquote(urlsplit(self.path).path), self.rfile.read(length))

            do_GET = do_HEAD = do_POST = do_PUT = answer

            def log_message(self, *words: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, args=[0.02], daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}"

    def answer(self, request: BaseHTTPRequestHandler, path: str, body: bytes) -> None:
        self.asked.append(f"{request.command} {path}")
        failing = next((status for end, status in self.fails.items() if path.endswith(end)), None)
        token = request.headers.get("Authorization", "")
        if failing:
            self.send(request, failing, {"error": "as the test says"})
        elif token and token != f"Bearer {TOKEN}":
            self.send(
                request,
                401,
                {"error": "Invalid token"},
                {"X-Error-Message": "Invalid credentials in Authorization header"},
            )
        elif path.startswith("/lfs/") and request.command == "PUT":
            assert hashlib.sha256(body).hexdigest() == path[5:]
            self.objects[path[5:]] = body
            self.send(request, 200, {})
        elif path == "/api/repos/create":
            self.create(request, json.loads(body))
        elif path == "/api/validate-yaml":
            self.send(request, 200, {"errors": [], "warnings": []})
        elif path.startswith("/api/models/"):
            name, _, action = path.removeprefix("/api/models/").partition("/")
            rest, _, action = action.partition("/")
            self.of_repository(request, f"{name}/{rest}", action, body)
        elif path.endswith("/info/lfs/objects/batch"):
            objects = [
                {**wanted, "actions": {"upload": {"href": f"{self.url}/lfs/{wanted['oid']}"}}}
                for wanted in json.loads(body)["objects"]
            ]
            self.send(request, 200, {"transfer": "basic", "objects": objects})
        elif "/resolve/" in path:
            name, _, rest = path[1:].partition("/resolve/")
            revision, _, file = rest.partition("/")
            self.file(request, name, revision, file)
        else:
            self.send(request, 200, {})

    def create(self, request: BaseHTTPRequestHandler, wanted: dict[str, Any]) -> None:
        name = f"{wanted['organization']}/{wanted['name']}"
        if wanted["organization"] != USER:
            self.send(
                request, 403, {"error": "You don't have the rights to create a model under this namespace"}
            )
            return
        self.repositories[name] = Repository(
            wanted.get("visibility") == "private" or bool(wanted.get("private"))
        )
        self.send(request, 200, {"url": f"{self.url}/{name}", "name": name})

    def of_repository(self, request: BaseHTTPRequestHandler, name: str, action: str, body: bytes) -> None:
        repository = self.repositories.get(name)
        if repository is None or (repository.private and not request.headers.get("Authorization")):
            self.send(request, 404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        elif action.startswith("preupload"):
            files = [
                {"path": file["path"], "shouldIgnore": False,
                 "uploadMode": "lfs" if file["path"].endswith(".safetensors") else "regular"}
                for file in json.loads(body)["files"]
            ]  # fmt: skip
            self.send(request, 200, {"files": files})
        elif action.startswith("commit"):
            self.commit(request, name, repository, [json.loads(line) for line in body.splitlines()])
        else:
            number = repository.at(action.removeprefix("revision/") or "main")
            if number is None:
                self.send(request, 404, {"error": "none"}, {"X-Error-Code": "RevisionNotFound"})
                return
            siblings = [
                {"rfilename": file, "size": self.sizes.get(file, len(content)), "blobId": "0" * 40}
                for file, content in repository.commits[number].items()
            ]
            about = {
                "id": name,
                "sha": commit_id(number),
                "private": repository.private,
                "siblings": siblings,
            }
            self.send(request, 200, about)

    def commit(
        self, request: BaseHTTPRequestHandler, name: str, repository: Repository, lines: list[dict[str, Any]]
    ) -> None:
        files = dict(repository.files)
        for line in lines:
            value = line["value"]
            if line["key"] == "header" and value.get(
                "parentCommit", commit_id(len(repository.commits) - 1)
            ) != (commit_id(len(repository.commits) - 1)):
                self.send(request, 412, {"error": "A commit has happened since"})
                return
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.objects[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        repository.commits.append(files)
        made = commit_id(len(repository.commits) - 1)
        self.send(request, 200, {"commitUrl": f"{self.url}/{name}/commit/{made}", "commitOid": made})

    def file(self, request: BaseHTTPRequestHandler, name: str, revision: str, file: str) -> None:
        repository = self.repositories.get(name)
        number = repository.at(revision) if repository else None
        if repository is None or number is None or file not in repository.commits[number]:
            self.send(
                request, 404, {}, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit_id(number or 0)}
            )
            return
        content = repository.commits[number][file]
        etag = hashlib.sha1(content).hexdigest()
        self.send(request, 200, content, {"X-Repo-Commit": commit_id(number), "ETag": f'"{etag}"'})

    def send(
        self,
        request: BaseHTTPRequestHandler,
        status: int,
        content: Any,
        headers: dict[str, str] | None = None,
    ) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        request.send_response(status)
        for header, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            request.send_header(header, value)
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)
