"""Model files at a local path: a folder of safetensors, or a GGUF file."""

import hashlib
import json
import re
import time
from contextlib import suppress
from pathlib import Path

from labourqa.errors import WeightsError
from labourqa.files import write_atomically

_SHA256 = re.compile("[0-9a-f]{64}")
_CHECK_SECONDS = 7 * 24 * 3600  # after which a file is hashed again


def resolve_model_path(path: Path) -> Path:
    """The folder or GGUF file to load the model at `path` from; a folder may hold one GGUF file instead of safetensors.

    Raises WeightsError for a path that cannot be loaded, and OSError.
    """
    if not path.is_dir():
        _check_gguf(path)
        return path
    missing = missing_files(path)
    if not missing:
        return path
    ggufs = list(path.glob("*.gguf"))
    if len(ggufs) == 1:
        _check_gguf(ggufs[0])
        return ggufs[0]
    if ggufs:
        raise WeightsError(f"{path} contains {len(ggufs)} GGUF files; give the path of one of them.")
    if not any(path.glob("*.safetensors")) and any(
        file.suffix in {".bin", ".pt", ".pth"} for file in path.iterdir()
    ):
        raise WeightsError(
            f"{path} contains weights as pickle, which labourqa does not load because pickle can run code; "
            "convert them to safetensors."
        )
    raise WeightsError(f"The model folder {path} is incomplete: it lacks {', '.join(missing)}.")


def missing_files(folder: Path) -> list[str]:
    """Names of the files that a folder lacks before its safetensors can be loaded."""
    needed = ["config.json", "model.safetensors"]
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        try:
            shards = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
        except (ValueError, KeyError, TypeError, AttributeError):  # not JSON, or JSON of another form
            return [f"a readable {index.name}"]
        needed[1:] = sorted({str(shard) for shard in shards})
    missing = [name for name in needed if not (folder / name).is_file()]
    return missing if any(folder.glob("tokenizer*")) else [*missing, "tokenizer.json"]


def folder_fingerprint(folder: Path) -> str:
    """SHA-256 over config.json and the names, sizes and modification times of the safetensors files."""
    digest = hashlib.sha256((folder / "config.json").read_bytes())
    for path in sorted(folder.glob("*.safetensors")):
        digest.update(f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}\n".encode())
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find_changed_weights(folder: Path, record: Path) -> Path | None:
    """The first safetensors file whose content is not what was downloaded or, without a download, loaded before.

    The hub's cache names a file by its SHA-256. A file of the same size and time is hashed once a week only; `record`
    keeps what was found. A file whose size or time has changed, and which is not of the hub, is another file.
    """
    try:
        known = dict(json.loads(record.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        known = {}
    before = json.dumps(known)
    for path in sorted(folder.glob("*.safetensors")):
        file = path.resolve()
        state = [file.stat().st_size, file.stat().st_mtime_ns]
        entry = known.get(str(file), {})
        is_same = entry.get("state") == state
        if is_same and time.time() - entry.get("checked", 0) < _CHECK_SECONDS:
            continue
        found = file_sha256(file)
        expected = file.name if _SHA256.fullmatch(file.name) else entry.get("sha256") if is_same else None
        if expected not in (None, found):
            return path
        known[str(file)] = {"state": state, "sha256": found, "checked": time.time()}
    if json.dumps(known) != before:
        with suppress(OSError):  # a folder that may only be read: they are hashed each time
            write_atomically(record, json.dumps(known, indent=2) + "\n")
    return None


def _check_gguf(path: Path) -> None:
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise WeightsError(
                f"{path} is not a GGUF file; give one, or a folder with config.json and model.safetensors."
            )
