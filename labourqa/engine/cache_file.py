"""The file of a prefix cache: a safetensors file that is written through a memory map, article by article.

A run that was interrupted continues where it stopped: a progress file beside it says how much is written.
"""

import json
import os
import shutil
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import xxhash
from safetensors import SafetensorError, safe_open

from labourqa.engine.mapped_files import explain_bus_errors
from labourqa.errors import EngineError
from labourqa.files import write_atomically

_TYPES = {
    "I8": torch.int8,
    "I64": torch.int64,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
}  # safetensors' names
_CHECKSUM = "xxh3"  # in the file's metadata: how the checksums were computed


@dataclass(frozen=True)
class CacheSpec:
    """What is stored of each token: keys and values of `layers`, each (kv_heads, head_dim)."""

    layers: int
    kv_heads: int
    head_dim: int
    dtype: torch.dtype  # in which the model computes
    bits: Literal[16, 8]  # of a stored number; with 8, one scale for each token and head

    @property
    def stored_dtype(self) -> torch.dtype:
        if self.bits == 8:
            return torch.int8
        # float16 has three more bits of mantissa than bfloat16, and keys and values do not need bfloat16's range.
        return torch.float16 if self.dtype == torch.float32 else self.dtype

    @property
    def token_bytes(self) -> int:
        """What the keys and values of a token take."""
        number_bytes = self.head_dim * self.stored_dtype.itemsize + (2 if self.bits == 8 else 0)
        return 2 * self.layers * self.kv_heads * number_bytes

    def tensor_names(self, layer: int) -> list[str]:
        names = [f"{layer}.keys", f"{layer}.values"]
        return names + [f"{name}.scales" for name in names] if self.bits == 8 else names


def encode_numbers(numbers: torch.Tensor, spec: CacheSpec) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Keys or values, (kv_heads, tokens, head_dim), as they are stored, and with 8 bits their scales.

    Raises EngineError when a number does not fit into 16 bits.
    """
    scales = None
    if spec.bits == 8:
        scales = (numbers.abs().amax(-1) / 127).clamp_min(1e-8).to(torch.float16)  # (kv_heads, tokens)
        numbers = (numbers / scales[..., None].to(numbers.dtype)).round().clamp(-127, 127)
    stored = numbers.to(spec.stored_dtype)
    if spec.bits == 16 and not stored.isfinite().all():
        raise EngineError("This model's keys and values exceed 16 bits; choose --method packed.")
    return stored, scales


@dataclass(frozen=True)
class Checksum:
    """The checksum of a layer, as a signed 64-bit number."""

    value: int
    is_sum: bool = False  # version 0.1 wrote a sum, which does not notice words that changed places


def read_tensors(path: Path, fingerprint: str) -> tuple[dict[str, torch.Tensor], list[Checksum]]:
    """The mapped tensors of a finished file, and the checksum of each layer.

    Raises EngineError when the file has another fingerprint or cannot be read.
    """
    explain_bus_errors()
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("fingerprint") != fingerprint:
                raise EngineError(f"{path} was made for other articles or another model.")
            # Maps the file: pages are read when they are first used, and shared between processes.
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
    except (OSError, SafetensorError) as error:
        raise EngineError(f"{path} cannot be read: {error}.") from error
    is_sum = metadata.get("checksum") != _CHECKSUM
    return tensors, [Checksum(value, is_sum) for value in tensors.pop("sums").tolist()]


def layer_is_intact(
    tensors: dict[str, torch.Tensor], spec: CacheSpec, layer: int, expected: Checksum
) -> bool:
    """Whether a layer has the checksum with which it was written."""
    stored = [tensors[name] for name in spec.tensor_names(layer)]
    return (_sum(stored) if expected.is_sum else hash_tensors(stored)) == expected.value


@dataclass(frozen=True)
class _Batch:
    """Articles that were written in one pass; `articles` and `tokens` count all up to its end."""

    articles: int
    tokens: int
    checksum: int


class CacheFileWriter:
    """Writes a prefix cache to `path`; `articles_written` counts what an earlier run left."""

    def __init__(self, path: Path, spec: CacheSpec, *, tokens: int, fingerprint: str) -> None:
        self._path, self._spec, self._fingerprint = path, spec, fingerprint
        self._part, self._progress = Path(f"{path}.part"), Path(f"{path}.progress")
        head, size = _header(tokens, spec, fingerprint)
        resumes = _begins_with(self._part, head, len(head) + size)
        if not resumes:
            _allocate(self._part, head, size)
        self._tensors = _map(self._part)
        self._tokens = 0  # that are written
        self._batches = self._read_progress() if resumes else []

    @property
    def articles_written(self) -> int:
        return self._batches[-1].articles if self._batches else 0

    def write_layer(self, span: slice, layer: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Write keys and values, (kv_heads, tokens, head_dim), of some articles to their `span` of the token axis."""
        self._write(f"{layer}.keys", span, keys)
        self._write(f"{layer}.values", span, values)
        self._tokens = span.stop

    def save_progress(self, articles_written: int) -> None:
        start = self._batches[-1].tokens if self._batches else 0
        checksum = self._hash_span(slice(start, self._tokens))
        self._batches.append(_Batch(articles_written, self._tokens, checksum))
        state = {"fingerprint": self._fingerprint, "batches": [vars(batch) for batch in self._batches]}
        write_atomically(self._progress, json.dumps(state))

    def finish(self) -> None:
        """Put the complete file in its place."""
        layers = [
            [self._tensors[name] for name in self._spec.tensor_names(layer)]
            for layer in range(self._spec.layers)
        ]
        self._tensors["sums"].copy_(torch.tensor([hash_tensors(tensors) for tensors in layers]))
        layers.clear()
        self._tensors.clear()
        with self._part.open("rb+") as file:
            os.fsync(file.fileno())
        self._part.replace(self._path)
        self._progress.unlink(missing_ok=True)

    def _write(self, name: str, span: slice, numbers: torch.Tensor) -> None:
        stored, scales = encode_numbers(numbers, self._spec)
        self._tensors[name][:, span] = stored.cpu()
        if scales is not None:
            self._tensors[f"{name}.scales"][:, span] = scales.cpu()

    def _read_progress(self) -> list[_Batch]:
        """What an earlier run wrote, as far as it is undamaged."""
        intact: list[_Batch] = []
        start = 0
        try:
            state = json.loads(self._progress.read_text())
            if state["fingerprint"] == self._fingerprint:
                for batch in (_Batch(**batch) for batch in state["batches"]):
                    if self._hash_span(slice(start, batch.tokens)) != batch.checksum:
                        break
                    intact.append(batch)
                    start = batch.tokens
        except (OSError, ValueError, LookupError, TypeError):
            return []  # begin again
        return intact

    def _hash_span(self, span: slice) -> int:
        """The checksum of some tokens in all layers."""
        names = [name for layer in range(self._spec.layers) for name in self._spec.tensor_names(layer)]
        return hash_tensors(self._tensors[name][:, span].contiguous() for name in names)


