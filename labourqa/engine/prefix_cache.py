"""The article cache: what the model computes about each article, kept in a file and used for every question.

The keys and values of every layer lie in one safetensors file, the articles one after the other on the token
axis, and are mapped into memory, not read. A fingerprint of everything they depend on guards them.
"""

import hashlib
import json
import os
import shutil
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

import torch
from filelock import FileLock
from safetensors import SafetensorError, safe_open

from labourqa.engine.attention import Keep, Span
from labourqa.engine.threads import choose_threads, run_side_by_side
from labourqa.errors import EngineError

LAYOUT = 1  # of the file; counted up when its meaning changes
RESIDENT_PART = 0.7  # of the GPU's free memory: the rest is for the passes and the answer

_TYPES = {
    "I8": torch.int8,
    "I64": torch.int64,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
}  # of safetensors


@dataclass(frozen=True)
class Shape:
    """What a model keeps of a token: keys and values of `layers`, each (kv_heads, head_dim)."""

    layers: int
    kv_heads: int
    head_dim: int
    dtype: torch.dtype  # that the model computes in
    bits: Literal[16, 8]  # that a kept number has; 8: with one scale for each token and head

    @property
    def kept_dtype(self) -> torch.dtype:
        if self.bits == 8:
            return torch.int8
        # float16 has three more bits of mantissa than bfloat16, and keys and values do not need its range.
        return torch.float16 if self.dtype == torch.float32 else self.dtype


def fingerprint(prefixes: Sequence[Sequence[int]], shape: Shape, revision: str) -> str:
    """SHA-256 of all that kept keys and values depend on.

    The token ids of the prefixes stand for the edition, the prompt and the tokenizer; `revision` for the weights.
    """
    digest = hashlib.sha256(f"{LAYOUT} {revision} {shape}".encode())
    for ids in prefixes:
        digest.update(struct.pack(f"<{len(ids) + 1}q", len(ids), *ids))
    return digest.hexdigest()


class ArticleCache:
    """Raises EngineError when the file does not fit the fingerprint, is cut short or damaged."""

    def __init__(self, path: Path, lengths: Sequence[int], shape: Shape, fingerprint: str) -> None:
        """`lengths`: tokens of each prefix, in order."""
        self.path = path
        self.shape = shape
        self.bytes = path.stat().st_size if path.exists() else 0
        ends = list(accumulate(lengths))
        self.spans = [slice(end - length, end) for end, length in zip(ends, lengths, strict=True)]
        try:
            with safe_open(path, framework="pt") as file:
                if (file.metadata() or {}).get("fingerprint") != fingerprint:
                    raise EngineError(f"{path} was made for other articles or another model.")
                # Maps the file: its pages are read when they are first used, and shared between processes.
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
        except (OSError, SafetensorError) as error:
            raise EngineError(f"{path} cannot be read: {error}.") from error
        sums = tensors.pop("sums")

        def is_whole(layer: int) -> bool:
            return _checksum(tensors[name] for name in _names(layer, shape)) == int(sums[layer])

        checks = [partial(is_whole, layer) for layer in range(shape.layers)]
        if not all(run_side_by_side(checks, choose_threads())):
            raise EngineError(f"{path} is damaged.")
        self._tensors = tensors
        self._stream: torch.cuda.Stream | None = None
        self._copies: dict[int, tuple[dict[str, torch.Tensor], torch.cuda.Event]] = {}

    def move_to(self, device: torch.device) -> None:
        """Use the cache from a GPU: resident where it fits, otherwise copied layer by layer from pinned memory."""
        free, _ = torch.cuda.mem_get_info(device)
        if self.bytes < free * RESIDENT_PART:
            self._tensors = {name: tensor.to(device) for name, tensor in self._tensors.items()}
        else:
            self._tensors = {name: tensor.pin_memory() for name, tensor in self._tensors.items()}
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # of torch

    def layer(self, layer: int) -> tuple[Span, Span]:
        """From places on the token axis to keys and values in the model's dtype."""
        tensors = self._tensors if self._stream is None else self._copied(layer, self._stream)
        dtype = self.shape.dtype
        return _make_span(tensors, f"{layer}.keys", dtype), _make_span(tensors, f"{layer}.values", dtype)

    def _copied(self, layer: int, stream: torch.cuda.Stream) -> dict[str, torch.Tensor]:
        """A layer on the GPU, while the next one is being copied there."""
        here = self._copies.pop(layer, None) or self._copy(layer, stream)
        following = (layer + 1) % self.shape.layers
        self._copies = {following: self._copy(following, stream)}
        tensors, copied = here
        torch.cuda.current_stream().wait_event(copied)
        for tensor in tensors.values():
            tensor.record_stream(torch.cuda.current_stream())
        return tensors

    def _copy(
        self, layer: int, stream: torch.cuda.Stream
    ) -> tuple[dict[str, torch.Tensor], torch.cuda.Event]:
        with torch.cuda.stream(stream):
            names = _names(layer, self.shape)
            tensors = {name: self._tensors[name].to(stream.device, non_blocking=True) for name in names}
            return tensors, stream.record_event()


