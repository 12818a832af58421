"""Joins the interfaces to one application, and runs it."""

import socket
import sys
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from importlib import import_module
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from fastapi import FastAPI, Response
from mcp.server.transport_security import TransportSecuritySettings
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from labourqa import __version__
from labourqa.config import PAGE, Settings
from labourqa.errors import SettingsError
from labourqa.server.api import Problem, create_api
from labourqa.server.guard import Guard
from labourqa.server.logs import start_json_logs
from labourqa.server.mcp_server import create_mcp_server
from labourqa.server.openai_api import OpenAIError, create_openai_api
from labourqa.server.problems import add_error_handlers
from labourqa.server.service import AnswerService, share_service

if TYPE_CHECKING:
    from streamlit.starlette import App

LOCAL_NAMES = frozenset(["127.0.0.1", "localhost", "[::1]", "::1"])
BACKLOG = 2048  # connections that wait to be accepted
SHUTDOWN_SECONDS = 10  # beyond the time limit of a question


def create_application(
    service: AnswerService,
    *,
    origins: Sequence[str] = (),
    hosts: Collection[str] | None = None,
    page: Path | None = None,
) -> ASGIApp:
    """The whole server.

    `origins`: other sites whose pages may use it; `hosts`: see Guard; `page`: Streamlit's script, None for no page.
    """
    streamlit_app = _load_page(page) if page else None
    mcp_server = create_mcp_server(service)
    # Guard checks the host name, and the body's size.
    mcp_application = mcp_server.streamable_http_app(
        stateless_http=True,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.callback(service.close)
            if streamlit_app:
                share_service(service)
                stack.callback(share_service, None)
                await stack.enter_async_context(streamlit_app.lifespan()(app))
            await stack.enter_async_context(mcp_server.session_manager.run())
            service.start()
            yield

    app = FastAPI(
        title="labourqa",
        version=__version__,
        description="Questions to a labour code; every answer cites the articles that it rests on.",
        lifespan=lifespan,
        responses={},
    )
    add_error_handlers(app)
    app.include_router(create_api(service))
    app.include_router(create_openai_api(service))
    _add_state_routes(app, service)
    _add_error_schemas(app)
    app.router.routes.extend(mcp_application.routes)  # /mcp
    if streamlit_app:
        app.mount("/", streamlit_app)
    guarded: ASGIApp = Guard(
        app, key=service.settings.serve_key, rate=service.rate, metrics=service.metrics, hosts=hosts
    )
    if origins:
        guarded = CORSMiddleware(
            guarded, allow_origins=origins, allow_methods=["GET", "POST"], allow_headers=["*"]
        )
    return guarded


def run_server(
    settings: Settings, *, host: str, port: int, origins: Sequence[str] = (), log_questions: bool = False
) -> None:
    """Serve until SIGINT or SIGTERM; then questions that were taken are answered first.

    Raises SettingsError when it cannot listen or a key is missing.
    """
    if not is_local(host) and not settings.serve_key:
        raise SettingsError(
            f"{host} can be reached by others, so a key is needed: set LABOURQA_SERVE_KEY, or leave --host out."
        )
    start_json_logs()
    service = AnswerService(settings, log_questions=log_questions)
    hosts = LOCAL_NAMES if is_local(host) else None
    config = uvicorn.Config(
        create_application(service, origins=origins, hosts=hosts, page=PAGE),
        log_config=None,
        timeout_graceful_shutdown=settings.question_seconds + SHUTDOWN_SECONDS,
        server_header=False,
    )
    with _listen(host, port) as listening, suppress(KeyboardInterrupt):  # which uvicorn has obeyed already
        uvicorn.Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise SettingsError(
            f"The server cannot listen on {host}, port {port} ({error.strerror}); choose another with --port."
        ) from error


def is_local(host: str) -> bool:
    """Whether only programs of this machine reach the address."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _load_page(script: Path) -> "App":
    """The page as a part of this server. Its modules find each other beside its script, as with `streamlit run`."""
    sys.path.insert(0, str(script.parent))
    app: App = import_module(script.stem).app
    return app


def _add_state_routes(app: FastAPI, service: AnswerService) -> None:
    def describe_state() -> dict[str, Any]:
        loading = service.loading
        state: dict[str, Any] = {"live": True, "ready": loading.models is not None}
        if loading.models is None:
            state |= {"activity": loading.error or loading.activity, "share": round(loading.share, 3)}
        return state

    @app.get("/health", summary="Whether the server runs, and whether its models are loaded", tags=["state"])
    def health() -> dict[str, Any]:
        return describe_state()

    @app.get("/health/live", summary="Answers 200 as soon as the server runs", tags=["state"])
    def live() -> dict[str, bool]:
        return {"live": True}

    @app.get(
        "/health/ready",
        summary="Answers 200 when the models are loaded, 503 before",
        tags=["state"],
        responses={503: {"description": "The models are not loaded yet."}},
    )
    def ready(response: Response) -> dict[str, Any]:
        state = describe_state()
        if not state["ready"]:
            response.status_code = 503
        return state

    @app.get(
        "/metrics",
        summary="Metrics for Prometheus",
        tags=["state"],
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}},
    )
    def metrics() -> Response:
        return Response(service.metrics.show(), media_type=CONTENT_TYPE_LATEST)


def _add_error_schemas(app: FastAPI) -> None:
    """Name the documents of errors in the OpenAPI document: FastAPI lists only those of successful answers."""
    make_document = app.openapi

    def openapi() -> dict[str, Any]:
        document = make_document()
        schemas = document["components"]["schemas"]
        for model in (Problem, OpenAIError):
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(schema.pop("$defs", {}))
            schemas[model.__name__] = schema
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation shows
