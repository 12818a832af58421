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

from labourqa.errors import EngineError
from labourqa.llama import LlamaEngine
from labourqa.remote import RemoteEngine

from .conftest import small_code

pytestmark = pytest.mark.model

ARTICLES = small_code().articles
QUESTION = "How much is paid for night work?"


@dataclass
class Server:
    url: str
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    gives_logprobs: bool = True
    status: int = 200


@pytest.fixture
def server(float32_engine: LlamaEngine) -> Iterator[Server]:
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
                ids = engine._before + engine._ids(prompt) + engine._after
                with torch.inference_mode():
                    logprobs = engine._model(torch.tensor([ids])).logits[0, -1].float().log_softmax(-1)
                top = logprobs.topk(20)
                choice["logprobs"] = {
                    "content": [
                        {
                            "top_logprobs": [
                                {"token": engine._tokenizer.decode([int(i)]), "logprob": float(v)}
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


def judge(engine: RemoteEngine | LlamaEngine) -> dict[str, float]:
    judgement = engine.judge(
        ARTICLES, QUESTION, evidence="yes-no", reading="one-by-one", batch_tokens=1, batch_articles=1,
        show_read=lambda more: None,
    )  # fmt: skip
    return {decision.article: decision.score for decision in judgement.decisions}


def test_with_logprobs_the_margins_are_those_of_the_local_engine(
    server: Server, float32_engine: LlamaEngine
) -> None:
    local, remote = judge(float32_engine), judge(RemoteEngine(server.url))
    assert list(remote) == list(local)
    assert remote == pytest.approx(local, abs=0.01)


def test_without_logprobs_the_word_is_read(server: Server) -> None:
    server.gives_logprobs = False
    assert set(judge(RemoteEngine(server.url)).values()) <= {1.0, 0.0, -1.0}


def test_a_server_keeps_no_article_cache(server: Server, tmp_path: Path) -> None:
    engine = RemoteEngine(server.url)
    assert not engine.can_keep
    with pytest.raises(EngineError, match="keeps no article cache; leave --method out"):
        engine.keep_articles(
            ARTICLES, evidence="yes-no", folder=tmp_path, bits=16, show_fraction=lambda _: None
        )


def test_an_answer_streams(server: Server, float32_engine: LlamaEngine) -> None:
    engine = RemoteEngine(server.url)
    pieces = [piece for piece, _ in engine.generate("Name three colours.", max_tokens=10)]
    local = [piece for piece, _ in float32_engine.generate("Name three colours.", max_tokens=10) if piece]
    assert pieces == local


def test_the_key_is_sent_and_the_context_is_the_servers(server: Server) -> None:
    engine = RemoteEngine(f"{server.url}#smollm2", api_key="secret")
    judge(engine)
    assert set(server.keys) == {"Bearer secret"}
    assert engine.info.context_tokens == 4096


def test_a_model_that_is_not_served_is_one_sentence(server: Server) -> None:
    with pytest.raises(EngineError, match="has the models smollm2; name one of them"):
        RemoteEngine(f"{server.url}#llama")


def test_a_server_that_refuses_or_is_not_there_is_one_sentence(server: Server) -> None:
    engine = RemoteEngine(server.url)
    server.status = 401
    with pytest.raises(EngineError, match="status 401"):
        judge(engine)
    with pytest.raises(EngineError, match="does not answer"):
        RemoteEngine("http://127.0.0.1:9/v1")
