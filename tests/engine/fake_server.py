"""A small OpenAI-compatible server without a model: it answers by the prompt's length, or fails as it is told."""

import json
import math
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

YES, NO = 11, 22  # token ids


def margin(prompt: str) -> float:
    """What the server answers: yes to prompts with an even number of characters."""
    return 1.5 if len(prompt) % 2 == 0 else -2.5


def article_of(prompt: str) -> str:
    """The number of the article that the prompt contains."""
    return prompt.partition("Article ")[2].partition(".")[0]


@dataclass
class FakeServer:
    url: str = ""
    owner: str = "somebody"  # "llamacpp" and "vllm" give the words' logprobs by their ids
    gives_logprobs: bool = True
    fail: Callable[[int], str] = lambda number: ""  # for the number of a scoring request: one of FAILURES
    delay: Callable[[], None] = lambda: None
    prompts: list[str] = field(default_factory=list)  # that were answered
    requests: Counter[str] = field(default_factory=Counter)  # by path
    bodies: list[dict[str, Any]] = field(default_factory=list)
    most_at_once: int = 0
    running: int = 0
    close: Callable[[], None] = lambda: None

    def top(self, prompt: str, body: dict[str, Any]) -> dict[str, Any]:
        """The entry of the first token."""
        yes = -math.log1p(math.exp(-margin(prompt)))
        words = (("Yes", YES, yes), ("No", NO, yes - margin(prompt)))
        if self.owner == "llamacpp" and body.get("post_sampling_probs"):
            return {"top_probs": [{"id": i, "prob": math.exp(value)} for _, i, value in words]}
        if self.owner == "vllm" and set(body.get("logprob_token_ids", ())) == {YES, NO}:
            return {"top_logprobs": [{"token": f"token_id:{i}", "logprob": value} for _, i, value in words]}
        return {"top_logprobs": [{"token": word, "logprob": value} for word, _, value in words]}


FAILURES = ("busy", "broken", "cut", "nonsense", "no form", "gone")


@contextmanager
def serve(**options: Any) -> Iterator[FakeServer]:
    """A running server; `close` of it makes it unreachable."""
    state = FakeServer(**options)
    lock = threading.Lock()
    numbers = iter(range(1_000_000))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def reply(self, document: object, status: int = 200, **headers: str) -> None:
            data = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            state.requests[self.path] += 1
            entry = {
                "id": "model",
                "owned_by": state.owner,
                "meta": {"n_ctx": 4096, "n_params": 3_000_000_000},
            }
            self.reply({"data": [entry]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.requests[self.path] += 1
            if self.path == "/tokenize":
                self.reply({"tokens": [YES if "Yes" in (body.get("content"), body.get("prompt")) else NO]})
            elif self.path != "/v1/chat/completions":
                self.reply({"error": {"message": "Not Found"}}, 404)
            else:
                self.complete(body)

        def complete(self, body: dict[str, Any]) -> None:
            with lock:
                number = next(numbers)
                state.bodies.append(body)
                state.running += 1
                state.most_at_once = max(state.most_at_once, state.running)
            try:
                state.delay()
                self.answer(state.fail(number), body)
            finally:
                with lock:
                    state.running -= 1

        def answer(self, failure: str, body: dict[str, Any]) -> None:
            if failure == "busy":
                return self.reply({"error": {"message": "too many requests"}}, 429, Retry_After="0.01")
            if failure == "broken":
                return self.reply({"error": "out of memory"}, 500)
            if failure == "cut":
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b'{"choices": [')
                self.close_connection = True
                return None
            if failure == "nonsense":
                return self.reply(b"<html>It works!</html>")
            if failure == "no form":
                return self.reply({"choices": [{"text": "Yes"}]})
            if failure == "gone":
                self.close_connection = True
                return None
            prompt = body["messages"][0]["content"]
            if body.get("stream"):
                return self.stream()
            choice: dict[str, Any] = {"message": {"content": "Yes" if margin(prompt) > 0 else "No"}}
            if state.gives_logprobs and body.get("logprobs"):
                choice["logprobs"] = {"content": [state.top(prompt, body)]}
            with lock:
                state.prompts.append(prompt)
            usage = {"total_tokens": 101, "prompt_tokens_details": {"cached_tokens": 90}}
            return self.reply({"choices": [choice], "usage": usage})

        def stream(self) -> None:
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            for piece in ("Night ", "work."):
                event = {"choices": [{"delta": {"content": piece}}]}
                self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
            self.wfile.write(b"data: [DONE]\n\n")
            self.close_connection = True

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    http = Server(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{http.server_port}/v1"
    closed = threading.Event()

    def close() -> None:
        if not closed.is_set():
            closed.set()
            state.fail = lambda number: "gone"  # open connections end as well
            http.shutdown()
            http.server_close()

    state.close = close
    threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield state
    finally:
        close()
