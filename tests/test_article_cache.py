"""The article cache in real files, filled by the real embedded model."""

import threading
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import pytest
import torch

from labourqa.article_cache import ArticleCache, Shape, fingerprint, open_cache
from labourqa.attention import Keep
from labourqa.errors import EngineError
from labourqa.llama import LlamaEngine

from .conftest import small_code

pytestmark = pytest.mark.model

ARTICLES = small_code().articles
BITS: tuple[Literal[16, 8], ...] = (16, 8)
SHAPE = Shape(layers=30, kv_heads=3, head_dim=64, dtype=torch.float32, bits=16)


class Reader:
    """The engine's own computation, which counts the prefixes and may be interrupted."""

    def __init__(self, engine: LlamaEngine, stop_after: int | None = None) -> None:
        self.engine = engine
        self.prefixes = [self.engine._prefix("yes-no", article) for article in ARTICLES]
        self.stop_after = stop_after
        self.read: list[Sequence[int]] = []

    def compute(self, prefixes: Sequence[Sequence[int]], keep: Keep) -> None:
        if len(self.read) == self.stop_after:
            raise KeyboardInterrupt
        self.engine._compute_prefixes(prefixes, keep)
        self.read += prefixes

    def open(self, folder: Path, shape: Shape = SHAPE) -> ArticleCache:
        return open_cache(
            folder,
            "test",
            self.prefixes,
            shape,
            revision="r",
            pass_tokens=1,
            compute=self.compute,
            show_fraction=lambda _: None,
        )


@pytest.fixture
def reader(float32_engine: LlamaEngine) -> Reader:
    return Reader(float32_engine)


def numbers(cache: ArticleCache) -> torch.Tensor:
    keys, values = cache.layer(29)
    return torch.cat([one(span) for span in cache.spans for one in (keys, values)], 1)


def test_a_cache_is_computed_once_and_then_only_opened(reader: Reader, tmp_path: Path) -> None:
    first = numbers(reader.open(tmp_path))
    second = numbers(reader.open(tmp_path))
    assert reader.read == reader.prefixes
    assert torch.equal(first, second)


# bfloat16 itself is kept as it is; in 8 bits its steps of 1 in 256 come on top of theirs.
@pytest.mark.parametrize(
    ("dtype", "bits", "largest_error"),
    [
        (torch.float32, 16, 0.001),
        (torch.float32, 8, 0.006),
        (torch.bfloat16, 16, 0.0),
        (torch.bfloat16, 8, 0.012),
    ],
)
def test_kept_keys_and_values_are_those_of_the_model(
    dtype: torch.dtype,
    bits: Literal[16, 8],
    largest_error: float,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    reader = Reader(request.getfixturevalue(f"{str(dtype).removeprefix('torch.')}_engine"))
    cache = reader.open(tmp_path, Shape(30, 3, 64, dtype, bits))
    kept: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
    reader.engine._compute_prefixes(
        [reader.prefixes[1]], lambda layer, key, value: kept.update({layer: (key.clone(), value.clone())})
    )
    for layer, tensors in kept.items():
        for span, exact in zip(cache.layer(layer), tensors, strict=True):
            error = (span(cache.spans[1]) - exact).abs().amax(-1)  # (kv_heads, tokens)
            assert (error <= exact.abs().amax(-1) * largest_error).all()


def test_8_bits_take_about_half_the_space(reader: Reader, tmp_path: Path) -> None:
    sizes = [reader.open(tmp_path / str(bits), Shape(30, 3, 64, torch.float32, bits)).bytes for bits in BITS]
    assert 0.5 < sizes[1] / sizes[0] < 0.56


def test_an_interrupted_run_goes_on_where_it_stopped(float32_engine: LlamaEngine, tmp_path: Path) -> None:
    interrupted = Reader(float32_engine, stop_after=2)
    with pytest.raises(KeyboardInterrupt):
        interrupted.open(tmp_path)
    assert not list(tmp_path.glob("*.safetensors"))
    again = Reader(float32_engine)
    resumed = again.open(tmp_path)
    assert again.read == again.prefixes[2:]
    assert torch.equal(numbers(resumed), numbers(Reader(float32_engine).open(tmp_path / "fresh")))
    assert {path.suffix for path in tmp_path.glob("test*")} == {".safetensors", ".lock"}


@pytest.mark.parametrize("damage", ["a byte", "the end", "the head", "everything"])
def test_a_damaged_file_is_built_again(reader: Reader, tmp_path: Path, damage: str) -> None:
    expected = numbers(reader.open(tmp_path)).clone()
    (path,) = tmp_path.glob("*.safetensors")
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
    reader.read.clear()
    assert torch.equal(numbers(reader.open(tmp_path)), expected)
    assert reader.read == reader.prefixes


def test_a_file_that_does_not_fit_is_never_used(reader: Reader, tmp_path: Path) -> None:
    cache = reader.open(tmp_path)
    lengths = list(map(len, reader.prefixes))
    with pytest.raises(EngineError, match="other articles or another model"):
        ArticleCache(cache.path, lengths, SHAPE, fingerprint(reader.prefixes, SHAPE, "another"))


def test_whatever_the_numbers_depend_on_is_in_the_fingerprint() -> None:
    prefixes = [[1, 2], [3]]
    same = fingerprint(prefixes, SHAPE, "r")
    others = [
        fingerprint([[1], [2, 3]], SHAPE, "r"),
        fingerprint([[1, 2], [4]], SHAPE, "r"),
        fingerprint(prefixes, SHAPE, "s"),
        fingerprint(prefixes, Shape(30, 3, 64, torch.float32, 8), "r"),
        fingerprint(prefixes, Shape(30, 3, 64, torch.bfloat16, 16), "r"),
    ]
    assert same == fingerprint([(1, 2), (3,)], SHAPE, "r")
    assert same not in others


def test_another_question_prompt_or_edition_has_a_file_of_its_own(reader: Reader, tmp_path: Path) -> None:
    reader.open(tmp_path)
    reader.prefixes.pop()
    reader.open(tmp_path)
    assert len(list(tmp_path.glob("*.safetensors"))) == 2


def test_two_that_build_at_once_build_one_file(float32_engine: LlamaEngine, tmp_path: Path) -> None:
    readers = [Reader(float32_engine), Reader(float32_engine)]
    found: list[torch.Tensor] = []
    threads = [
        threading.Thread(target=lambda reader=reader: found.append(numbers(reader.open(tmp_path))))
        for reader in readers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(reader.read) for reader in readers) == [0, 3]
    assert torch.equal(*found)


def test_a_disk_that_is_too_small_is_one_sentence_before_anything_is_computed(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    with pytest.raises(EngineError, match=r"GB are not free.*--method packed"):
        reader.open(tmp_path)
    assert reader.read == []


def test_a_folder_that_cannot_be_written_is_one_sentence(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match="cannot be written"):
        reader.open(tmp_path / "file")
