"""Model files at a local path: a folder of safetensors, or a GGUF file."""

import hashlib
import json
from pathlib import Path

from labourqa.errors import WeightsError


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


def _check_gguf(path: Path) -> None:
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise WeightsError(
                f"{path} is not a GGUF file; give one, or a folder with config.json and model.safetensors."
            )
