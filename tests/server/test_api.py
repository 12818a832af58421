"""The HTTP interface on a real socket."""

import json
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from labourqa.answering.report import Report
from labourqa.errors import EngineError
from labourqa.law.edition import Edition
from labourqa.server.service import NOT_RECORDED
from labourqa.store import Store
from labourqa.store.owners import CLIENTS
from tests.fakes import FakeEngine
from tests.server.conftest import CODE_ID, QUESTION, RunningServer, StartServer


class SlowEngine(FakeEngine):
    """Reads nothing before it is opened; `reading` counts the questions that it reads for."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.opened = threading.Event()
        self.reading = 0

    def score_articles(self, *arguments: Any, show_read: Callable[[int], None], **named: Any) -> Any:
        self.reading += 1
        try:
            while not self.opened.wait(0.01):
                show_read(0)
        finally:
            self.reading -= 1
        return super().score_articles(*arguments, show_read=show_read, **named)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def events_of(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Names and documents of server-sent events."""
    blocks = [
        dict(line.split(": ", 1) for line in block.splitlines()) for block in text.split("\n\n") if block
    ]
    return [(block["event"], json.loads(block["data"])) for block in blocks if "event" in block]


def problem_of(response: httpx2.Response) -> str:
    """The sentence of an error, whose form is that of RFC 9457."""
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert document.keys() == {"type", "title", "status", "detail"}
    assert document["status"] == response.status_code
    assert "Traceback" not in response.text
    return str(document["detail"])


def test_the_answer_is_the_report_and_it_is_logged(start_server: StartServer) -> None:
    server = start_server()
    response = server.ask()
    assert response.status_code == 200
    report = Report.from_json(response.json())
    assert report.selection.selected == ("2",)
    assert report.to_json() == response.json()
    with Store(server.service.settings.database, owner=CLIENTS) as store:
        [conversation] = store.conversations.search()
        [logged] = store.conversations.answers(conversation.id)
    assert logged.report == report


def test_nothing_is_logged_where_that_is_switched_off(start_server: StartServer) -> None:
    server = start_server(log=False)
    assert server.ask().status_code == 200
    with Store(server.service.settings.database, owner=CLIENTS) as store:
        assert store.conversations.search() == []