def _make_span(tensors: dict[str, torch.Tensor], name: str, dtype: torch.dtype) -> Span:
    kept = tensors[name]
    scales = tensors.get(f"{name}.scales")

    def span(place: slice) -> torch.Tensor:
        numbers = kept[:, place].to(dtype)  # (kv_heads, tokens, dim); no copy if it is that dtype already
        return numbers if scales is None else numbers.mul_(scales[:, place, None].to(dtype))

    return span


def open_cache(
    folder: Path,
    name: str,
    prefixes: Sequence[Sequence[int]],
    shape: Shape,
    *,
    revision: str,
    pass_tokens: int,
    compute: Callable[[Sequence[Sequence[int]], Keep], None],
    show_fraction: Callable[[float], None],
) -> ArticleCache:
    """The cache of these prefixes, NAME-FINGERPRINT.safetensors in `folder`; built first if it is not there.

    `compute` reads a few of the prefixes, at most `pass_tokens` tokens where they are not longer, and hands every
    layer to its second argument. Building goes on where an interrupted run stopped; two processes build one file.
    Raises EngineError when the disk does not hold it.
    """
    wanted = fingerprint(prefixes, shape, revision)
    lengths = [len(ids) for ids in prefixes]
    path = folder / f"{name}-{wanted[:12]}.safetensors"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            try:
                return ArticleCache(path, lengths, shape, wanted)
            except EngineError:
                _build(path, prefixes, shape, wanted, pass_tokens, compute, show_fraction)
                return ArticleCache(path, lengths, shape, wanted)
    except OSError as error:
        raise EngineError(
            f"The article cache {path} cannot be written ({error.strerror or error}); free some space, "
            "or choose --method packed, which keeps nothing."
        ) from error


def _build(
    path: Path,
    prefixes: Sequence[Sequence[int]],
    shape: Shape,
    wanted: str,
    pass_tokens: int,
    compute: Callable[[Sequence[Sequence[int]], Keep], None],
    show_fraction: Callable[[float], None],
) -> None:
    part, progress = Path(f"{path}.part"), Path(f"{path}.progress")
    total = sum(map(len, prefixes))
    done, sums = _read_progress(progress, wanted) if part.exists() else (0, [0] * shape.layers)
    if done == 0:
        _allocate(part, _header(total, shape, wanted))
    tensors = _map(part)
    start = sum(map(len, prefixes[:done]))
    while done < len(prefixes):
        show_fraction(start / total)
        batch = _take(prefixes[done:], pass_tokens)
        place = slice(start, start + sum(map(len, batch)))
        compute(batch, partial(_keep, tensors, place, shape, sums))
        done, start = done + len(batch), place.stop
        _write_progress(progress, wanted, done, sums)
    tensors["sums"].copy_(torch.tensor(sums))
    del tensors
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    part.replace(path)
    progress.unlink(missing_ok=True)
    show_fraction(1.0)


def _take(prefixes: Sequence[Sequence[int]], pass_tokens: int) -> list[Sequence[int]]:
    """As many of the first ones as stay within `pass_tokens`, at least one."""
    sizes = list(accumulate(map(len, prefixes)))
    return list(prefixes[: max(1, sum(size <= pass_tokens for size in sizes))])


