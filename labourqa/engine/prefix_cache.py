"""The prefix cache: the keys and values that the model computes for each article, stored in a file for all questions.

The keys and values of every layer lie in one safetensors file, the articles one after the other on the token axis. The
file is mapped into memory, not read. A fingerprint covers everything that the numbers depend on.
"""

import hashlib
import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path

import torch
from filelock import FileLock

from labourqa.engine.attention import ReadTokens, StoreLayer
from labourqa.engine.cache_file import CacheFileWriter, CacheSpec, layer_is_intact, read_tensors
from labourqa.engine.cache_space import CacheSpace
from labourqa.engine.threads import choose_threads, run_in_parallel
from labourqa.errors import EngineError
from labourqa.law.structure import Article
from labourqa.methods import ScoringMode

FORMAT_VERSION = 1  # of the file; counted up when its meaning changes
RESIDENT_SHARE = 0.7  # of the GPU's free memory; the rest is for forward passes and the answer
IDLE_CACHES = 2  # stay open after use: visitors take turns between editions


def fingerprint(prefixes: Sequence[Sequence[int]], spec: CacheSpec, revision: str) -> str:
    """SHA-256 of everything that the cached keys and values depend on.

    The prefixes' token ids stand for edition, prompt and tokenizer; `revision` for the weights.
    """
    # "Shape" is what version 0.1 called the specification: its files remain valid.
    described = (
        f"Shape(layers={spec.layers}, kv_heads={spec.kv_heads}, head_dim={spec.head_dim}, "
        f"dtype={spec.dtype}, bits={spec.bits})"
    )
    digest = hashlib.sha256(f"{FORMAT_VERSION} {revision} {described}".encode())
    for ids in prefixes:
        digest.update(struct.pack(f"<{len(ids) + 1}q", len(ids), *ids))
    return digest.hexdigest()


class PrefixCache:
    """The mapped file. Raises EngineError when it has another fingerprint, is incomplete or damaged."""

    def __init__(self, path: Path, lengths: Sequence[int], spec: CacheSpec, fingerprint: str) -> None:
        """`lengths`: tokens of each article's prefix, in order."""
        self.path = path
        self.spec = spec
        ends = list(accumulate(lengths))
        self.spans = [slice(end - length, end) for end, length in zip(ends, lengths, strict=True)]
        self._tensors, checksums = read_tensors(path, fingerprint)
        self.size_bytes = path.stat().st_size
        checks = [
            partial(layer_is_intact, self._tensors, spec, layer, checksum)
            for layer, checksum in enumerate(checksums)
        ]
        if not all(run_in_parallel(checks, choose_threads())):
            raise EngineError(f"{path} is damaged.")
        self._copy_stream: torch.cuda.Stream | None = None  # for a cache that does not fit the GPU
        self._copies: dict[int, tuple[dict[str, torch.Tensor], torch.cuda.Event]] = {}

    def move_to(self, device: torch.device) -> None:
        """Use the cache from a GPU: resident where it fits, otherwise copied layer by layer from pinned memory."""
        free, _ = torch.cuda.mem_get_info(device)
        if self.size_bytes < free * RESIDENT_SHARE:
            self._tensors = {name: tensor.to(device) for name, tensor in self._tensors.items()}
        else:
            self._tensors = {name: tensor.pin_memory() for name, tensor in self._tensors.items()}
            self._copy_stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # not annotated in torch

    def layer(self, layer: int) -> tuple[ReadTokens, ReadTokens]:
        """Functions that read a layer's keys and values, in the model's dtype, from slices of the token axis."""
        tensors = self._tensors if self._copy_stream is None else self._copied_layer(layer, self._copy_stream)
        dtype = self.spec.dtype
        return _reader(tensors, f"{layer}.keys", dtype), _reader(tensors, f"{layer}.values", dtype)

    def _copied_layer(self, layer: int, stream: torch.cuda.Stream) -> dict[str, torch.Tensor]:
        """A layer on the GPU; the next one is copied there meanwhile."""
        current = self._copies.pop(layer, None) or self._start_copy(layer, stream)
        following = (layer + 1) % self.spec.layers
        self._copies = {following: self._start_copy(following, stream)}
        tensors, copied = current
        torch.cuda.current_stream().wait_event(copied)
        for tensor in tensors.values():
            tensor.record_stream(torch.cuda.current_stream())
        return tensors

    def _start_copy(
        self, layer: int, stream: torch.cuda.Stream
    ) -> tuple[dict[str, torch.Tensor], torch.cuda.Event]:
        with torch.cuda.stream(stream):
            names = self.spec.tensor_names(layer)
            tensors = {name: self._tensors[name].to(stream.device, non_blocking=True) for name in names}
            return tensors, stream.record_event()


def _reader(tensors: dict[str, torch.Tensor], name: str, dtype: torch.dtype) -> ReadTokens:
    stored = tensors[name]
    scales = tensors.get(f"{name}.scales")

    def read(span: slice) -> torch.Tensor:
        numbers = stored[:, span].to(dtype)  # (kv_heads, tokens, dim); no copy if it has that dtype already
        return numbers if scales is None else numbers.mul_(scales[:, span, None].to(dtype))

    return read