def test_an_answer_that_cannot_be_recorded_is_given_and_says_so(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program writes to the database for longer than the server waits."""
    monkeypatch.setattr("labourqa.store.database.BUSY_SECONDS", 0)
    question = {"role": "user", "content": QUESTION}
    with sqlite3.connect(server.service.settings.database, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        report = Report.from_json(server.ask().json())
        _, streamed = events_of(server.ask(stream=True).text)[-1]
        chat = server.client.post("/v1/chat/completions", json={"model": CODE_ID, "messages": [question]})
        other.execute("ROLLBACK")
    assert report.selection.selected == ("2",)
    assert NOT_RECORDED in report.notices
    assert NOT_RECORDED in streamed["notices"]
    assert NOT_RECORDED in chat.json()["choices"][0]["message"]["content"]
    assert NOT_RECORDED not in server.ask().json()["notices"]


def test_a_stream_has_progress_text_and_at_its_end_the_report(server: RunningServer) -> None:
    response = server.ask(stream=True)
    assert response.headers["content-type"].startswith("text/event-stream")
    events = events_of(response.text)
    assert ("progress", {"what": "articles read", "done": 3, "total": 3}) in events
    text = "".join(document["piece"] for name, document in events if name == "text")
    assert text == server.engine.reply
    name, report = events[-1]
    assert name == "report"
    assert report["answer"]["text"] == text


def test_an_error_in_a_stream_is_its_last_event(start_server: StartServer) -> None:
    server = start_server(FakeEngine(error=EngineError("The memory does not suffice.")))
    name, document = events_of(server.ask(stream=True).text)[-1]
    assert name == "error"
    assert document["status"] == 503
    assert document["detail"] == "The memory does not suffice."
    assert problem_of(server.ask()) == "The memory does not suffice."


def test_a_bug_is_one_sentence_and_its_traceback_stays_in_the_log(
    start_server: StartServer, caplog: pytest.LogCaptureFixture
) -> None:
    server = start_server(FakeEngine(error=ZeroDivisionError("secret detail")))
    response = server.ask()
    assert response.status_code == 500
    assert problem_of(response) == "The server has an error of its own; its log has the details."
    assert events_of(server.ask(stream=True).text)[-1][1]["status"] == 500
    assert "secret detail" in caplog.text


def test_choices_and_a_previous_question_reach_the_answer(server: RunningServer) -> None:
    first = server.ask("How long is study leave?", top=1, threshold=-0.5, answer="quoted").json()
    assert first["settings"]["top"] == 1
    assert first["settings"]["threshold"] == -0.5
    assert first["answer"]["kind"] == "quoted"
    previous = {"understood": first["understood"], "selected": first["selected"]}
    second = server.ask("And for a wedding?", previous=previous).json()
    assert second["understood"] == "How long is study leave? And for a wedding?"


def test_codes_articles_and_search_are_those_of_the_store(server: RunningServer) -> None:
    [code] = server.client.get("/codes").json()
    assert (code["id"], code["name"], code["current"]) == (CODE_ID, "Labour Code of Nowhere", True)
    assert code["editions"][0]["articles"] == 3
    listed = server.client.get(f"/codes/{CODE_ID}/articles").json()
    assert [article["number"] for article in listed["articles"]] == ["1", "2", "2^1"]
    assert Edition(**listed["edition"]).date == "2025-01-01"
    article = server.client.get("/articles/2^1").json()
    assert article["title"] == "Study"
    assert article["paragraphs"] == [{"number": "1", "text": "Study leave lasts ten days.", "points": []}]
    assert article["referred_to_in"] == ["1"]
    assert server.client.get("/articles/2¹").json() == article
    found = server.client.get("/search", params={"words": "night pay"}).json()
    assert [hit["number"] for hit in found["articles"]] == ["2"]
    assert server.client.get("/search", params={"words": "bicycle"}).json()["articles"] == []


def test_editions_are_compared(server: RunningServer) -> None:
    compared = server.client.get("/diff", params={"old": "2025-01-01", "new": f"{CODE_ID.replace('-', ' ')}"})
    assert compared.json()["changes"] == []
    assert compared.json()["unchanged"] == 3


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("/articles/999", 404, "The Labour Code of Nowhere has no Article 999."),
        ("/articles/night", 404, '"night" names no article; write, for example, 57, 144(4) or 57(1)(2).'),
        ("/codes/atlantis/articles", 404, "No code has 'atlantis' in the name; run `labourqa codes`."),
        ("/nothing", 404, "There is nothing at this address; /docs lists what there is."),
        ("/ask", 405, "This address does not take this method; /docs lists what it takes."),
        ("/search", 422, "words: Field required."),
        ("/search?words=a&limit=0", 422, "limit: Input should be greater than or equal to 1."),
    ],
)
def test_an_error_is_one_sentence(server: RunningServer, path: str, status: int, sentence: str) -> None:
    response = server.client.get(path)
    assert response.status_code == status
    assert problem_of(response) == sentence


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"question": " "}, "The question is empty; ask one in plain words"),
        ({"question": "a" * 2_001}, "The question has 2,001 characters; ask it in at most 2,000."),
        ({}, "question: Field required."),
        ({"question": QUESTION, "threshhold": 1}, "threshhold: Extra inputs are not permitted."),
    ],
)
def test_a_wrong_question_is_refused_before_anything_is_read(
    server: RunningServer, body: dict[str, Any], sentence: str
) -> None:
    read = len(server.engine.score_calls)
    response = server.client.post("/ask", json=body)
    assert response.status_code == 422
    assert problem_of(response).startswith(sentence)
    assert len(server.engine.score_calls) == read


def test_a_body_that_is_too_large_is_refused_however_it_is_sent(server: RunningServer) -> None:
    large = json.dumps({"question": "a" * 2_000_000}).encode()
    headers = {"Content-Type": "application/json"}
    for content in (large, iter([large[:50_000], large[50_000:1_500_000], large[1_500_000:]])):
        response = server.client.post("/ask", content=content, headers=headers)
        assert response.status_code == 413
        assert problem_of(response) == "The request's body is too large; send less."


def test_a_client_that_asks_too_often_is_told_when_to_come_back(start_server: StartServer) -> None:
    server = start_server(requests_per_minute=3)
    responses = [server.client.get("/codes") for _ in range(4)]
    assert [response.status_code for response in responses] == [200, 200, 200, 429]
    assert problem_of(responses[-1]).startswith("You sent more than 3 requests within a minute")
    assert 1 <= int(responses[-1].headers["Retry-After"]) <= 60
    assert server.client.get("/health/live").status_code == 200
    other = server.client.get("/codes", headers={"X-Forwarded-For": "203.0.113.5"})  # through a proxy
    assert other.status_code == 200


def test_a_client_with_too_many_waiting_questions_is_told_when_to_come_back(
    start_server: StartServer,
) -> None:
    engine = SlowEngine()
    server = start_server(engine, waiting_questions=2)
    with ThreadPoolExecutor(20) as pool:
        try:
            asked = [pool.submit(server.ask) for _ in range(10)]  # 8 are answered at once
            wait_until(lambda: server.service.queue.waiting == 2)
            refused = server.ask()
        finally:
            engine.opened.set()
        assert refused.status_code == 429
        assert problem_of(refused) == "2 questions of yours wait already; ask again later."
        assert int(refused.headers["Retry-After"]) >= 1
        assert [one.result().status_code for one in asked] == [200] * 10


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_goes_away_frees_its_place(start_server: StartServer, stream: bool) -> None:
    engine = SlowEngine()
    server = start_server(engine)
    impatient = httpx2.Timeout(0.3)
    with pytest.raises(httpx2.TimeoutException):
        server.client.post("/ask", json={"question": QUESTION, "stream": stream}, timeout=impatient)
    wait_until(lambda: server.service.queue.running == 0 and engine.reading == 0)
    engine.opened.set()
    assert server.ask().status_code == 200


def test_a_question_that_takes_too_long_is_given_up(start_server: StartServer) -> None:
    server = start_server(SlowEngine(), question_seconds=1)
    response = server.ask()
    assert response.status_code == 504
    assert problem_of(response) == "The question was not answered within 1 seconds; ask it again later."


def test_the_state_says_whether_the_models_are_loaded(server: RunningServer) -> None:
    assert server.client.get("/health").json() == {"live": True, "ready": True}
    assert server.client.get("/health/ready").status_code == 200


def test_metrics_count_requests_answers_and_tokens(start_server: StartServer) -> None:
    server = start_server()
    server.ask()
    server.client.get("/articles/2")
    shown = server.client.get("/metrics").text
    assert 'labourqa_requests_total{method="POST",route="/ask",status="200"} 1.0' in shown
    assert 'labourqa_requests_total{method="GET",route="/articles/{number}",status="200"} 1.0' in shown
    assert 'labourqa_answers_total{kind="written"} 1.0' in shown
    assert 'labourqa_tokens_total{stage="filter"} 30.0' in shown
    assert 'labourqa_stage_seconds_count{stage="filter"} 1.0' in shown
    assert "labourqa_questions_waiting 0.0" in shown


def test_the_documentation_describes_every_route(server: RunningServer) -> None:
    assert "swagger" in server.client.get("/docs").text.lower()
    document = server.client.get("/openapi.json").json()
    assert set(document["paths"]) == {
        "/ask", "/codes", "/codes/{code}/articles", "/articles/{number}", "/search", "/diff", "/health",
        "/health/live", "/health/ready", "/metrics", "/v1/models", "/v1/chat/completions",
    }  # fmt: skip
    assert {"Problem", "OpenAIError"} <= document["components"]["schemas"].keys()


def test_fifty_clients_at_once_get_an_answer_each_once(start_server: StartServer) -> None:
    server = start_server(requests_per_minute=1_000)

    def ask(number: int) -> Any:
        address = {"X-Forwarded-For": f"203.0.113.{number}"}
        body = {"question": f"How is night work number {number} paid?"}
        return server.client.post("/ask", json=body, headers=address).json()["question"]

    with ThreadPoolExecutor(50) as pool:
        questions = list(pool.map(ask, range(50)))
    assert questions == [f"How is night work number {number} paid?" for number in range(50)]
    with Store(server.service.settings.database, owner=CLIENTS) as store:
        assert sorted(question for _, question in store.conversations.questions()) == sorted(questions)
