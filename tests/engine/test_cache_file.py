"""The file of a prefix cache, written with random numbers: no model is needed."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import pytest
import torch

from labourqa.engine.cache_file import CacheFileWriter, CacheSpec, layer_is_intact, read_tensors
from labourqa.errors import EngineError
from tests.conftest import ROOT

pytestmark = pytest.mark.model  # torch is loaded

TOKENS = 7
SPEC = CacheSpec(layers=2, kv_heads=3, head_dim=8, dtype=torch.float32, bits=16)


def random_numbers(layer: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Keys and values of all tokens of a layer, (kv_heads, tokens, head_dim)."""
    generator = torch.Generator().manual_seed(layer)
    keys, values = torch.randn(2, SPEC.kv_heads, TOKENS, SPEC.head_dim, generator=generator)
    return keys, values


def write_articles(writer: CacheFileWriter, spans: list[slice], first: int = 0) -> None:
    for article, span in enumerate(spans[first:], first):
        for layer in range(SPEC.layers):
            keys, values = random_numbers(layer)
            writer.write_layer(span, layer, keys[:, span], values[:, span])
        writer.save_progress(article + 1)


SPANS = [slice(0, 2), slice(2, 6), slice(6, 7)]


def open_writer(path: Path, spec: CacheSpec = SPEC, fingerprint: str = "f") -> CacheFileWriter:
    return CacheFileWriter(path, spec, tokens=TOKENS, fingerprint=fingerprint)


@pytest.mark.parametrize(
    ("dtype", "bits", "error"),
    [
        (torch.float32, 16, 2**-11),
        (torch.float32, 8, 0.5 / 127 + 2**-11),
        (torch.bfloat16, 16, 0.0),
        (torch.bfloat16, 8, 0.5 / 127 + 2**-8),
    ],
)
def test_numbers_are_read_as_they_were_written_up_to_rounding(
    tmp_path: Path, dtype: torch.dtype, bits: Literal[16, 8], error: float
) -> None:
    spec = CacheSpec(SPEC.layers, SPEC.kv_heads, SPEC.head_dim, dtype, bits)
    path = tmp_path / "x.safetensors"
    writer = open_writer(path, spec)
    for layer in range(spec.layers):
        keys, values = (numbers.to(dtype) for numbers in random_numbers(layer))
        for span in SPANS:
            writer.write_layer(span, layer, keys[:, span], values[:, span])
    writer.finish()
    tensors, checksums = read_tensors(path, "f")
    for layer in range(spec.layers):
        assert layer_is_intact(tensors, spec, layer, checksums[layer])
        for name, written in zip(("keys", "values"), random_numbers(layer), strict=True):
            exact = written.to(dtype).float()
            read = tensors[f"{layer}.{name}"].float()
            if bits == 8:
                read = read * tensors[f"{layer}.{name}.scales"].float()[..., None]
            bound = exact.abs().amax(-1, keepdim=True) * error  # of each token and head
            assert ((read - exact).abs() <= bound).all()


def test_an_interrupted_run_continues_with_the_next_article(tmp_path: Path) -> None:
    whole, path = tmp_path / "whole.safetensors", tmp_path / "x.safetensors"
    writer = open_writer(whole)
    write_articles(writer, SPANS)
    writer.finish()
    write_articles(open_writer(path), SPANS[:2])
    assert not path.exists()
    writer = open_writer(path)
    assert writer.articles_written == 2
    write_articles(writer, SPANS, first=2)
    writer.finish()
    assert path.read_bytes() == whole.read_bytes()
    assert {one.name for one in tmp_path.iterdir()} == {"x.safetensors", "whole.safetensors"}


@pytest.mark.parametrize("progress", ["", "[]", "{}", '{"fingerprint": "other", "done": 2, "sums": [0, 0]}'])
def test_without_a_progress_file_that_fits_the_run_begins_again(tmp_path: Path, progress: str) -> None:
    path = tmp_path / "x.safetensors"
    write_articles(open_writer(path), SPANS[:2])
    (tmp_path / "x.safetensors.progress").write_text(progress)
    assert open_writer(path).articles_written == 0


def test_progress_without_its_part_of_the_file_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    state = {"fingerprint": "f", "done": 2, "sums": [0] * SPEC.layers}
    (tmp_path / "x.safetensors.progress").write_text(json.dumps(state))
    assert open_writer(path).articles_written == 0