def open_cache_file(
    folder: Path,
    name: str,
    prefixes: Sequence[Sequence[int]],
    spec: CacheSpec,
    *,
    revision: str,
    pass_tokens: int,
    compute: Callable[[Sequence[Sequence[int]], StoreLayer], None],
    limit_bytes: int | None = None,
    show_share: Callable[[float], None],
) -> PrefixCache:
    """Open the cache of these prefixes, NAME-FINGERPRINT.safetensors in `folder`; build it first if necessary.

    `compute` runs the model over some prefixes, at most `pass_tokens` tokens unless one alone is longer, and passes
    every layer to its second argument. Building resumes after an interruption; of two processes, one builds.
    Before it is built, other caches are removed until all together take at most `limit_bytes` (see `CacheSpace`).
    Raises EngineError when the disk cannot hold the file.
    """
    expected = fingerprint(prefixes, spec, revision)
    lengths = [len(ids) for ids in prefixes]
    path = folder / f"{name}-{expected[:12]}.safetensors"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            try:
                return PrefixCache(path, lengths, spec, expected)
            except EngineError:
                size = sum(lengths) * spec.token_bytes
                CacheSpace(folder, limit_bytes).make_room(size)
                writer = CacheFileWriter(path, spec, tokens=sum(lengths), fingerprint=expected)
                _build(writer, prefixes, pass_tokens, compute, show_share)
                return PrefixCache(path, lengths, spec, expected)
    except OSError as error:
        raise EngineError(
            f"The article cache {path} cannot be written ({error.strerror or error}); free some space, "
            "or choose --method packed, which stores nothing."
        ) from error


def _build(
    writer: CacheFileWriter,
    prefixes: Sequence[Sequence[int]],
    pass_tokens: int,
    compute: Callable[[Sequence[Sequence[int]], StoreLayer], None],
    show_share: Callable[[float], None],
) -> None:
    total = sum(map(len, prefixes))
    written = writer.articles_written
    start = sum(map(len, prefixes[:written]))
    while written < len(prefixes):
        show_share(start / total)
        batch = _leading_batch(prefixes[written:], pass_tokens)
        span = slice(start, start + sum(map(len, batch)))
        compute(batch, partial(writer.write_layer, span))
        written, start = written + len(batch), span.stop
        writer.save_progress(written)
    writer.finish()
    show_share(1.0)


def _leading_batch(prefixes: Sequence[Sequence[int]], pass_tokens: int) -> list[Sequence[int]]:
    """As many of the first prefixes as fit within `pass_tokens`, at least one."""
    sizes = list(accumulate(map(len, prefixes)))
    return list(prefixes[: max(1, sum(size <= pass_tokens for size in sizes))])


@dataclass(frozen=True)
class _Key:
    """What makes two open caches the same."""

    articles: tuple[Article, ...]
    scoring: ScoringMode
    bits: int


class OpenPrefixCache:
    """A prefix cache in use by one question or more; `close` gives it back to its pool."""

    def __init__(self, pool: "PrefixCachePool", key: _Key, cache: PrefixCache) -> None:
        self._pool = pool
        self.key = key
        self.cache = cache
        self.index = {article: i for i, article in enumerate(key.articles)}  # into cache.spans
        self.users = 0  # changed by the pool alone

    @property
    def scoring(self) -> ScoringMode:
        return self.key.scoring

    @property
    def size_bytes(self) -> int:
        return self.cache.size_bytes

    def close(self) -> None:
        self._pool.release(self)


class PrefixCachePool:
    """The open caches: each is opened once and shared; the last IDLE_CACHES stay open when nobody uses them.

    A cache in use is never closed, however many others are opened meanwhile.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: list[OpenPrefixCache] = []  # the most recently used first

    def acquire(
        self,
        articles: Sequence[Article],
        scoring: ScoringMode,
        bits: int,
        open_file: Callable[[], PrefixCache],
    ) -> OpenPrefixCache:
        """The open cache of these articles; `open_file` is called where there is none. Close it after use."""
        key = _Key(tuple(articles), scoring, bits)
        found = self._take(key)
        if found is None:
            cache = open_file()  # outside the lock: building takes minutes, and others go on meanwhile
            found = self._take(key, OpenPrefixCache(self, key, cache))
            assert found is not None
        return found

    def release(self, cache: OpenPrefixCache) -> None:
        with self._lock:
            cache.users -= 1
            idle = [one for one in self._open if one.users == 0]
            for one in idle[IDLE_CACHES:]:
                self._open.remove(one)

    def _take(self, key: _Key, new: OpenPrefixCache | None = None) -> OpenPrefixCache | None:
        """Count a new user of the cache of that key; without one, of `new`."""
        with self._lock:
            found = next((one for one in self._open if one.key == key), new)
            if found is not None:
                if found in self._open:
                    self._open.remove(found)
                self._open.insert(0, found)
                found.users += 1
            return found
