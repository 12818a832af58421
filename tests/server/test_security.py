"""Who may use the server, and what its log tells."""

import json
import logging
import socket
from pathlib import Path

import pytest

from labourqa.cli.main import main
from labourqa.server.application import LOCAL_NAMES, is_local
from labourqa.server.logs import JsonFormatter
from tests.server.conftest import QUESTION, StartServer

KEY = "correct-horse"


@pytest.mark.parametrize(
    ("address", "local"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("192.168.1.5", False)],
)
def test_only_addresses_of_this_machine_are_local(address: str, local: bool) -> None:
    assert is_local(address) == local


def test_another_address_needs_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LABOURQA_HOME", str(tmp_path))
    assert main(["serve", "--host", "0.0.0.0"]) == 1
    assert (
        "0.0.0.0 can be reached by others, so a key is needed: set LABOURQA_SERVE_KEY"
        in capsys.readouterr().err
    )


def test_a_port_that_is_taken_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LABOURQA_HOME", str(tmp_path))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["serve", "--port", str(port)]) == 1
    assert f"cannot listen on 127.0.0.1, port {port}" in capsys.readouterr().err


def test_with_a_key_everything_but_the_sign_of_life_needs_it(start_server: StartServer) -> None:
    server = start_server(serve_key=KEY)
    for path in ("/codes", "/metrics", "/docs", "/openapi.json", "/health", "/v1/models"):
        refused = server.client.get(path)
        assert refused.status_code == 401, path
        assert refused.headers["WWW-Authenticate"].startswith("Basic")
    assert server.client.get("/health/live").status_code == 200
    bearer = {"Authorization": f"Bearer {KEY}"}
    assert server.client.get("/codes", headers=bearer).status_code == 200
    assert server.client.get("/codes", auth=("anybody", KEY)).status_code == 200
    for wrong in (f"Bearer {KEY}x", "Bearer", f"Token {KEY}", "Basic §", "Basic AAAA", KEY):
        assert server.client.get("/codes", headers=[(b"Authorization", wrong.encode())]).status_code == 401, (
            wrong
        )


def test_wrong_keys_are_counted(start_server: StartServer) -> None:
    server = start_server(serve_key=KEY, requests_per_minute=5)
    tried = [
        server.client.get("/codes", headers={"Authorization": f"Bearer {n}"}).status_code for n in range(7)
    ]
    assert tried == [401] * 5 + [429] * 2


def test_a_site_whose_name_leads_to_this_machine_is_kept_out(start_server: StartServer) -> None:
    server = start_server(hosts=LOCAL_NAMES)
    assert server.client.get("/codes").status_code == 200
    assert server.client.get("/codes", headers={"Host": "localhost:8600"}).status_code == 200
    refused = server.client.get("/codes", headers={"Host": "evil.example:8600"})
    assert refused.status_code == 421


def test_pages_of_other_sites_may_use_it_only_if_they_are_named(start_server: StartServer) -> None:
    origin = "https://friend.example"
    preflight = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    closed = start_server()
    assert "Access-Control-Allow-Origin" not in closed.client.get("/codes", headers=preflight).headers
    # Without a preflight a browser sends only plain text, which is no question.
    text = {"Content-Type": "text/plain", "Origin": origin}
    assert (
        closed.client.post("/ask", content=json.dumps({"question": QUESTION}), headers=text).status_code
        == 422
    )
    opened = start_server(origins=[origin], serve_key=KEY)
    allowed = opened.client.options("/ask", headers=preflight)  # which has no key yet
    assert allowed.status_code == 200
    assert allowed.headers["Access-Control-Allow-Origin"] == origin


def test_the_log_is_json_and_has_no_question_unless_asked_for(
    start_server: StartServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="labourqa")

    def log_of(log_questions: bool) -> str:
        caplog.clear()
        server = start_server(log_questions=log_questions)
        server.ask()
        server.client.get("/search", params={"words": "night work"})
        return "\n".join(JsonFormatter().format(record) for record in caplog.records)

    silent = log_of(log_questions=False)
    entries = [json.loads(line) for line in silent.splitlines()]
    [request] = [entry for entry in entries if entry.get("path") == "/ask"]
    assert (request["method"], request["status"]) == ("POST", 200)
    assert {"time", "level", "source", "message"} <= request.keys()
    assert "night" not in silent.lower()
    assert QUESTION in log_of(log_questions=True)
