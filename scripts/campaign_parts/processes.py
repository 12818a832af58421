"""Processes: killed at random moments, and several at once on a new data folder."""

import json
import shutil
import socket
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from scripts.campaign_parts.common import (
    CODE_NAME,
    QUESTION,
    Budget,
    Tally,
    finish,
    kill,
    look,
    make_home,
    run,
    run_here,
    start,
)
from tests.store.test_migrations import insert_code, old_database

OTHER_NAME = CODE_NAME.replace("Nowhere", "Somewhere")


def kill_at_random_moments(budget: Budget, most: int) -> Tally:
    """Kill commands; what was stored before must be there, and the same command must succeed afterwards."""
    tally = Tally("kills at random moments: ingest, ask, serve, migration")
    base = make_home(budget.folder / "base")
    seconds = {"ingest": 0.0, "ask": 0.0, "migration": 0.0}
    seconds["ingest"] = _time(lambda: run("ingest", str(base / "other.txt"), home=_copy(base)))
    seconds["ask"] = _time(lambda: run("ask", QUESTION, home=_copy(base)))
    seconds["migration"] = _time(lambda: run("codes", home=_old(budget.folder / "timed")))
    moments = {"before its end": 0, "after its end": 0}
    for number in budget.rounds(most):
        kind = ("ingest", "ask", "migration", "serve")[number % 4]
        home = budget.folder / str(number)
        if kind == "serve":
            tally.count(_kill_server(base, home, budget))
        else:
            _old(home) if kind == "migration" else shutil.copytree(base, home)
            arguments = {
                "ingest": ("ingest", str(home / "other.txt")),
                "ask": ("ask", QUESTION),
                "migration": ("codes",),
            }[kind]
            process = start(*arguments, home=home)
            time.sleep(budget.chosen.uniform(0.3, 1.0) * seconds[kind])
            moments["after its end" if process.poll() is not None else "before its end"] += 1
            kill(process)
            finish(process)
            problem = _look_at_old(home) if kind == "migration" else look(home)
            again = run_here(*arguments, home=home)
            problem = problem or again.problem or again.sentence
            if kind == "ingest":
                problem = problem or look(home, codes=(CODE_NAME, OTHER_NAME))
            tally.count(f"{kind}: {problem}" if problem else "")
        shutil.rmtree(home, ignore_errors=True)
    tally.notes.append(", ".join(f"{count} {moment}" for moment, count in moments.items()))
    return tally


def _kill_server(base: Path, home: Path, budget: Budget) -> str:
    """Kill a server that answers questions; what it gave as an answer must be in the history."""
    shutil.copytree(base, home)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = start("serve", "--port", str(port), home=home)
    given = 0
    deadline = time.monotonic() + 60
    end = 0.0
    while time.monotonic() < (end or deadline) and process.poll() is None:
        try:
            given += _ask_server(port)
            end = end or time.monotonic() + budget.chosen.uniform(0.0, 1.0)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    kill(process)
    done = finish(process)
    if "Traceback" in done.err:
        return f"serve: traceback: {done.err.strip().splitlines()[-1]}"
    if not given:
        return f"serve: no answer: {done.err[-200:]}"
    with sqlite3.connect(home / "labourqa.db") as db:
        [[stored]] = db.execute("SELECT count(*) FROM answers").fetchall()
    return f"serve: lost {given + 1 - stored} answers" if stored < given + 1 else look(home)


def _ask_server(port: int) -> int:
    body = json.dumps({"question": QUESTION}).encode()
    request = urllib.request.Request(  # this machine's own server
        f"http://127.0.0.1:{port}/ask", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
        return int("one and a half times" in response.read().decode())


def run_at_once(budget: Budget, most: int) -> Tally:
    """Start 2, 4 and 8 first commands at the same moment on a new data folder; all must answer."""
    tally = Tally("2, 4 and 8 processes at once on a new data folder")
    for number in budget.rounds(most):
        home = budget.folder / str(number)
        home.mkdir()
        count = (2, 4, 8)[number % 3]
        processes: list[subprocess.Popen[str]] = [
            start("ask", "How is night work paid?" if i % 2 else "How long is annual leave?", home=home)
            for i in range(count)
        ]
        for process in processes:
            done = finish(process)
            problem = done.problem or done.sentence or ("" if "Art." in done.out else "no answer")
            tally.count(f"{count} at once: {problem}" if problem else "")
        with sqlite3.connect(home / "labourqa.db") as db:
            [[answers]] = db.execute("SELECT count(*) FROM answers").fetchall()
        if answers != count:
            tally.failures.append(f"{count} at once: {count - answers} answers are lost")
        shutil.rmtree(home)
    return tally


def _old(home: Path) -> Path:
    """A data folder with a database as version 0.1.0 had it."""
    home.mkdir()
    db = old_database(home / "labourqa.db", stop_before="m005_calibration_margins")
    insert_code(db)
    db.conn.commit()
    db.close()
    return home


def _look_at_old(home: Path) -> str:
    """Whether the migrated articles are those of before, and the migrations are complete or have not begun."""
    run_here("codes", home=home)
    with sqlite3.connect(home / "labourqa.db") as db:
        [[articles]] = db.execute("SELECT count(*) FROM articles").fetchall()
        [[check]] = db.execute("PRAGMA integrity_check(1)").fetchall()
    return f"{3 - articles} articles are lost" if articles != 3 else "" if check == "ok" else str(check)


def _copy(base: Path) -> Path:
    target = base.with_name("timed-copy")
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(base, target)
    return target


def _time(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started
