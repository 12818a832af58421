"""Measure ingestion, the first answer and later answers on codes of several sizes.

    python scripts/bench_size.py --articles 257,1000,5000,10000 --out benchmarks/sizes/cpu.json

The codes are made up: each book of a code restates the embedded edition for one occupation, with the occupation in the
titles and texts, other amounts, other paragraphs of the same chapter in between, and a paragraph left out here and
there. The same number of articles always gives the same text; `--write FILE` only writes it.

Each size has a data folder of its own, without prefix caches; the models are those of the configured data folder. The
first answer begins with the code stored and the models loaded, the later answers are those to other questions. Each
size runs in a process of its own, so that its peak memory is its own. `--folder` keeps the data folders.
"""

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from labourqa.benchmark.machine import describe_machine
from labourqa.config import DEFAULT_EDITION, Settings, load_settings
from labourqa.documents.document import read_document
from labourqa.engine.startup import load_models
from labourqa.law.parser import parse_code
from labourqa.law.structure import Article
from labourqa.memory import peak_memory_bytes
from labourqa.pipeline import Assistant
from labourqa.progress import SilentProgress
from labourqa.store import Store

QUESTIONS = (
    "Do seafarers get more pay for working at night?",
    "How long is the annual leave of a teacher?",
    "May a miner be dismissed while on sick leave?",
    "How many hours may a nurse work overtime in a year?",
    "Do seafarers get more pay for working at night?",
)

OCCUPATIONS = (
    "seafarer", "miner", "teacher", "nurse", "pilot", "farmer", "baker", "driver", "guard", "cleaner",
    "fisher", "builder", "tailor", "printer", "postman", "waiter", "gardener", "forester", "fireman",
    "clerk", "chemist", "carpenter", "plumber", "welder", "painter", "roofer", "mason", "porter", "cook",
    "barber", "optician", "dentist", "librarian", "translator", "musician", "actor", "journalist",
    "photographer", "programmer", "surveyor", "geologist", "lifeguard", "referee", "trainer", "auctioneer",
    "beekeeper",
)  # fmt: skip
LEFT_OUT = 0.15  # of the paragraphs
BORROWED = 0.15  # articles with a paragraph of another article in the same chapter


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--articles", default="257,1000,5000,10000")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--folder", type=Path)
    parser.add_argument(
        "--embed", action="store_true", help="compute all vectors after ingestion, as `ingest` does"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="write a code of --articles articles")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    sizes = [int(size) for size in arguments.articles.split(",")]
    if arguments.write:
        write_large_code(arguments.write, sizes[0])
        return
    if arguments.one:
        print(json.dumps(measure(sizes[0], arguments.folder, embed=arguments.embed)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        results = []
        for size in sizes:
            command = [sys.executable, __file__, "--one", "--articles", str(size), "--folder", str(folder)]
            command += ["--embed"] if arguments.embed else []
            finished = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            results.append(json.loads(finished.stdout.splitlines()[-1]))
            print(json.dumps(results[-1], indent=2), flush=True)
    if arguments.out:
        arguments.out.write_text(
            json.dumps({"machine": asdict(describe_machine()), "sizes": results}, indent=2) + "\n"
        )


def measure(articles: int, folder: Path, *, embed: bool) -> dict[str, Any]:
    home = folder / str(articles)
    home.mkdir(parents=True, exist_ok=True)
    document = home / "code.txt"
    write_large_code(document, articles)
    if not (home / "models").exists():
        (home / "models").symlink_to(load_settings({}).models, target_is_directory=True)
    settings = Settings(home=home, model="smollm2-135m")
    models = load_models(settings, SilentProgress())
    with Store(settings.database) as store:
        assistant = Assistant(settings, store, models=models)
        started = time.perf_counter()
        edition = assistant.ingest(document)
        ingested = time.perf_counter()
        if embed:
            assistant.precompute(edition)
        result: dict[str, Any] = {
            "articles": articles,
            "ingest_seconds": round(ingested - started, 1),
            "embed_seconds": round(time.perf_counter() - ingested, 1) if embed else None,
            "answers": [],
        }
        for question in QUESTIONS:
            started = time.perf_counter()
            report = assistant.ask(question, edition=edition)
            result["answers"].append(
                {
                    "question": question,
                    "seconds": round(time.perf_counter() - started, 1),
                    "read": report.selection.read,
                    "selected": list(report.selection.selected),
                    "titles": [report.titles[number] for number in report.selection.selected[:3]],
                }
            )
    caches = [file.stat().st_size for file in settings.prefix_caches.rglob("*.safetensors")]
    return {**result, "peak_memory_bytes": peak_memory_bytes(), "cache_bytes": sum(caches)}


def write_large_code(path: Path, count: int) -> None:
    """Write a code of `count` articles, at most 257 for each occupation."""
    originals = parse_code(read_document(DEFAULT_EDITION).text).articles
    path.write_text("\n".join(_write_code(originals, count)), encoding="utf-8")


def _write_code(originals: Sequence[Article], count: int) -> Iterator[str]:
    """The lines of a code of `count` articles."""
    yield "GENERAL LABOUR CODE OF ALL OCCUPATIONS\n"
    book, chapter = "", ""
    for number in range(1, count + 1):
        occupation = OCCUPATIONS[(number - 1) // len(originals)]
        original = originals[(number - 1) % len(originals)]
        if occupation != book:
            book = occupation
            yield f"PART {OCCUPATIONS.index(book) + 1}. {book.upper()}S\n"
        if original.chapter != chapter:
            chapter = original.chapter
            yield f"{chapter}\n"
        yield from _write_article(originals, original, number, occupation)


def _write_article(
    originals: Sequence[Article], original: Article, number: int, occupation: str
) -> Iterator[str]:
    chance = random.Random(number)  # not for secrets
    texts = [one.text for one in original.paragraphs]
    if len(texts) > 2:
        texts = [text for text in texts if chance.random() >= LEFT_OUT] or texts
    if chance.random() < BORROWED:
        other = chance.choice(
            [one for one in originals if one.chapter == original.chapter and one.paragraphs]
        )
        texts.insert(chance.randrange(len(texts) + 1), chance.choice(other.paragraphs).text)
    yield f"Article {number}. {original.title}: {occupation.capitalize()}s\n"
    for i, text in enumerate(texts, 1):
        yield f"{i}. {_reword(text, occupation, chance)}\n"


def _reword(text: str, occupation: str, chance: random.Random) -> str:
    """The text for one occupation and with other amounts; numbers of points and references stay."""
    text = re.sub(r"\bemployee(s?)\b", rf"{occupation}\1", text)
    return re.sub(
        r"(?<![\d^(.])\b(\d{1,3})(?= (?:hours|days|calendar|working|months|years|weeks|percent))",
        lambda match: str(max(1, int(match[1]) + chance.randint(-3, 9))),
        text,
    )


if __name__ == "__main__":
    main()
