"""`labourqa serve` in a process of its own, with the real embedded models."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client

from labourqa.answering.report import Report
from labourqa.config import REFERENCE_CASES, Settings
from labourqa.evaluation.cases import read_cases
from labourqa.store import Store
from labourqa.store.owners import CLIENTS
from tests.cli.process import ROOT, run_labourqa

pytestmark = pytest.mark.model

MEASURED = ("seconds", "peak_memory_bytes", "id")  # what differs from run to run, and a case's id
QUESTIONS = [case.question for case in read_cases(REFERENCE_CASES)]


@contextmanager
def serving(home: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The server's URL and process, once its models are loaded."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "labourqa", "serve", "--port", str(port)],
        env=os.environ | {"LABOURQA_HOME": str(home), "LABOURQA_REQUESTS_PER_MINUTE": "1000"},
        cwd=ROOT,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        while not _is_ready(url):
            assert process.poll() is None
            time.sleep(0.2)
        yield url, process
    finally:
        process.terminate()
        process.wait(60)


def _is_ready(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/health/ready").status_code == 200
    except httpx2.TransportError:
        return False


@pytest.fixture(scope="module")
def url(prepared_home: Path) -> Iterator[str]:
    with serving(prepared_home) as (url, _):
        yield url


def ask(url: str, question: str) -> dict[str, Any]:
    response = httpx2.post(f"{url}/ask", json={"question": question}, timeout=280)
    assert response.status_code == 200
    report: dict[str, Any] = response.json()
    return report


def comparable(report: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in report.items() if name not in MEASURED}


def test_the_report_is_the_same_over_http_mcp_and_on_the_command_line(
    url: str, prepared_home: Path, tmp_path: Path
) -> None:
    over_http = [ask(url, question) for question in QUESTIONS]

    async def ask_over_mcp() -> list[Any]:
        async with Client(f"{url}/mcp") as client:
            return [
                (await client.call_tool("ask", {"question": question})).structured_content
                for question in QUESTIONS
            ]

    over_mcp = asyncio.run(ask_over_mcp())
    assert [comparable(report) for report in over_mcp] == [comparable(report) for report in over_http]
    printed = json.loads(run_labourqa("ask", "--json", QUESTIONS[0], home=prepared_home).stdout)
    assert comparable(printed) == comparable(over_http[0])
    out = tmp_path / "reports.jsonl"
    run_labourqa("eval", str(REFERENCE_CASES), "--out", str(out), home=prepared_home)
    written = [json.loads(line) for line in out.read_text().splitlines()]
    assert [comparable(report) for report in written] == [comparable(report) for report in over_http]
    for report in over_http:
        assert Report.from_json(report).to_json() == report


def test_the_page_is_served_beside_the_interfaces(url: str) -> None:
    assert "<title>" in httpx2.get(url).text
    assert "<title>" in httpx2.get(f"{url}/reader?article=117").text
    assert httpx2.get(f"{url}/_stcore/health").text == "ok"


def test_a_server_that_is_killed_leaves_each_finished_answer_once(prepared_home: Path) -> None:
    settings = Settings(home=prepared_home)
    questions = [f"How long is annual leave in case {number}?" for number in range(50)]
    answered: list[str] = []
    with serving(prepared_home) as (url, process), ThreadPoolExecutor(50) as pool:

        def ask_and_note(question: str) -> None:
            try:
                address = {"X-Forwarded-For": f"203.0.113.{questions.index(question)}"}
                reply = httpx2.post(f"{url}/ask", json={"question": question}, headers=address, timeout=280)
                answered.append(reply.json()["question"])
            except httpx2.TransportError:
                return  # killed
            if len(answered) == 5:
                process.send_signal(signal.SIGKILL)

        list(pool.map(ask_and_note, questions))
    assert 5 <= len(answered) < 50
    with Store(settings.database, owner=CLIENTS) as store:
        recorded = [question for _, question in store.conversations.questions() if question in questions]
        assert len(store.editions.articles(store.editions.current())) == 257
    assert len(recorded) == len(set(recorded))
    assert set(answered) <= set(recorded)