def _keep(
    tensors: dict[str, torch.Tensor],
    place: slice,
    shape: Shape,
    sums: list[int],
    layer: int,
    keys: torch.Tensor,
    values: torch.Tensor,
) -> None:
    """Write a layer of some articles to their `place` on the token axis, and add to the layer's checksum."""
    _write(tensors, f"{layer}.keys", place, keys, shape)
    _write(tensors, f"{layer}.values", place, values, shape)
    written = [tensors[name][:, place] for name in _names(layer, shape)]
    sums[layer] = _wrap(sums[layer] + _checksum(written))


def _write(
    tensors: dict[str, torch.Tensor], name: str, place: slice, numbers: torch.Tensor, shape: Shape
) -> None:
    if shape.bits == 8:
        scales = (numbers.abs().amax(-1) / 127).clamp_min(1e-8).to(torch.float16)  # (kv_heads, tokens)
        tensors[f"{name}.scales"][:, place] = scales.cpu()
        numbers = (numbers / scales[..., None].to(numbers.dtype)).round().clamp(-127, 127)
    tensors[name][:, place] = numbers.to(shape.kept_dtype).cpu()
    if shape.bits == 16 and not tensors[name][:, place].isfinite().all():
        raise EngineError("This model's keys and values exceed 16 bits; choose --method packed.")


def _names(layer: int, shape: Shape) -> list[str]:
    names = [f"{layer}.keys", f"{layer}.values"]
    return names + [f"{name}.scales" for name in names] if shape.bits == 8 else names


def _checksum(tensors: Iterable[torch.Tensor]) -> int:
    """Sum of the content as 64-bit words, wrapping around: any one damaged word changes it."""
    total = 0
    for tensor in tensors:
        if tensor.dim() == 3:  # a row is a multiple of 8 bytes
            total += int(tensor.view(torch.int64).sum())
        else:
            total += int(tensor.view(torch.int16).sum())
    return _wrap(total)


def _wrap(total: int) -> int:
    return (total + 2**63) % 2**64 - 2**63


def _header(tokens: int, shape: Shape, wanted: str) -> tuple[bytes, int]:
    """The head of a safetensors file that holds `tokens` tokens, and the bytes that follow it."""
    types = {dtype: name for name, dtype in _TYPES.items()}
    entries: dict[str, Any] = {"__metadata__": {"fingerprint": wanted}}
    end = 0
    names = [name for layer in range(shape.layers) for name in _names(layer, shape)]
    rows, kept = [shape.kv_heads, tokens], shape.kept_dtype
    sized = [("sums", "I64", [shape.layers], 8)]
    sized += [
        (name, types[kept], [*rows, shape.head_dim], kept.itemsize) for name in names if "scales" not in name
    ]
    sized += [
        (name, "F16", rows, 2) for name in names if "scales" in name
    ]  # last: only they are not 8-byte words
    for name, dtype, dimensions, size in sized:
        start = end
        end += size * int(torch.Size(dimensions).numel())
        entries[name] = {"dtype": dtype, "shape": dimensions, "data_offsets": [start, end]}
    head = json.dumps(entries).encode()
    head += b" " * (-len(head) % 8)
    return struct.pack("<Q", len(head)) + head, end


def _allocate(part: Path, layout: tuple[bytes, int]) -> None:
    """Reserve the whole file: a disk that fills up later would kill the process that writes through the map."""
    head, size = layout
    if shutil.disk_usage(part.parent).free < len(head) + size:
        raise OSError(None, f"{(len(head) + size) / 1e9:.1f} GB are not free")
    with part.open("wb") as file:
        file.write(head)
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, len(head) + size)
        else:
            file.truncate(len(head) + size)


def _map(part: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file, shared with it: what is written to them is written to the file."""
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


def _read_progress(progress: Path, wanted: str) -> tuple[int, list[int]]:
    """How many articles an interrupted run has written, and the checksums of what it wrote."""
    try:
        state = json.loads(progress.read_text())
        if state["fingerprint"] == wanted:
            return int(state["done"]), [int(one) for one in state["sums"]]
    except (OSError, ValueError, LookupError, TypeError):
        pass
    return 0, []


def _write_progress(progress: Path, wanted: str, done: int, sums: list[int]) -> None:
    part = Path(f"{progress}.part")
    part.write_text(json.dumps({"fingerprint": wanted, "done": done, "sums": sums}))
    part.replace(progress)
