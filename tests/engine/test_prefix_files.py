"""Prefixes of single articles in files: the same numbers as in one cache, bounded on disk, and nothing lost."""

import multiprocessing
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Literal

import pytest
import torch

from labourqa.engine.attention import StoreLayer
from labourqa.engine.cache_file import CacheSpec
from labourqa.engine.cache_space import CacheSpace
from labourqa.engine.local import LocalEngine
from labourqa.engine.prefix_files import FOLDER, OpenPrefixFiles, PrefixComputer, PrefixFiles
from labourqa.errors import EngineError
from labourqa.law.structure import Article, Code, Paragraph
from labourqa.methods import ScoringMode
from labourqa.store import Store
from tests.conftest import small_code
from tests.engine.helpers import QUESTION, open_cache, score, score_cached, short_articles

pytestmark = pytest.mark.model  # torch is loaded

SPEC = CacheSpec(layers=2, kv_heads=3, head_dim=8, dtype=torch.float32, bits=16)
FILE_BYTES = 4 * SPEC.token_bytes  # of an article's numbers, without the file's header
ARTICLES = [Article(str(i), f"Title {i}", (Paragraph("", "abc"),)) for i in range(40)]


def random_numbers(ids: Sequence[int], layer: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Keys and values of an article, (kv_heads, tokens, head_dim), which depend on its first token."""
    generator = torch.Generator().manual_seed(100 * ids[0] + layer)
    keys, values = torch.randn(2, SPEC.kv_heads, len(ids), SPEC.head_dim, generator=generator)
    return keys, values


class Computer:
    """Computes random numbers, four tokens for each article, and counts them."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.computed: list[int] = []
        self.seconds = seconds

    def compute(self, prefixes: Sequence[Sequence[int]], store_layer: StoreLayer) -> None:
        time.sleep(self.seconds * len(prefixes))
        for layer in range(SPEC.layers):
            numbers = [random_numbers(ids, layer) for ids in prefixes]
            store_layer(
                layer,
                torch.cat([keys for keys, _ in numbers], 1),
                torch.cat([values for _, values in numbers], 1),
            )
        self.computed += [ids[0] for ids in prefixes]

    def files(
        self, folder: Path, limit_bytes: int | None = None, bits: Literal[16, 8] = 16, revision: str = "r"
    ) -> PrefixFiles:
        return PrefixFiles(
            CacheSpace(folder, limit_bytes),
            "query_likelihood",
            PrefixComputer(
                spec=replace(SPEC, bits=bits),
                revision=revision,
                device=torch.device("cpu"),
                pass_tokens=8,
                describe=lambda article: article.format().encode(),
                tokenize=lambda article: [int(article.number), 1, 2, 3],
                compute=self.compute,
            ),
        )


def is_right(opened: OpenPrefixFiles, largest_error: float = 2**-10) -> bool:
    """Whether every article of the open files has the numbers that were computed for it."""
    for article, span in zip(opened.articles, opened.spans, strict=True):
        for layer in range(SPEC.layers):
            for read, exact in zip(
                opened.layer(layer), random_numbers([int(article.number), 1, 2, 3], layer), strict=True
            ):
                if (read(span) - exact).abs().max() > largest_error * exact.abs().max():
                    return False
    return True


@pytest.mark.parametrize(("bits", "largest_error"), [(16, 2**-10), (8, 0.01)])
def test_stored_prefixes_are_read_as_they_were_computed(
    tmp_path: Path, bits: Literal[16, 8], largest_error: float
) -> None:
    computer = Computer()
    computer.files(tmp_path, bits=bits).compute(ARTICLES[:5], until=time.monotonic() + 60)
    opened = computer.files(tmp_path, bits=bits).open([ARTICLES[3], ARTICLES[0], ARTICLES[9]])
    assert opened.articles == [ARTICLES[3], ARTICLES[0]]
    assert is_right(opened, largest_error)
    assert computer.computed == [0, 1, 2, 3, 4]


def test_only_what_is_missing_is_computed(tmp_path: Path) -> None:
    computer = Computer()
    files = computer.files(tmp_path)
    files.compute([ARTICLES[1]], until=time.monotonic() + 60)
    files.compute(ARTICLES[:4], until=time.monotonic() + 60)
    assert computer.computed == [1, 0, 2, 3]
    assert files.stored(ARTICLES) == ARTICLES[:4]


def test_computing_ends_with_the_time_but_the_first_articles_are_computed_in_any_case(tmp_path: Path) -> None:
    computer = Computer(seconds=0.01)
    files = computer.files(tmp_path)
    files.compute(ARTICLES, until=time.monotonic(), at_least=3)
    assert computer.computed == [0, 1, 2, 3]  # two in a pass
    files.compute(ARTICLES, until=time.monotonic() + 0.1)
    assert 4 < len(computer.computed) <= 16


def test_an_article_with_the_same_text_has_one_file_in_all_editions(tmp_path: Path) -> None:
    computer = Computer()
    files = computer.files(tmp_path)
    files.compute(ARTICLES[:2], until=time.monotonic() + 60)
    amended = replace(ARTICLES[1], title="Amended")
    elsewhere = replace(ARTICLES[0], chapter="CHAPTER II")  # the model does not see the chapter
    assert files.stored([elsewhere, amended]) == [elsewhere]
    assert computer.files(tmp_path, revision="another").stored(ARTICLES) == []
    assert computer.files(tmp_path, bits=8).stored(ARTICLES) == []


@pytest.mark.parametrize("damage", ["a byte", "the end", "the head", "everything"])
def test_a_damaged_file_is_never_read_and_computed_again(tmp_path: Path, damage: str) -> None:
    computer = Computer()
    files = computer.files(tmp_path)
    files.compute([ARTICLES[0]], until=time.monotonic() + 60)
    (path,) = (tmp_path / FOLDER).glob("*.safetensors")
    content = bytearray(path.read_bytes())
    match damage:
        case "a byte":
            content[len(content) // 2] ^= 1
        case "the end":
            del content[-100:]
        case "the head":
            content[:100] = b"x" * 100
        case "everything":
            content.clear()
    path.write_bytes(content)
    assert files.open([ARTICLES[0]]).articles == []
    files.compute([ARTICLES[0]], until=time.monotonic() + 60)
    assert computer.computed == [0, 0]
    assert is_right(files.open([ARTICLES[0]]))


def test_the_files_used_longest_ago_make_room_and_open_ones_stay_readable(tmp_path: Path) -> None:
    computer = Computer()
    limit = 12 * FILE_BYTES
    files = computer.files(tmp_path, limit)
    files.compute(ARTICLES[:6], until=time.monotonic() + 60)
    time.sleep(0.02)
    opened = files.open(ARTICLES[:2])
    computer.files(tmp_path, limit).compute(ARTICLES[6:20], until=time.monotonic() + 60)
    stored = files.stored(ARTICLES)
    assert set(ARTICLES[6:20]) <= set(stored)  # those of the question that is being read are never removed
    assert not set(ARTICLES[2:6]) & set(stored)
    assert is_right(opened)
    computer.files(tmp_path, limit).compute(ARTICLES[20:24], until=time.monotonic() + 60)
    used = sum(path.stat().st_size for path in (tmp_path / FOLDER).glob("*.safetensors"))
    assert used < 1.5 * limit  # the files' headers come on top


def test_a_disk_without_space_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("labourqa.engine.prefix_files.save_file", fail)
    with pytest.raises(EngineError, match=r"cannot be written \(No space left on device\); free some space"):
        Computer().files(tmp_path).compute(ARTICLES[:1], until=0.0, at_least=1)


@pytest.mark.parametrize("scoring", ["query_likelihood", "yes_no"])
def test_scores_after_single_files_are_those_of_one_cache(
    float32_engine: LocalEngine, code: Code, tmp_path: Path, scoring: ScoringMode
) -> None:
    articles = short_articles(code)
    with open_cache(float32_engine, articles, tmp_path / "whole", scoring) as cache:
        expected = score_cached(float32_engine, cache)
    files = float32_engine.article_prefixes(scoring=scoring, folder=tmp_path, bits=16, limit_bytes=None)
    files.compute(articles, until=time.monotonic(), at_least=len(articles))
    opened = files.open(articles[::-1])
    assert opened.size_bytes < float32_engine.prefix_bytes(2_000, 16)
    found = score(
        float32_engine,
        opened.articles,
        QUESTION,
        scoring=scoring,
        batching="prefix-cache",
        prefix_cache=opened,
    )
    assert found == pytest.approx(expected, abs=1e-4)
    opened.close()


# --- killed at random moments

CODES = [
    replace(
        small_code(),
        name=name,
        articles=tuple(replace(one, title=f"{name} {one.number}") for one in ARTICLES),
    )
    for name in ("Wages Act", "Holidays Act")
]
LIMIT = 8 * FILE_BYTES


def ingest_and_read(home: Path, started: Event) -> None:
    """Ingests two codes in turns, and stores prefixes of their articles in a cache that holds eight."""
    files = Computer().files(home, LIMIT)
    with Store(home / "labourqa.db") as store:
        started.set()
        while True:
            for code in CODES:
                store.editions.save(code, source="acts.txt", sha256="a" * 64)
                chance = random.sample(ARTICLES, 6)
                files.compute(chance, until=time.monotonic() + 60)
                assert is_right(files.open(chance))


@pytest.mark.slow
def test_a_process_killed_at_30_random_moments_loses_nothing(tmp_path: Path) -> None:
    with Store(tmp_path / "labourqa.db") as store:
        editions = [store.editions.save(code, source="acts.txt", sha256="a" * 64) for code in CODES]
        other = store.editions.save(small_code(), source="nowhere.txt", sha256="0" * 64)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.engine.test_prefix_files"])
    for _ in range(30):
        started = context.Event()
        process = context.Process(target=ingest_and_read, args=[tmp_path, started])
        process.start()
        assert started.wait(60)
        time.sleep(random.random() / 5)  # not for secrets
        process.kill()
        process.join()
        with Store(tmp_path / "labourqa.db") as store:
            for edition, code in zip([*editions, other], [*CODES, small_code()], strict=True):
                assert store.editions.articles(edition) == code.articles
        files = Computer().files(tmp_path, LIMIT)
        stored = files.stored(ARTICLES)
        assert is_right(opened := files.open(stored))
        assert opened.articles == stored  # no file is damaged
    assert len(stored) <= 8 + 6
