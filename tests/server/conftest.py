"""A real server on a real socket, with an engine that needs no torch."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn

from labourqa.config import Settings
from labourqa.engine.startup import Models
from labourqa.server.application import create_application
from labourqa.server.service import AnswerService
from labourqa.store import Store
from tests.conftest import small_code
from tests.fakes import FakeEngine, fake_models

CODE_ID = "labour-code-of-nowhere"  # of small_code()
QUESTION = "How is night work paid?"


@dataclass
class RunningServer:
    url: str  # without a slash at its end
    service: AnswerService
    engine: FakeEngine
    client: httpx2.Client

    def ask(self, question: str = QUESTION, **choices: Any) -> httpx2.Response:
        return self.client.post("/ask", json={"question": question, **choices})


StartServer = Callable[..., RunningServer]


@contextmanager
def serve(
    settings: Settings, models: Models, *, log_questions: bool = False, **options: Any
) -> Iterator[tuple[str, AnswerService]]:
    """The URL of a server in this process; `options` are those of create_application."""
    service = AnswerService(settings, models=models, log_questions=log_questions)
    config = uvicorn.Config(create_application(service, **options), log_config=None, lifespan="on")
    server = uvicorn.Server(config)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            assert service.loading.finished.wait(60)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", service
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Starts a server of small_code() with an empty history; it ends with the test."""
    with _server_starter(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of small_code() for all tests of a module that do not mind the questions of the others."""
    with _server_starter(tmp_path_factory.mktemp("server")) as start:
        yield start(requests_per_minute=1_000_000)


@contextmanager
def _server_starter(home: Path) -> Iterator[StartServer]:
    with ExitStack() as stack:

        def start(engine: FakeEngine | None = None, **options: Any) -> RunningServer:
            """`options`: settings, and the options of `serve`."""
            engine = engine or FakeEngine()
            names = Settings.__dataclass_fields__.keys() & options.keys()
            settings = Settings(home=home, **{name: options.pop(name) for name in names})
            with Store(settings.database) as store:
                store.editions.save(small_code(), source="nowhere.txt", sha256="0" * 64)
            url, service = stack.enter_context(serve(settings, fake_models(engine), **options))
            client = stack.enter_context(httpx2.Client(base_url=url, timeout=30))
            return RunningServer(url, service, engine, client)

        yield start
