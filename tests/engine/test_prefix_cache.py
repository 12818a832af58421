"""The prefix cache in real files, computed by the real embedded model, and the pool of open caches."""

import dataclasses
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Literal, cast

import pytest
import torch

from labourqa.config import Settings
from labourqa.engine.attention import StoreLayer
from labourqa.engine.cache_file import CacheSpec
from labourqa.engine.local import LocalEngine
from labourqa.engine.prefix_cache import (
    IDLE_CACHES,
    OpenPrefixCache,
    PrefixCache,
    PrefixCachePool,
    fingerprint,
    open_cache_file,
)
from labourqa.engine.startup import Models
from labourqa.errors import EngineError
from labourqa.law.structure import Article, Code, Paragraph
from labourqa.pipeline import Assistant
from labourqa.store import Store
from tests.conftest import small_code
from tests.engine.helpers import DAMAGES, damage_file, open_cache, score, score_cached

pytestmark = pytest.mark.model

ARTICLES = small_code().articles
BITS: tuple[Literal[16, 8], ...] = (16, 8)
SPEC = CacheSpec(layers=30, kv_heads=3, head_dim=64, dtype=torch.float32, bits=16)


class CountingComputer:
    """The engine's own computation, which counts the prefixes and may be interrupted."""

    def __init__(self, engine: LocalEngine, stop_after: int | None = None) -> None:
        self.engine = engine
        self.prefixes = [engine.tokenizer.prefix("yes_no", article) for article in ARTICLES]
        self.stop_after = stop_after
        self.computed: list[Sequence[int]] = []

    def compute(self, prefixes: Sequence[Sequence[int]], store_layer: StoreLayer) -> None:
        if len(self.computed) == self.stop_after:
            raise KeyboardInterrupt
        self.engine.compute_prefixes(prefixes, store_layer)
        self.computed += prefixes

    def open(self, folder: Path, bits: Literal[16, 8] = 16) -> PrefixCache:
        return open_cache_file(
            folder,
            "test",
            self.prefixes,
            self.engine.runner.cache_spec(bits),
            revision="r",
            pass_tokens=1,
            compute=self.compute,
            show_share=lambda _: None,
        )


@pytest.fixture
def computer(float32_engine: LocalEngine) -> CountingComputer:
    return CountingComputer(float32_engine)


def numbers(cache: PrefixCache) -> torch.Tensor:
    keys, values = cache.layer(29)
    return torch.cat([read(span) for span in cache.spans for read in (keys, values)], 1)


def test_the_specification_is_that_of_the_model(float32_engine: LocalEngine) -> None:
    assert float32_engine.runner.cache_spec(16) == SPEC


def test_a_cache_is_computed_once_and_then_only_opened(computer: CountingComputer, tmp_path: Path) -> None:
    first = numbers(computer.open(tmp_path))
    second = numbers(computer.open(tmp_path))
    assert computer.computed == computer.prefixes
    assert torch.equal(first, second)


