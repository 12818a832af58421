"""The prefixes of single articles, one file each, for codes that are too large for one prefix cache.

Only the articles that questions needed have a file. Its name is a hash of everything that its content depends on, so an
article that two editions share has one file.
"""

import hashlib
import os
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from labourqa.engine.attention import ReadTokens, StoreLayer
from labourqa.engine.cache_file import CacheSpec, encode_numbers, hash_tensors
from labourqa.engine.cache_space import CacheSpace, mark_used
from labourqa.errors import EngineError
from labourqa.law.structure import Article
from labourqa.methods import ScoringMode

FORMAT_VERSION = 1  # of the files; counted up when their meaning changes
FOLDER = "articles"  # of the files, in the folder of the prefix caches
RESERVED_BYTES = 256_000_000  # for which room is made at once


@dataclass(frozen=True)
class PrefixComputer:
    """How a model computes the prefixes of articles."""

    spec: CacheSpec
    revision: str  # whatever the numbers depend on besides the token ids
    device: torch.device
    pass_tokens: int
    describe: Callable[[Article], bytes]  # the text of an article's prefix with everything around it
    tokenize: Callable[[Article], list[int]]  # the token ids of an article's prefix
    compute: Callable[[Sequence[Sequence[int]], StoreLayer], None]


class PrefixFiles:
    """The files of one model and scoring mode."""

    def __init__(self, space: CacheSpace, scoring: ScoringMode, computer: PrefixComputer) -> None:
        self.scoring = scoring
        self._space, self._computer = space, computer
        self._folder = space.folder / FOLDER
        self._paths: dict[Article, Path] = {}
        self._reserved_bytes = 0  # for which there is room

    def stored(self, articles: Sequence[Article]) -> list[Article]:
        """Those of the articles that have a file."""
        try:
            names = {entry.name for entry in os.scandir(self._folder)}
        except FileNotFoundError:
            return []
        return [article for article in articles if self._path(article).name in names]

    def compute(self, articles: Sequence[Article], *, until: float, at_least: int = 0) -> None:
        """Compute and store the prefixes of those of the articles without a file, in order, until the time is over.

        `until` is a time of `time.monotonic`; the first `at_least` articles get theirs in any case. No file of these
        articles is removed to make room. Raises EngineError when the disk cannot hold them.
        """
        stored = set(self.stored(articles))
        missing = [article for article in articles if article not in stored]
        in_any_case = sum(article not in stored for article in articles[:at_least])
        keep = {self._path(article) for article in articles}
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            while missing and (in_any_case > 0 or time.monotonic() < until):
                some = self._next_pass(missing)
                for article, tensors in self._compute_pass(some):
                    self._reserve(sum(tensor.nbytes for tensor in tensors.values()), keep)
                    _write(self._path(article), tensors)
                del missing[: len(some)]
                in_any_case -= len(some)
        except OSError as error:
            raise EngineError(
                f"The article cache {self._folder} cannot be written ({error.strerror or error}); free some space, "
                "or choose --method packed, which stores nothing."
            ) from error

    def open(self, articles: Sequence[Article]) -> "OpenPrefixFiles":
        """The prefixes of those of the articles that have an intact file; close them after use."""
        opened = []
        for article in articles:
            path = self._path(article)
            tensors = _read(path, self._computer.device)
            if tensors is not None:
                mark_used(path)
                opened.append((article, tensors))
        return OpenPrefixFiles(self.scoring, self._computer.spec, opened)

    def _path(self, article: Article) -> Path:
        path = self._paths.get(article)
        if path is None:
            computer = self._computer
            digest = hashlib.sha256(f"{FORMAT_VERSION} {computer.revision} {computer.spec}".encode())
            digest.update(computer.describe(article))
            path = self._paths[article] = self._folder / f"{digest.hexdigest()[:32]}.safetensors"
        return path

    def _reserve(self, size_bytes: int, keep: Collection[Path]) -> None:
        """Make room for many files at once: finding the ones used longest ago takes 0.1 s among 10,000."""
        if size_bytes > self._reserved_bytes:
            self._reserved_bytes = max(size_bytes, min(RESERVED_BYTES, self._space.allowed_bytes() // 8))
            self._space.make_room(self._reserved_bytes, keep)
        self._reserved_bytes -= size_bytes

    def _next_pass(self, articles: Sequence[Article]) -> list[tuple[Article, list[int]]]:
        """As many of the first articles as fit into a pass, at least one, with their token ids."""
        some: list[tuple[Article, list[int]]] = []
        room = self._computer.pass_tokens
        for article in articles:
            ids = self._computer.tokenize(article)
            room -= len(ids)
            if some and room < 0:
                break
            some.append((article, ids))
        return some

    def _compute_pass(
        self, some: Sequence[tuple[Article, list[int]]]
    ) -> list[tuple[Article, dict[str, torch.Tensor]]]:
        """The tensors of each article's file."""
        layers: list[dict[str, torch.Tensor]] = []

        def store_layer(_: int, keys: torch.Tensor, values: torch.Tensor) -> None:
            stored: dict[str, torch.Tensor] = {}
            for name, numbers in (("keys", keys), ("values", values)):
                encoded, scales = encode_numbers(numbers, self._computer.spec)
                stored[name] = encoded.to("cpu", copy=True)  # the next layer overwrites them
                if scales is not None:
                    stored[f"{name}.scales"] = scales.to("cpu", copy=True)
            layers.append(stored)

        self._computer.compute([ids for _, ids in some], store_layer)
        found = []
        start = 0
        for article, ids in some:
            span = slice(start, start + len(ids))
            # (layers, kv_heads, tokens, head_dim), scales without the last
            tensors = {name: torch.stack([layer[name][:, span] for layer in layers]) for name in layers[0]}
            found.append((article, tensors))
            start = span.stop
        return found


class OpenPrefixFiles:
    """The mapped files of some articles, as one prefix cache: one article after the other on a token axis."""

    def __init__(
        self,
        scoring: ScoringMode,
        spec: CacheSpec,
        files: Sequence[tuple[Article, dict[str, torch.Tensor]]],
    ) -> None:
        self.scoring = scoring
        self.articles = [article for article, _ in files]
        self.index = {article: i for i, article in enumerate(self.articles)}  # into `spans`
        self.spans: list[slice] = []
        self._spec = spec
        self._files: dict[int, dict[str, torch.Tensor]] = {}  # by the first token
        start = 0
        for _, tensors in files:
            self.spans.append(slice(start, start + tensors["keys"].shape[2]))
            self._files[start] = tensors
            start = self.spans[-1].stop

    @property
    def cache(self) -> "OpenPrefixFiles":
        return self

    @property
    def size_bytes(self) -> int:
        return sum(tensor.nbytes for tensors in self._files.values() for tensor in tensors.values())

    def layer(self, layer: int) -> tuple[ReadTokens, ReadTokens]:
        """Functions that read a layer's keys and values, in the model's dtype, from the span of an article."""

        def reader(name: str) -> ReadTokens:
            def read(span: slice) -> torch.Tensor:
                tensors = self._files[span.start]
                numbers = tensors[name][layer].to(self._spec.dtype)  # (kv_heads, tokens, dim)
                scales = tensors.get(f"{name}.scales")
                return numbers if scales is None else numbers.mul_(scales[layer][..., None].to(numbers.dtype))

            return read

        return reader("keys"), reader("values")

    def close(self) -> None:
        """Unmap the files, which the system counts as memory of this process."""
        self._files.clear()


def _write(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Write a file under its name only once it is whole."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    sums = torch.tensor([hash_tensors([tensors[name]]) for name in sorted(tensors)])
    save_file({**tensors, "sums": sums}, part)
    part.replace(path)


def _read(path: Path, device: torch.device) -> dict[str, torch.Tensor] | None:
    """The mapped tensors of a file; None if there is none, or a damaged one, which is removed."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
        sums = tensors.pop("sums").tolist()
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError, KeyError):
        sums, tensors = [None], {}
    if sums != [hash_tensors([tensors[name]]) for name in sorted(tensors)]:
        path.unlink(missing_ok=True)
        return None
    return {name: tensor.to(device) for name, tensor in tensors.items()}
