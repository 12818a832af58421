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
from safetensors import SafetensorError, safe_open

from labourqa.errors import EngineError
from labourqa.files import write_atomically

_TYPES = {
    "I8": torch.int8,
    "I64": torch.int64,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
}  # safetensors' names


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


def read_tensors(path: Path, fingerprint: str) -> tuple[dict[str, torch.Tensor], list[int]]:
    """The mapped tensors of a finished file, and the checksum of each layer.

    Raises EngineError when the file has another fingerprint or cannot be read.
    """
    try:
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get("fingerprint") != fingerprint:
                raise EngineError(f"{path} was made for other articles or another model.")
            # Maps the file: pages are read when they are first used, and shared between processes.
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
    except (OSError, SafetensorError) as error:
        raise EngineError(f"{path} cannot be read: {error}.") from error
    checksums: list[int] = tensors.pop("sums").tolist()
    return tensors, checksums


def layer_is_intact(tensors: dict[str, torch.Tensor], spec: CacheSpec, layer: int, expected: int) -> bool:
    """Whether a layer has the checksum with which it was written."""
    return _checksum(tensors[name] for name in spec.tensor_names(layer)) == expected


class CacheFileWriter:
    """Writes a prefix cache to `path`; `tokens_written` and `articles_written` count what an earlier run left."""

    def __init__(self, path: Path, spec: CacheSpec, *, tokens: int, fingerprint: str) -> None:
        self._path, self._spec, self._fingerprint = path, spec, fingerprint
        self._part, self._progress = Path(f"{path}.part"), Path(f"{path}.progress")
        self.articles_written, self._checksums = 0, [0] * spec.layers
        if self._part.exists():
            self._read_progress()
        if self.articles_written == 0:
            _allocate(self._part, *_header(tokens, spec, fingerprint))
        self._tensors = _map(self._part)

    def write_layer(self, span: slice, layer: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Write keys and values, (kv_heads, tokens, head_dim), of some articles to their `span` of the token axis."""
        self._write(f"{layer}.keys", span, keys)
        self._write(f"{layer}.values", span, values)
        written = [self._tensors[name][:, span] for name in self._spec.tensor_names(layer)]
        self._checksums[layer] = _wrap(self._checksums[layer] + _checksum(written))

    def save_progress(self, articles_written: int) -> None:
        self.articles_written = articles_written
        state = {"fingerprint": self._fingerprint, "done": articles_written, "sums": self._checksums}
        write_atomically(self._progress, json.dumps(state))

    def finish(self) -> None:
        """Put the complete file in its place."""
        self._tensors["sums"].copy_(torch.tensor(self._checksums))
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

    def _read_progress(self) -> None:
        try:
            state = json.loads(self._progress.read_text())
            if state["fingerprint"] == self._fingerprint:
                self.articles_written = int(state["done"])
                self._checksums = [int(checksum) for checksum in state["sums"]]
        except (OSError, ValueError, LookupError, TypeError):
            pass  # begin again


def _checksum(tensors: Iterable[torch.Tensor]) -> int:
    """The sum of the content as 64-bit words, with wrap-around: a single damaged word always changes it."""
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
    entries: dict[str, Any] = {"__metadata__": {"fingerprint": fingerprint}}
    end = 0
    for name, dtype, dimensions, size in tensors:
        start = end
        end += size * int(torch.Size(dimensions).numel())
        entries[name] = {"dtype": dtype, "shape": dimensions, "data_offsets": [start, end]}
    head = json.dumps(entries).encode()
    head += b" " * (-len(head) % 8)
    return struct.pack("<Q", len(head)) + head, end


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
