"""Measures `labourqa serve` under load, with the embedded models and a real process on a real socket.

    python scripts/bench_serve.py load --out benchmarks/serve/load.json          # 1 to 100 clients at once
    python scripts/bench_serve.py soak --out benchmarks/serve/soak.json          # 1,000 questions, and the memory
    python scripts/bench_serve.py stop --out benchmarks/serve/stop.json          # SIGTERM while questions are answered

--articles N asks a law of the first N articles of the embedded edition, so that a run takes minutes.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import psutil  # type: ignore[import-untyped]  # has no annotations

from labourqa.config import DEFAULT_EDITION, Settings, load_settings
from labourqa.documents.document import read_document
from labourqa.evaluation.cases import read_cases
from labourqa.law.parser import parse_code
from labourqa.store import Store
from labourqa.store.owners import CLIENTS

CLIENT_COUNTS = (1, 2, 4, 8, 16, 32, 100)
LEVEL_QUESTIONS = 32  # at least, for each number of clients
SOAK_QUESTIONS = 1_000
SOAK_CLIENTS = 8


@dataclass
class Asked:
    """What was sent and what came back."""

    seconds: list[float] = field(default_factory=list)
    by_client: Counter[int] = field(default_factory=Counter)
    questions: list[str] = field(default_factory=list)  # of the replies
    failures: list[str] = field(default_factory=list)


class Questions:
    """Questions that differ from one another, so that every answer can be told from the others."""

    def __init__(self) -> None:
        cases = read_cases(Path("data/questions-dev.jsonl"))
        self._texts = [case.question for case in cases]
        self._numbers = count()

    def next(self) -> str:
        number = next(self._numbers)
        return f"{self._texts[number % len(self._texts)].rstrip('?')} (case {number})?"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["load", "soak", "stop"])
    parser.add_argument("--articles", type=int, default=257)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = prepare_home(Path(folder), options.articles)
        with serving(home) as (url, process):
            ask_all(url, 1, ["How long is annual leave?"])  # warms up
            measure = {"load": measure_load, "soak": measure_soak, "stop": measure_stop}[options.what]
            result = measure(url, process, home)
    machine = {"processor": processor(), "cores": os.cpu_count(), "load_of_others": LOAD_BEFORE}
    result = {"command": " ".join(sys.argv), **machine, "articles": options.articles, **result}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))
    return 0


def measure_load(url: str, process: psutil.Process, home: Path) -> dict[str, Any]:
    """Questions a minute and seconds for each number of clients; each asks its next question after an answer."""
    questions = Questions()
    levels = []
    sent: list[str] = []
    for clients in CLIENT_COUNTS:
        texts = [questions.next() for _ in range(max(LEVEL_QUESTIONS, clients))]
        sent += texts
        started = time.perf_counter()
        asked = ask_all(url, clients, texts)
        total = time.perf_counter() - started
        levels.append({"clients": clients, **summary(asked, texts, total)})
        print(levels[-1], file=sys.stderr, flush=True)
    return {"levels": levels, **history(home, sent), "memory_megabytes": megabytes(process)}


def measure_soak(url: str, process: psutil.Process, home: Path) -> dict[str, Any]:
    """1,000 questions of 8 clients, with the memory of the server after every 100."""
    questions = Questions()
    memory = []
    sent: list[str] = []
    seconds: list[float] = []
    started = time.perf_counter()
    failures: list[str] = []
    for _ in range(SOAK_QUESTIONS // 100):
        texts = [questions.next() for _ in range(100)]
        sent += texts
        asked = ask_all(url, SOAK_CLIENTS, texts)
        seconds += asked.seconds
        failures += asked.failures
        memory.append({"questions": len(sent), "anonymous_megabytes": megabytes(process)})
        print(memory[-1], file=sys.stderr, flush=True)
    total = time.perf_counter() - started
    return {
        "questions": len(sent),
        "clients": SOAK_CLIENTS,
        "questions_a_minute": round(60 * len(sent) / total, 1),
        "failures": failures,
        "median_seconds": round(statistics.median(seconds), 3),
        "memory": memory,
        **history(home, sent),
    }


def measure_stop(url: str, process: psutil.Process, home: Path) -> dict[str, Any]:
    """SIGTERM while 6 questions are answered: each gets its answer, and then the process ends."""
    questions = Questions()
    texts = [questions.next() for _ in range(6)]
    with ThreadPoolExecutor(1) as pool:
        answers = pool.submit(ask_all, url, 6, texts)
        while running_questions(url) < len(texts):
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        signalled = time.perf_counter()
        asked = answers.result()
    status = process.wait(60)
    return {
        "running_at_the_signal": len(texts),
        "answered": len(asked.questions),
        "failures": asked.failures,
        "status": status,
        "seconds_until_the_process_ended": round(time.perf_counter() - signalled, 2),
        **history(home, texts),
    }


def ask_all(url: str, clients: int, texts: Sequence[str]) -> Asked:
    """Let the clients, each with an address of its own, take turns with the questions."""
    asked = Asked()
    left = list(reversed(texts))
    lock = threading.Lock()

    def work(client: int) -> None:
        headers = {"X-Forwarded-For": f"203.0.{113 + client // 250}.{client % 250 + 1}"}
        with httpx2.Client(base_url=url, headers=headers, timeout=600) as http:
            while True:
                with lock:
                    if not left:
                        return
                    text = left.pop()
                started = time.perf_counter()
                try:
                    reply = http.post("/ask", json={"question": text})
                    answer = reply.json().get("question") if reply.is_success else None
                except httpx2.HTTPError as error:
                    answer, problem = None, type(error).__name__
                else:
                    problem = f"status {reply.status_code}"
                with lock:
                    asked.seconds.append(time.perf_counter() - started)
                    if answer == text:
                        asked.questions.append(text)
                        asked.by_client[client] += 1
                    else:
                        asked.failures.append(problem)

    threads = [threading.Thread(target=work, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return asked


def summary(asked: Asked, texts: Sequence[str], total: float) -> dict[str, Any]:
    ordered = sorted(asked.seconds)
    return {
        "questions": len(texts),
        "answered": len(asked.questions),
        "failures": asked.failures,
        "questions_a_minute": round(60 * len(texts) / total, 1),
        "median_seconds": round(statistics.median(ordered), 2),
        "95th_percentile_seconds": round(ordered[int(0.95 * (len(ordered) - 1))], 2),
        "longest_seconds": round(ordered[-1], 2),
        "fewest_answers_of_a_client": min(asked.by_client.values()),
    }


def history(home: Path, sent: Sequence[str]) -> dict[str, int]:
    """Whether the database has each question once."""
    with Store(Settings(home=home).database, owner=CLIENTS) as store:
        recorded = Counter(question for _, question in store.conversations.questions())
    return {
        "not_recorded": sum(recorded[text] == 0 for text in sent),
        "recorded_more_than_once": sum(recorded[text] > 1 for text in sent),
    }


def running_questions(url: str) -> int:
    text = httpx2.get(f"{url}/metrics").text
    match = re.search(r"^labourqa_questions_running ([0-9.]+)$", text, re.MULTILINE)
    return int(float(match[1])) if match else 0


def megabytes(process: psutil.Process) -> int:
    """Memory of the server's own, without the mapped prefix cache, which the system may drop."""
    info = process.memory_info()
    return int((info.rss - info.shared) / 1e6)