def test_every_changed_byte_of_the_numbers_is_found(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    writer = open_writer(path)
    write_articles(writer, SPANS)
    writer.finish()
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little") + 8 * SPEC.layers  # behind the head and the checksums
    for position in range(start, len(content)):
        path.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
        tensors, checksums = read_tensors(path, "f")
        intact = [layer_is_intact(tensors, SPEC, layer, checksums[layer]) for layer in range(SPEC.layers)]
        assert intact.count(False) == 1, position


def test_words_that_changed_places_are_found(tmp_path: Path) -> None:
    """A sum of all words, which version 0.1 wrote, does not notice them."""
    path = tmp_path / "x.safetensors"
    writer = open_writer(path)
    write_articles(writer, SPANS)
    writer.finish()
    content = path.read_bytes()
    path.write_bytes(content[:-16] + content[-8:] + content[-16:-8])
    tensors, checksums = read_tensors(path, "f")
    assert layer_is_intact(tensors, SPEC, 0, checksums[0])
    assert not layer_is_intact(tensors, SPEC, 1, checksums[1])


@pytest.mark.parametrize("article", [0, 1])
def test_what_an_interrupted_run_wrote_is_kept_as_far_as_it_is_undamaged(
    tmp_path: Path, article: int
) -> None:
    whole, path = tmp_path / "whole.safetensors", tmp_path / "x.safetensors"
    writer = open_writer(whole)
    write_articles(writer, SPANS)
    writer.finish()
    write_articles(open_writer(path), SPANS[:2])
    part = tmp_path / "x.safetensors.part"
    content = bytearray(part.read_bytes())
    head = 8 + int.from_bytes(content[:8], "little")
    content[head + 8 * SPEC.layers + 16 * SPANS[article].start] ^= 1
    part.write_bytes(content)
    writer = open_writer(path)
    assert writer.articles_written == article
    write_articles(writer, SPANS, first=article)
    writer.finish()
    assert path.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("content", [b"", b"x", b"x" * 4_000])
def test_a_part_that_is_damaged_or_cut_off_is_written_anew(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    write_articles(open_writer(path), SPANS[:2])
    (tmp_path / "x.safetensors.part").write_bytes(content)
    writer = open_writer(path)
    assert writer.articles_written == 0
    write_articles(writer, SPANS)
    writer.finish()
    read_tensors(path, "f")


def test_a_file_with_another_fingerprint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    writer = open_writer(path)
    write_articles(writer, SPANS)
    writer.finish()
    with pytest.raises(EngineError, match="other articles or another model"):
        read_tensors(path, "g")


def test_numbers_that_exceed_16_bits_are_one_sentence(tmp_path: Path) -> None:
    writer = open_writer(tmp_path / "x.safetensors")
    keys, values = random_numbers(0)
    keys[0, 0, 0] = 70_000.0  # the greatest float16 is 65,504
    with pytest.raises(EngineError, match="exceed 16 bits; choose --method packed"):
        writer.write_layer(slice(0, TOKENS), 0, keys, values)


def test_a_disk_that_is_too_small_is_found_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=100))
    with pytest.raises(OSError, match="GB are not free"):
        open_writer(tmp_path / "x.safetensors")
    assert list(tmp_path.iterdir()) == []


READ_A_FILE_THAT_SHRINKS = """
import os, sys
from pathlib import Path
from labourqa.engine.cache_file import read_tensors
tensors, _ = read_tensors(Path(sys.argv[1]), "f")
os.truncate(sys.argv[1], 4096)
for tensor in tensors.values():
    tensor.float().sum()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not let a mapped file become shorter")
def test_a_file_that_is_cut_off_while_it_is_read_is_one_sentence(tmp_path: Path) -> None:
    """Before, the process ended with "Bus error"."""
    path = tmp_path / "x.safetensors"
    writer = CacheFileWriter(path, SPEC, tokens=10_000, fingerprint="f")
    for layer in range(SPEC.layers):
        numbers = torch.zeros(SPEC.kv_heads, 10_000, SPEC.head_dim)
        writer.write_layer(slice(0, 10_000), layer, numbers, numbers)
    writer.finish()
    done = subprocess.run(
        [sys.executable, "-c", READ_A_FILE_THAT_SHRINKS, str(path)], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 1
    assert done.stderr.startswith("labourqa: A model file or prefix cache was cut off while it was read")
    assert len(done.stderr.splitlines()) == 1