# bfloat16 itself is stored as it is; with 8 bits its own rounding, 1 in 256, comes on top of theirs.
@pytest.mark.parametrize(
    ("precision", "bits", "largest_error"),
    [("float32", 16, 0.001), ("float32", 8, 0.006), ("bfloat16", 16, 0.0), ("bfloat16", 8, 0.012)],
)
def test_cached_keys_and_values_are_those_of_the_model(
    precision: str,
    bits: Literal[16, 8],
    largest_error: float,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    computer = CountingComputer(request.getfixturevalue(f"{precision}_engine"))
    cache = computer.open(tmp_path, bits)
    computed: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
    computer.engine.compute_prefixes(
        [computer.prefixes[1]],
        lambda layer, key, value: computed.update({layer: (key.clone(), value.clone())}),
    )
    assert len(computed) == 30
    for layer, tensors in computed.items():
        for read, exact in zip(cache.layer(layer), tensors, strict=True):
            error = (read(cache.spans[1]) - exact).abs().amax(-1)  # (kv_heads, tokens)
            assert (error <= exact.abs().amax(-1) * largest_error).all()


def test_8_bits_take_about_half_the_space(computer: CountingComputer, tmp_path: Path) -> None:
    sizes = [computer.open(tmp_path / str(bits), bits).size_bytes for bits in BITS]
    assert 0.5 < sizes[1] / sizes[0] < 0.56


def test_an_interrupted_run_continues_where_it_stopped(float32_engine: LocalEngine, tmp_path: Path) -> None:
    interrupted = CountingComputer(float32_engine, stop_after=2)
    with pytest.raises(KeyboardInterrupt):
        interrupted.open(tmp_path)
    assert not list(tmp_path.glob("*.safetensors"))
    again = CountingComputer(float32_engine)
    resumed = again.open(tmp_path)
    assert again.computed == again.prefixes[2:]
    assert torch.equal(numbers(resumed), numbers(CountingComputer(float32_engine).open(tmp_path / "fresh")))
    assert {path.suffix for path in tmp_path.glob("test*")} == {".safetensors", ".lock"}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_built_again(computer: CountingComputer, tmp_path: Path, damage: str) -> None:
    expected = numbers(computer.open(tmp_path)).clone()
    (path,) = tmp_path.glob("*.safetensors")
    damage_file(path, damage)
    computer.computed.clear()
    assert torch.equal(numbers(computer.open(tmp_path)), expected)
    assert computer.computed == computer.prefixes


def test_a_file_for_another_model_is_never_used(computer: CountingComputer, tmp_path: Path) -> None:
    cache = computer.open(tmp_path)
    lengths = list(map(len, computer.prefixes))
    with pytest.raises(EngineError, match="other articles or another model"):
        PrefixCache(cache.path, lengths, SPEC, fingerprint(computer.prefixes, SPEC, "another"))


def test_everything_that_the_numbers_depend_on_is_in_the_fingerprint() -> None:
    prefixes = [[1, 2], [3]]
    same = fingerprint(prefixes, SPEC, "r")
    others = [
        fingerprint([[1], [2, 3]], SPEC, "r"),
        fingerprint([[1, 2], [4]], SPEC, "r"),
        fingerprint(prefixes, SPEC, "s"),
        fingerprint(prefixes, dataclasses.replace(SPEC, bits=8), "r"),
        fingerprint(prefixes, dataclasses.replace(SPEC, dtype=torch.bfloat16), "r"),
        fingerprint(prefixes, dataclasses.replace(SPEC, layers=29), "r"),
        fingerprint(prefixes, dataclasses.replace(SPEC, kv_heads=4), "r"),
        fingerprint(prefixes, dataclasses.replace(SPEC, head_dim=128), "r"),
    ]
    assert same == fingerprint([(1, 2), (3,)], SPEC, "r")
    assert len({same, *others}) == 9


@pytest.mark.parametrize(
    ("dtype", "bits", "expected"),
    [
        (torch.float32, 16, "71d25c03df21faca8c03ce99a1b8dec6cadc3bb20046870789c8101f2c62c57f"),
        (torch.float32, 8, "b4889cdaf130ea6e4b431632fc4873c86e8d54fbffc53ad7dbebc81db317f836"),
        (torch.bfloat16, 16, "52b6bf477cb0c92d7985e8ac778c142f43d024c47f4ef45207417f4327d5fd04"),
        (torch.bfloat16, 8, "bccbb485747fe85c74f12ac6fe9503c23b0f902ceb2e0afb8654e4e97c12bbdf"),
    ],
)
def test_files_that_version_0_1_built_remain_valid(
    dtype: torch.dtype, bits: Literal[16, 8], expected: str
) -> None:
    """The constants are fingerprints as version 0.1.0 computed them; a file takes minutes to build."""
    spec = dataclasses.replace(SPEC, dtype=dtype, bits=bits)
    assert fingerprint([[1, 2, 3], [40_000, 5]], spec, "sha256:abc float32") == expected


def test_the_file_name_of_version_0_1_is_kept(float32_engine: LocalEngine, tmp_path: Path) -> None:
    for scoring, label in (("yes_no", "yes-no"), ("query_likelihood", "likelihood"), ("probe", "likelihood")):
        with open_cache(float32_engine, ARTICLES[1:2], tmp_path, scoring, bits=8) as cache:  # type: ignore[arg-type]
            assert cache.cache.path.name.startswith(f"smollm2-135m-float32-{label}-8bit-")


def test_another_prompt_or_edition_has_its_own_file(computer: CountingComputer, tmp_path: Path) -> None:
    computer.open(tmp_path)
    computer.prefixes.pop()
    computer.open(tmp_path)
    assert len(list(tmp_path.glob("*.safetensors"))) == 2


def test_two_that_build_at_once_build_one_file(float32_engine: LocalEngine, tmp_path: Path) -> None:
    computers = [CountingComputer(float32_engine), CountingComputer(float32_engine)]
    found: list[torch.Tensor] = []
    threads = [
        threading.Thread(target=lambda computer=computer: found.append(numbers(computer.open(tmp_path))))
        for computer in computers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(computer.computed) for computer in computers) == [0, 3]
    assert torch.equal(*found)


def test_a_disk_that_is_too_small_is_one_sentence_before_anything_is_computed(
    computer: CountingComputer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    with pytest.raises(EngineError, match=r"GB are not free.*--method packed"):
        computer.open(tmp_path)
    assert computer.computed == []


def test_a_folder_that_cannot_be_written_is_one_sentence(computer: CountingComputer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match="cannot be written"):
        computer.open(tmp_path / "file")


# --- open caches


class FileOpener:
    """Stands for opening files; counts them."""

    def __init__(self) -> None:
        self.opened = 0

    def __call__(self) -> PrefixCache:
        self.opened += 1
        return cast(PrefixCache, SimpleNamespace(size_bytes=self.opened))


def acquire(pool: PrefixCachePool, number: int, open_file: FileOpener) -> OpenPrefixCache:
    return pool.acquire([Article(str(number), "", ())], "yes_no", 16, open_file)


def test_a_cache_is_opened_once_for_all_its_users() -> None:
    pool, open_file = PrefixCachePool(), FileOpener()
    first, second = acquire(pool, 1, open_file), acquire(pool, 1, open_file)
    assert first is second
    first.close()
    assert acquire(pool, 1, open_file) is second
    assert open_file.opened == 1


def test_editions_scoring_modes_and_bits_have_their_own_caches() -> None:
    pool, open_file = PrefixCachePool(), FileOpener()
    articles = [Article("1", "", ())]
    caches = [
        pool.acquire(articles, "yes_no", 16, open_file),
        pool.acquire(articles, "query_likelihood", 16, open_file),
        pool.acquire(articles, "yes_no", 8, open_file),
        pool.acquire([Article("1", "Amended", ())], "yes_no", 16, open_file),
    ]
    assert len({id(cache) for cache in caches}) == open_file.opened == 4


def test_a_cache_in_use_stays_open_however_many_others_are_opened() -> None:
    pool, open_file = PrefixCachePool(), FileOpener()
    mine = acquire(pool, 0, open_file)
    for number in range(1, 10):
        acquire(pool, number, open_file).close()
    opened = open_file.opened
    assert acquire(pool, 0, open_file) is mine
    assert open_file.opened == opened


def test_the_caches_used_last_stay_open_when_nobody_uses_them() -> None:
    pool, open_file = PrefixCachePool(), FileOpener()
    for number in range(IDLE_CACHES + 1):
        acquire(pool, number, open_file).close()
    for number in range(1, IDLE_CACHES + 1):
        acquire(pool, number, open_file).close()
    assert open_file.opened == IDLE_CACHES + 1
    acquire(pool, 0, open_file).close()  # the one used longest ago was closed
    assert open_file.opened == IDLE_CACHES + 2


def test_two_that_open_the_same_cache_at_once_share_one() -> None:
    pool, open_file = PrefixCachePool(), FileOpener()
    meeting = threading.Barrier(2, timeout=10)

    def open_together() -> PrefixCache:
        meeting.wait()  # neither finds the cache of the other
        return open_file()

    found: list[OpenPrefixCache] = []
    threads = [
        threading.Thread(target=lambda: found.append(pool.acquire([], "yes_no", 16, open_together)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] is found[1]


def test_a_file_that_cannot_be_opened_leaves_nothing_in_the_pool() -> None:
    pool, open_file = PrefixCachePool(), FileOpener()

    def fail() -> PrefixCache:
        raise EngineError("damaged")

    with pytest.raises(EngineError):
        pool.acquire([Article("1", "", ())], "yes_no", 16, fail)
    assert acquire(pool, 1, open_file).size_bytes == 1


# --- several editions at once

REST = Article("2", "Rest", (Paragraph("1", "Rest is due."),))
EDITIONS = [
    Code("Law", date, (Article("1", "Work", (Paragraph("1", text),)), REST))
    for date, text in (
        ("2023", "Night work is paid double."),
        ("2024", "Night work is paid at one and a half times the pay."),
        ("2025", "Night work is forbidden in every factory."),
    )
]
QUESTION = "How is night work paid?"


def test_caches_of_three_editions_are_usable_at_the_same_time(
    float32_engine: LocalEngine, tmp_path: Path
) -> None:
    """Version 0.1 held the two caches that were opened last, and lost the first one between two calls."""
    expected = [score(float32_engine, edition.articles, QUESTION) for edition in EDITIONS]
    with (
        open_cache(float32_engine, EDITIONS[0].articles, tmp_path) as first,
        open_cache(float32_engine, EDITIONS[1].articles, tmp_path) as second,
        open_cache(float32_engine, EDITIONS[2].articles, tmp_path) as third,
    ):
        for cache, scores in zip((first, second, third), expected, strict=True):
            assert score_cached(float32_engine, cache, QUESTION) == pytest.approx(scores, abs=3e-3)


def test_three_visitors_with_three_editions_get_answers_at_the_same_time(
    float32_engine: LocalEngine, models: Models, tmp_path: Path
) -> None:
    models = dataclasses.replace(models, engine=float32_engine)
    settings = Settings(home=tmp_path, method="article-cache")
    path = settings.database
    with Store(path) as store:
        editions = [store.editions.save(code, source="x", sha256=code.date) for code in EDITIONS]
        assistant = Assistant(settings, store, models=models)
        expected = [assistant.ask(QUESTION, edition=edition).selection.scores for edition in editions]
    meeting = threading.Barrier(len(editions), timeout=60)

    def visit(number: int) -> list[Mapping[str, float]]:
        with Store(path) as store:  # a store belongs to its thread
            assistant = Assistant(settings, store, models=models)
            scores = []
            for _ in range(3):
                meeting.wait()
                scores.append(assistant.ask(QUESTION, edition=editions[number]).selection.scores)
            return scores

    with ThreadPoolExecutor(len(editions)) as pool:
        found = list(pool.map(visit, range(len(editions))))
    for number, scores in enumerate(expected):
        assert found[number] == [pytest.approx(scores, abs=1e-3)] * 3


def test_a_handle_of_other_articles_or_scoring_is_a_bug_of_the_caller(
    float32_engine: LocalEngine, tmp_path: Path
) -> None:
    with open_cache(float32_engine, EDITIONS[0].articles, tmp_path) as cache:
        for articles, scoring, handle in (
            (EDITIONS[1].articles, "query_likelihood", cache),
            (EDITIONS[0].articles, "yes_no", cache),
            (EDITIONS[0].articles, "query_likelihood", None),
        ):
            with pytest.raises(ValueError, match="prefix cache"):
                score(float32_engine, articles, scoring=scoring, batching="prefix-cache", prefix_cache=handle)