def prepare_home(folder: Path, articles: int) -> Path:
    """A data folder with the user's models and a law of so many articles."""
    models = load_settings({}).models
    models.mkdir(parents=True, exist_ok=True)
    (folder / "models").symlink_to(models, target_is_directory=True)
    code = parse_code(read_document(DEFAULT_EDITION).text)
    if articles < len(code.articles):
        law = folder / "law.md"
        parts = [f"Article {a.number}. {a.title}\n\n{a.text}\n" for a in code.articles[:articles]]
        law.write_text("# Labour Code\n\n" + "\n".join(parts), encoding="utf-8")
        run_labourqa(folder, "ingest", str(law), "--force")
    return folder


def run_labourqa(home: Path, *arguments: str) -> None:
    environment = os.environ | {"LABOURQA_HOME": str(home)}
    subprocess.run([sys.executable, "-m", "labourqa", *arguments], env=environment, check=True)


@contextlib.contextmanager
def serving(home: Path) -> Iterator[tuple[str, psutil.Popen]]:
    """A server whose models are loaded, and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    limits = {"LABOURQA_REQUESTS_PER_MINUTE": "100000", "LABOURQA_QUESTION_SECONDS": "600"}
    with (home / "server.log").open("wb") as log:
        process = psutil.Popen(
            [sys.executable, "-m", "labourqa", "serve", "--port", str(port)],
            env=os.environ | limits | {"LABOURQA_HOME": str(home)},
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            with contextlib.suppress(httpx2.HTTPError):
                if httpx2.get(f"{url}/health/ready").is_success:
                    break
            if process.poll() is not None:
                shutil.copy(home / "server.log", "/tmp/labourqa-server.log")  # noqa: S108
                raise SystemExit("The server ended; its log is in /tmp/labourqa-server.log.")
            time.sleep(0.2)
        yield url, process
    finally:
        if process.is_running():
            process.terminate()
            process.wait(60)


def processor() -> str:
    with contextlib.suppress(OSError):
        if match := re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text()):
            return match[1]
    return "unknown"


if __name__ == "__main__":
    LOAD_BEFORE = round(os.getloadavg()[0], 1)
    sys.exit(main())