def hash_tensors(tensors: Iterable[torch.Tensor]) -> int:
    """XXH3 of the content, as a signed 64-bit number."""
    digest = xxhash.xxh3_64()
    for tensor in tensors:
        digest.update(tensor.view(torch.uint8).numpy().data)
    return _wrap(digest.intdigest())


def _sum(tensors: Iterable[torch.Tensor]) -> int:
    """The sum of the content as 64-bit words, with wrap-around."""
    total = 0
    for tensor in tensors:
        if tensor.dim() == 3:  # a row is a multiple of 8 bytes
            total += int(tensor.view(torch.int64).sum())
        else:
            total += int(tensor.view(torch.int16).sum())
    return _wrap(total)


def _wrap(total: int) -> int:
    return (total + 2**63) % 2**64 - 2**63


def _header(tokens: int, spec: CacheSpec, fingerprint: str) -> tuple[bytes, int]:
    """The head of a safetensors file for `tokens` tokens, and the number of bytes that follow it."""
    types = {dtype: name for name, dtype in _TYPES.items()}
    stored, rows = spec.stored_dtype, [spec.kv_heads, tokens]
    names = [name for layer in range(spec.layers) for name in spec.tensor_names(layer)]
    tensors = [("sums", "I64", [spec.layers], 8)]
    tensors += [
        (name, types[stored], [*rows, spec.head_dim], stored.itemsize)
        for name in names
        if "scales" not in name
    ]
    # Last, because only they are not a multiple of 8 bytes.
    tensors += [(name, "F16", rows, 2) for name in names if "scales" in name]
    entries: dict[str, Any] = {"__metadata__": {"fingerprint": fingerprint, "checksum": _CHECKSUM}}
    end = 0
    for name, dtype, dimensions, size in tensors:
        start = end
        end += size * int(torch.Size(dimensions).numel())
        entries[name] = {"dtype": dtype, "shape": dimensions, "data_offsets": [start, end]}
    head = json.dumps(entries).encode()
    head += b" " * (-len(head) % 8)
    return struct.pack("<Q", len(head)) + head, end


def _begins_with(part: Path, head: bytes, size: int) -> bool:
    """Whether the file has this head and this size in bytes."""
    try:
        with part.open("rb") as file:
            return file.read(len(head)) == head and part.stat().st_size == size
    except OSError:
        return False


def _allocate(part: Path, head: bytes, size: int) -> None:
    """Reserve the whole file: a disk that fills up later would kill the process that writes through the map."""
    if shutil.disk_usage(part.parent).free < len(head) + size:
        raise OSError(None, f"{(len(head) + size) / 1e9:.1f} GB are not free")
    with part.open("wb") as file:
        file.write(head)
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, len(head) + size)
        else:
            file.truncate(len(head) + size)


def _map(part: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file in shared memory: what is written to them is written to the file."""
    with part.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        entries = json.loads(file.read(length))
    entries.pop("__metadata__")
    whole = torch.from_file(str(part), shared=True, size=part.stat().st_size, dtype=torch.uint8)
    data = whole[8 + length :]
    return {
        name: data[slice(*entry["data_offsets"])].view(_TYPES[entry["dtype"]]).view(entry["shape"])
        for name, entry in entries.items()
    }
