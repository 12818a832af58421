"""What the parts share: the tally of a part, commands in processes of their own, and the look at what is stored."""

import contextlib
import io
import logging
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from unittest.mock import patch

from labourqa.cli.main import main
from labourqa.config import Settings
from labourqa.engine.startup import Models
from labourqa.errors import LabourQAError
from labourqa.law.edition import Edition
from labourqa.pipeline import Assistant
from labourqa.store import Store
from tests.fakes import FakeEngine, fake_models
from tests.samples import NOWHERE

ROOT = Path(__file__).parents[2]
HANGS_AFTER = 180.0  # seconds of a command that takes one on a quiet machine
CODE_NAME = "Labour Code of Nowhere"
OTHER_CODE = (
    NOWHERE.replace("Nowhere", "Somewhere").replace("twenty", "thirty").replace("four hours", "six hours")
)
QUESTION = "How is night work paid?"
ANSWER = "one and a half times"


@cache
def models_without_torch() -> Models:
    """Models that quote, as the embedded ones do; loading the trained relevance takes longer than answering."""
    return fake_models(FakeEngine(parameters=135_000_000))


@dataclass
class Tally:
    """What a part tried and what came out."""

    what: str
    tried: int = 0
    good: int = 0
    said: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def count(self, problem: str = "", said: str = "") -> None:
        """Count a try; `problem` is what must not happen, `said` is the sentence that the program said."""
        self.tried += 1
        if problem:
            self.failures.append(problem)
        else:
            self.good += 1
        if said:
            self.said[normalise(said)] += 1


@dataclass(frozen=True)
class Budget:
    """How long a part may take, and its random choices."""

    seconds: float
    chosen: random.Random
    folder: Path  # for its files

    def rounds(self, most: int) -> Iterator[int]:
        """Numbers of rounds, at least one, as many as the time allows."""
        started = time.monotonic()
        for number in range(most):
            if number and time.monotonic() - started > self.seconds:
                return
            yield number


def normalise(sentence: str) -> str:
    """The sentence without paths, numbers and quoted values, so that equal ones are counted together."""
    sentence = " ".join(sentence.split())
    sentence = re.sub(r"(/[^\s/]+)+/?", "PATH", sentence)
    sentence = re.sub(r"'[^']*'|\"[^\"]*\"", "…", sentence)
    return re.sub(r"0x[0-9a-f]+|[0-9][0-9,.]*", "N", sentence)[:160]


def start(*arguments: str, home: Path, real: bool = False, **environ: str) -> subprocess.Popen[str]:
    """A command of labourqa; unless `real`, with models that need no torch."""
    module = "labourqa" if real else "scripts.campaign_parts.without_models"
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=os.environ | {"LABOURQA_HOME": str(home), "PYTHONUTF8": "1"} | environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def problem(self) -> str:
        """A traceback, a crash or a hang; "" if the command ended as it should."""
        if "Traceback (most recent call last)" in self.err:
            return f"traceback: {self.err.strip().splitlines()[-1]}"
        if self.code == -signal.SIGKILL:
            return "hang"
        return f"ended by signal {-self.code}" if self.code < 0 else ""

    @property
    def sentence(self) -> str:
        """What the program said at its end, if it failed."""
        lines = [line for line in self.err.splitlines() if line.startswith("labourqa: ")]
        return lines[-1].removeprefix("labourqa: ") if lines and self.code else ""


def finish(process: subprocess.Popen[str], timeout: float = HANGS_AFTER) -> Done:
    """Wait for a command; one that hangs is killed."""
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        kill(process)
        out, err = process.communicate()
    return Done(process.returncode, out, err)


def run(*arguments: str, home: Path, real: bool = False, **environ: str) -> Done:
    return finish(start(*arguments, home=home, real=real, **environ))


def run_here(*arguments: str, home: Path) -> Done:
    """A command in this process, with models that need no torch: a hundredth of the time of one of its own."""
    out, err = io.StringIO(), io.StringIO()
    models = models_without_torch()
    log = logging.StreamHandler(err)  # as Python prints warnings where no log was set up
    logging.getLogger().addHandler(log)
    with (
        patch("labourqa.pipeline.load_models", lambda *_: models),
        patch.dict(os.environ, {"LABOURQA_HOME": str(home)}),
        patch("sys.stdin", io.StringIO("")),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            code = main(arguments)
        except Exception as error:  # noqa: BLE001  # what is looked for
            return Done(1, "", f"Traceback (most recent call last)\n{error!r}")
        finally:
            logging.getLogger().removeHandler(log)
    return Done(code, out.getvalue(), err.getvalue())


def kill(process: subprocess.Popen[str]) -> None:
    """End a command and what it started, without warning."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def make_home(folder: Path) -> Path:
    """A data folder with one code and one answer in its history."""
    folder.mkdir(parents=True)
    (folder / "code.txt").write_text(NOWHERE)
    (folder / "other.txt").write_text(OTHER_CODE)
    for arguments in (("ingest", str(folder / "code.txt")), ("ask", QUESTION)):
        done = run_here(*arguments, home=folder)
        if done.code:
            raise RuntimeError(f"labourqa {arguments[0]} failed on a new folder: {done.err}")
    return folder


def look(home: Path, *, codes: Sequence[str] = (CODE_NAME,), least_answers: int = 1) -> str:
    """What is lost or wrong in a data folder; "" if everything is there and a question is answered.

    `codes` are those that must be there, `least_answers` how many answers the history has at least.
    """
    settings = Settings(home=home, answer="quoted")
    try:
        with Store(settings.database) as store:
            assistant = Assistant(settings, store, models=models_without_torch())
            current = assistant.current_edition()
            stored = {edition.code: edition for edition in store.editions.all()}
            if missing := [name for name in codes if name not in stored]:
                return f"lost: {missing[0]}"
            if problem := _look_at_law(store, stored[CODE_NAME]):
                return problem
            if current.code not in stored:
                return "the current code is none of the stored ones"
            found = store.conversations.search()
            answers = [one for each in found for one in store.conversations.answers(each.id)]
            if len(answers) < least_answers:
                return f"lost: {least_answers - len(answers)} answers"
            report = assistant.ask(QUESTION, edition=stored[CODE_NAME])
            return "" if ANSWER in report.answer.text else "a wrong answer"
    except LabourQAError as error:
        return f"not usable: {error}"


def _look_at_law(store: Store, edition: Edition) -> str:
    articles = store.editions.articles(edition)
    if [article.number for article in articles] != ["1", "2", "3", "4", "5"]:
        return "articles are missing"
    if any(line not in NOWHERE for article in articles for line in article.text.splitlines()):
        return "another text"
    return (
        "" if [hit.number for hit in store.editions.search(edition, "overtime")] == ["4"] else "wrong search"
    )
