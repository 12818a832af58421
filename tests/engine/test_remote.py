"""The engine on a server: the real embedded model behind a small OpenAI-compatible one on this machine."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch

from labourqa.engine.base import Engine
from labourqa.engine.local import LocalEngine
from labourqa.engine.remote import RemoteEngine
from labourqa.errors import EngineError
from tests.conftest import small_code
from tests.engine.helpers import score

pytestmark = pytest.mark.model

ARTICLES = small_code().articles


@dataclass
class Server:
    url: str
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    gives_logprobs: bool = True
    status: int = 200


@pytest.fixture
def server(float32_engine: LocalEngine) -> Iterator[Server]:
    engine = float32_engine

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def reply(self, document: object) -> None:
            data = json.dumps(document).encode()
            self.send_response(state.status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            self.reply({"data": [{"id": "smollm2", "max_model_len": 4096}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.bodies.append(body)
            state.keys.append(self.headers["Authorization"])
            prompt = body["messages"][0]["content"]
            if body.get("stream"):
                self.send_response(200)
                self.end_headers()
                for piece, _ in engine.generate(prompt, max_tokens=body["max_tokens"]):
                    event = {"choices": [{"delta": {"content": piece}}]}
                    self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
                self.wfile.write(b"data: [DONE]\n\n")
                return
            choice: dict[str, Any] = {
                "message": {"content": "".join(piece for piece, _ in engine.generate(prompt, max_tokens=2))}
            }
            if state.gives_logprobs:
                ids = engine.tokenizer.chat(prompt)
                with torch.inference_mode():
                    logprobs = engine.runner.model(torch.tensor([ids])).logits[0, -1].float().log_softmax(-1)
                top = logprobs.topk(20)
                choice["logprobs"] = {
                    "content": [
                        {
                            "top_logprobs": [
                                {"token": engine.tokenizer.decode([int(i)]), "logprob": float(v)}
                                for v, i in zip(top.values, top.indices, strict=True)
                            ]
                        }
                    ]
                }
            self.reply({"choices": [choice]})

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = Server(f"http://127.0.0.1:{http.server_port}/v1")
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield state
    http.shutdown()
    http.server_close()


def margins(engine: Engine) -> dict[str, float]:
    return score(engine, ARTICLES, scoring="yes_no", batching="one-by-one")


def test_with_logprobs_the_margins_are_those_of_the_local_engine(
    server: Server, float32_engine: LocalEngine
) -> None:
    local, remote = margins(float32_engine), margins(RemoteEngine(server.url))
    assert list(remote) == list(local)
    assert remote == pytest.approx(local, abs=0.01)


def test_without_logprobs_the_word_is_read(server: Server) -> None:
    server.gives_logprobs = False
    assert set(margins(RemoteEngine(server.url)).values()) <= {1.0, 0.0, -1.0}


def test_a_server_has_no_prefix_cache(server: Server, tmp_path: Path) -> None:
    engine = RemoteEngine(server.url)
    assert not engine.supports_prefix_cache
    with pytest.raises(EngineError, match="offers no article cache; leave --method out"):
        engine.open_prefix_cache(
            ARTICLES, scoring="yes_no", folder=tmp_path, bits=16, show_share=lambda _: None
        )


def test_an_answer_streams(server: Server, float32_engine: LocalEngine) -> None:
    engine = RemoteEngine(server.url)
    pieces = [piece for piece, _ in engine.generate("Name three colours.", max_tokens=10)]
    local = [piece for piece, _ in float32_engine.generate("Name three colours.", max_tokens=10) if piece]
    assert pieces == local


def test_the_key_is_sent_and_the_context_is_the_servers(server: Server) -> None:
    engine = RemoteEngine(f"{server.url}#smollm2", api_key="secret")
    margins(engine)
    assert set(server.keys) == {"Bearer secret"}
    assert engine.context_tokens == 4096


def test_a_model_that_is_not_served_is_one_sentence(server: Server) -> None:
    with pytest.raises(EngineError, match="has the models smollm2; name one of them"):
        RemoteEngine(f"{server.url}#llama")


def test_a_server_that_refuses_or_is_not_there_is_one_sentence(server: Server) -> None:
    engine = RemoteEngine(server.url)
    server.status = 401
    with pytest.raises(EngineError, match="status 401"):
        margins(engine)
    with pytest.raises(EngineError, match="does not answer"):
        RemoteEngine("http://127.0.0.1:9/v1")
