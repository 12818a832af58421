"""Inputs: hostile documents, random arguments of every command, many questions, and data folders of old versions."""

import contextlib
import io
import json
import os
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace

import click
import psutil  # type: ignore[import-untyped]  # it has no annotations

from labourqa.cli.main import COMMANDS, labourqa
from labourqa.config import load_settings
from labourqa.pipeline import Assistant
from labourqa.store import Store
from scripts.campaign_parts.common import (
    ANSWER,
    QUESTION,
    ROOT,
    Budget,
    Tally,
    finish,
    look,
    make_home,
    models_without_torch,
    run,
    run_here,
)
from tests.documents.make_docx import listed, make_docx, paragraph, table
from tests.documents.make_pdf import Text, make_pdf
from tests.fakes import FakeEngine
from tests.samples import NOWHERE

DOCUMENT_SECONDS = 20  # of processor time
DOCUMENT_BYTES = 1_000_000_000
FLAT_BYTES = 30_000_000  # by which memory may grow in a soak
# The commands that only begin to serve, or that need the network or the real models.
SERVING = ("ui", "serve", "mcp", "bench", "models")
# By their commits: the last one before the version that followed.
OLD_VERSIONS = {"0.1.0": "283c317", "0.2.0": "8b68d46"}


def read_hostile_documents(budget: Budget, most: int) -> Tally:
    """Documents made and broken by seed, each in a process with a gigabyte and 20 seconds of processor time."""
    tally = Tally("hostile documents, with 20 s of processor time and 1 GB each")
    batch = 10
    for number in budget.rounds(most // batch):
        seeds = range(number * batch, (number + 1) * batch)
        paths = []
        for seed in seeds:
            name, data = make_document(random.Random(seed))
            paths.append(budget.folder / f"{seed}{name}")
            paths[-1].write_bytes(data)
        arguments = [str(DOCUMENT_SECONDS), str(DOCUMENT_BYTES), *map(str, paths)]
        process = subprocess.Popen(
            [sys.executable, "-m", "scripts.campaign_parts.read_documents", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        done = finish(process, batch * DOCUMENT_SECONDS * 6)
        results = [json.loads(line) for line in done.out.splitlines()]
        for result in results:
            tally.count(result["problem"], result["said"])
        if len(results) < batch:
            tally.count(f"{paths[len(results)].name}: ended by {done.problem or done.err[-200:]}")
        for path in paths:
            path.unlink()
    return tally


def make_document(chosen: random.Random) -> tuple[str, bytes]:
    """A file of any format, mostly with parts cut out, repeated or overwritten; its ending and its content."""
    law = NOWHERE * chosen.choice((1, 3))
    body = (
        "".join(paragraph(line) for line in law.splitlines())
        + listed("a", 1)
        + table([paragraph("b"), paragraph("c")])
    )
    makers: list[Callable[[], tuple[str, bytes]]] = [
        lambda: (".txt", law.encode(chosen.choice(("utf-8", "utf-16", "cp1257", "koi8-r")), "ignore")),
        lambda: (".docx", make_docx(body)),
        lambda: (".html", f"<html><body><p>{law.replace(chr(10), '<p>')}</body></html>".encode()),
        lambda: (
            ".pdf",
            make_pdf([Text(60, 700 - 12 * i, line) for i, line in enumerate(law.splitlines()[:50])]),
        ),
        lambda: (".md", law.replace("Article", "## Article").encode()),
        lambda: (".txt", chosen.randbytes(chosen.randrange(1, 5_000))),
        lambda: (".docx", _bomb(chosen)),
        lambda: (".xml", _nested(chosen)),
    ]
    name, data = chosen.choice(makers)()
    for _ in range(chosen.choice((0, 1, 2, 8))):
        at = chosen.randrange(len(data) + 1)
        end = min(len(data), at + chosen.choice((1, 4, 100, 1_000)))
        piece = chosen.choice(
            (b"", chosen.randbytes(6), data[at:end] * chosen.choice((2, 500)), b"\0", b"<w:p>" * 300)
        )
        data = data[:at] + piece + data[end:]
    return name, data


def _bomb(chosen: random.Random) -> bytes:
    """A small Word file of very much text, or of very deep elements."""
    count = chosen.choice((1_000, 100_000, 500_000))
    inside = chosen.choice(
        (
            "<w:p/>" * count,
            "<w:p>" * count + "</w:p>" * count,
            f"<w:p><w:r><w:t>{'9 ' * count}</w:t></w:r></w:p>",
        )
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        xml = f'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>{inside}</w:body></w:document>'
        archive.writestr("word/document.xml", xml)
    return file.getvalue()


def _nested(chosen: random.Random) -> bytes:
    entity = (
        '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
        if chosen.random() < 0.5
        else ""
    )
    count = chosen.choice((10, 1_000, 50_000))
    return f"{entity}<akomaNtoso><act><body>{'<article><num>1</num>' * count}&b;</body></act></akomaNtoso>".encode()


def give_random_arguments(budget: Budget, most: int) -> Tally:
    """Random text and bytes in every argument and option of every command."""
    tally = Tally("random bytes in every argument of every command")
    home = make_home(budget.folder / "home")
    names = list(COMMANDS)
    with contextlib.chdir(home):
        for number in budget.rounds(most):
            name = names[number % len(names)]
            arguments = _random_arguments(name, budget.chosen)
            done = run_here(name, *arguments, home=home)
            problem = done.problem or ("no sentence" if done.code and not done.err.strip() else "")
            said = done.err.strip().splitlines()[-1] if done.code and done.err.strip() else ""
            tally.count(f"labourqa {name} {arguments!r}: {problem}"[:300] if problem else "", said)
    # `history --erase` may have erased the answer.
    if problem := look(home, least_answers=0):
        tally.failures.append(f"afterwards: {problem}")
    return tally


def _random_arguments(name: str, chosen: random.Random) -> list[str]:
    """For some of a command's arguments and options a random value each."""
    command = labourqa.get_command(click.Context(labourqa), name)
    assert command is not None
    arguments = []
    for parameter in command.params:
        if isinstance(parameter, click.Argument) or chosen.random() < 0.3:
            if isinstance(parameter, click.Option):
                arguments.append(parameter.opts[0])
            if not getattr(parameter, "is_flag", False):
                arguments.append(_random_value(chosen))
    if name in SERVING:  # a wrong option, so that it never begins to serve or to download
        arguments.append(f"--{_random_value(chosen)}")
    return arguments


def _random_value(chosen: random.Random) -> str:
    makers: list[Callable[[], str]] = [
        lambda: os.fsdecode(chosen.randbytes(chosen.randrange(1, 12)).replace(b"\0", b"")),
        lambda: "".join(
            chr(chosen.choice((9, 27, 0x202E, 0x1F600, 0xE9, 0x4E00, 65, 39, 34, 37))) for _ in range(8)
        ),
        lambda: chosen.choice(
            ("", " ", "-", "--", "..", "/", "/dev/null", "%s", "1e999", "nan", "-1", "0", "9" * 30)
        ),
        lambda: "a" * chosen.choice((300, 3_000)),
        lambda: chosen.choice(
            ("3", "3(1)", "code.txt", "night work", "Labour", "@", "Nowhere@x", "' OR 1=1 --")
        ),
    ]
    return chosen.choice(makers)()


def ask_many_questions(budget: Budget, most: int) -> Tally:
    """Ask one process question after question; memory stays flat after the first hundred."""
    tally = Tally("questions one after the other in one process, memory flat")
    home = make_home(budget.folder / "home")
    settings = replace(load_settings({}, {"LABOURQA_HOME": str(home)}), answer="quoted")
    models = models_without_torch()
    engine = models.engine
    assert isinstance(engine, FakeEngine)
    memory = psutil.Process()
    after_first = after_all = 0
    for number in budget.rounds(most):
        with Store(settings.database) as store:
            report = Assistant(settings, store, models=models).ask(f"{QUESTION} ({number})")
            store.conversations.log(report)
        for remembered in (engine.score_calls, engine.prefix_caches, engine.prompts):
            remembered.clear()
        tally.count("" if ANSWER in report.answer.text else f"question {number}: a wrong answer")
        after_all = memory.memory_info().rss
        after_first = after_all if number == 100 else after_first
    growth = after_all - after_first if after_first else 0
    tally.notes.append(f"{growth / 1e6:.1f} MB more memory after the first hundred")
    if growth > FLAT_BYTES:
        tally.failures.append(f"memory grew by {growth / 1e6:.0f} MB")
    return tally


def open_old_folders(budget: Budget, most: int) -> Tally:
    """Make data folders with released versions, and open them with this one."""
    tally = Tally("data folders of versions 0.1.0 and 0.2.0")
    for version, commit in list(OLD_VERSIONS.items())[:most]:
        source = budget.folder / version
        source.mkdir()
        archive = subprocess.run(
            ["git", "archive", commit],  # noqa: S607
            cwd=ROOT,
            capture_output=True,
            check=False,
        )
        if archive.returncode:
            tally.notes.append(f"{version} left out: its commit is not in this clone")
            continue
        subprocess.run(["tar", "-x"], cwd=source, input=archive.stdout, check=True)  # noqa: S607
        home = budget.folder / f"home-{version}"
        home.mkdir()
        (home / "code.txt").write_text(NOWHERE)
        script = "import sys; from unittest.mock import patch\n" + _OLD_SCRIPT
        made = subprocess.run(
            [sys.executable, "-c", script, str(home)], cwd=source, capture_output=True, text=True, check=False
        )
        if made.returncode:
            tally.count(f"{version}: no folder: {made.stderr.strip().splitlines()[-1]}")
            continue
        opened = run("show", "3", home=home)
        problem = opened.problem or opened.sentence or look(home, least_answers=0)
        tally.count(f"{version}: {problem}" if problem else "")
    return tally


# With the package of the old version: it stores the code, without models.
_OLD_SCRIPT = """
from pathlib import Path
try:
    from labourqa.store import Store
except ImportError:
    from labourqa.store.database import Store
home = Path(sys.argv[1])
try:
    from labourqa.config import Settings
    from labourqa.pipeline import Assistant
    with Store(Settings(home=home).database) as store:
        Assistant(Settings(home=home), store).ingest(home / "code.txt")
except ImportError:
    from labourqa.config import load_settings
    from labourqa.pipeline import ingest
    with Store(home / "labourqa.db") as store:
        ingest(home / "code.txt", store)
"""
