"""The routes of the server."""

import html
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException

import foveate
from foveate.serving.answers import ANSWERS, choose_type
from foveate.serving.body import image_bytes
from foveate.serving.gate import REQUEST, Gate
from foveate.serving.metrics import CONTENT_TYPE
from foveate.serving.refusal import Refusal, answer_of
from foveate.serving.service import Service

_BINARY = {"type": "string", "format": "binary"}
_PREDICT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "image/*": {"schema": _BINARY},
            "multipart/form-data": {"schema": {"type": "object", "properties": {"image": _BINARY}}},
        },
    },
    "responses": {
        "200": {
            "description": "The prediction, of the type that Accept asks for.",
            "content": {kind: {} for kind in ANSWERS},
        }
    },
}
_STATUSES = {
    401: "The token is missing or wrong.",
    408: "The request took too long to arrive.",
    413: "The body or the image is too large.",
    415: "The body is neither an image nor a form.",
    422: "The image is damaged, animated or none.",
    429: "The server is busy; Retry-After says for how long.",
}


def application(service: Service) -> Gate:
    """Return the ASGI application of a service."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.start()
        yield
        await service.stop()

    app = FastAPI(
        title="foveate", version=foveate.__version__, docs_url=None, redoc_url=None, lifespan=lifespan
    )

    _add_refusals(app)
    _add_facts(app, service)

    @app.post(
        "/predict", openapi_extra=_PREDICT, responses={n: {"description": t} for n, t in _STATUSES.items()}
    )
    async def predict(request: Request) -> Response:
        """Predict the image in the body, raw or as the file of a form."""
        kind = choose_type(request.headers.get("accept", ""), service.predictor.task)
        spec = service.spec
        content = await image_bytes(request, int(spec.max_megabytes * 1e6), spec.timeout)
        return Response(await service.answer(content, kind), media_type=kind)

    routes = (*app.openapi()["paths"], "/docs", "/openapi.json")
    return Gate(app, service.spec.token, service.metrics, routes)


def _add_refusals(app: FastAPI) -> None:
    @app.exception_handler(Refusal)
    async def refused(_: Request, refusal: Refusal) -> Response:
        return answer_of(refusal)

    @app.exception_handler(HTTPException)
    async def unknown(_: Request, error: HTTPException) -> Response:
        known = {
            404: "there is no such page; /docs lists all",
            405: "this page takes another method; /docs lists them",
        }
        return answer_of(Refusal(error.status_code, known.get(error.status_code, str(error.detail))))

    @app.exception_handler(Exception)
    async def failed(request: Request, _: Exception) -> Response:
        number = request.scope[REQUEST]
        return answer_of(Refusal(500, f"the server made a mistake; its log tells more of request {number}"))


def _add_facts(app: FastAPI, service: Service) -> None:
    predictor = service.predictor

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Whether the process answers."""
        return {"status": "alive"}

    @app.get("/ready")
    async def ready() -> Response:
        """Whether images are taken: 200, or 503 before the first prediction and while stopping."""
        words = {True: ("ready", 200), False: ("not ready", 503)}
        status, code = words[service.ready]
        return JSONResponse({"status": status}, code)

    @app.get("/classes")
    async def classes() -> dict[str, Any]:
        """The classes of the network, and where the network comes from."""
        facts = predictor.facts
        named = zip(facts.classes, facts.colors, strict=True)
        return {
            "task": facts.task,
            "classes": [{"id": n, "name": name, "color": list(c)} for n, (name, c) in enumerate(named)],
            "size": facts.size and list(facts.size),
            "network": {"arch": facts.arch, "encoder": facts.encoder, "arm": facts.arm},
            "verdict": facts.verdict,
            "version": facts.version,
        }

    @app.get("/metrics")
    async def metrics() -> Response:
        """Counts and times for Prometheus."""
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(docs_page(app.openapi()))


def docs_page(schema: dict[str, Any]) -> str:
    """Return a page that lists the routes of an OpenAPI schema; it loads nothing from elsewhere."""
    rows = "\n".join(
        f"<tr><td><code>{method.upper()} {html.escape(path)}</code></td>"
        f"<td>{html.escape(route.get('description', ''))}</td><td>{_answers(route)}</td></tr>"
        for path, methods in schema["paths"].items()
        for method, route in methods.items()
    )
    title = html.escape(f"{schema['info']['title']} {schema['info']['version']}")
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
        "<style>body{font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}"
        "td{vertical-align:top;padding:.4rem .8rem .4rem 0}</style>"
        f"<h1>{title}</h1><table>\n{rows}\n</table>"
        "<p>The schema, for tools: <a href=openapi.json>openapi.json</a></p></html>"
    )


def _answers(route: dict[str, Any]) -> str:
    return "<br>".join(
        html.escape(f"{status}: {', '.join(answer.get('content', ())) or answer['description']}")
        for status, answer in route["responses"].items()
    )
