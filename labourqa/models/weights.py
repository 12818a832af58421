"""Finds, fetches and checks a model's files: by the name of an embedded model, a hub id or a local path.

Only data is fetched, never code, and weights stored as pickle are refused.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from labourqa.errors import WeightsError
from labourqa.models.catalogue import EMBEDDED, LLAMA, SMOLLM2
from labourqa.models.hub import check_access, fetch_snapshot, find_snapshot, is_hub_id
from labourqa.models.local_files import (
    file_sha256,
    find_changed_weights,
    folder_fingerprint,
    resolve_model_path,
)
from labourqa.models.package_index import (
    fetch_embedded,
    find_changed_file,
    find_damaged_file,
    find_embedded,
)
from labourqa.progress import Progress, SilentProgress


@dataclass(frozen=True)
class Weights:
    """A model's files on disk, ready to load."""

    name: str  # as the user gave it; for a path, its last part
    folder: Path
    gguf_file: str  # "" unless the folder's weights are one GGUF file
    revision: str
    """Identifies the weights: "sha256:..." of the published file for an embedded model or a GGUF file, the commit for
    a hub model, and "files:..." (see folder_fingerprint) for a local folder."""


def find_weights(name: str, cache_folder: Path) -> Weights | None:
    """The model's files on this machine, found without network or conversion; None if they must be fetched.

    `cache_folder` holds the embedded models. Raises WeightsError for a name that is not a model's, and for a path
    whose files cannot be used.
    """
    if name in EMBEDDED:
        folder = find_embedded(EMBEDDED[name], cache_folder)
        return _embedded_weights(name, folder) if folder else None
    if path := _find_path(name):
        return _local_weights(path)
    if is_hub_id(name):
        folder = find_snapshot(name)
        return _hub_weights(name, folder) if folder else None
    raise WeightsError(
        f"{name!r} is not a model: give {SMOLLM2}, a hub id such as {LLAMA}, "
        "a folder with config.json and model.safetensors, or a GGUF file."
    )


def fetch_weights(
    name: str,
    cache_folder: Path,
    *,
    progress: Progress = SilentProgress(),  # noqa: B008  # it has no state
) -> Weights:
    """The model's files; they are first downloaded, and converted if necessary, when they are not on this machine.

    Raises WeightsError when that fails; an incomplete model is never found later.
    """
    if weights := find_weights(name, cache_folder):
        return weights
    try:
        if name in EMBEDDED:
            return _embedded_weights(name, fetch_embedded(EMBEDDED[name], cache_folder, progress))
        return _hub_weights(name, fetch_snapshot(name, progress))
    except OSError as error:
        raise WeightsError(f"The files of {name} cannot be written to {cache_folder}: {error}.") from error


def start_check(
    weights: Weights,
    cache_folder: Path,
    *,
    progress: Progress = SilentProgress(),  # noqa: B008  # it has no state
) -> Callable[[], None]:
    """Start to compare a model's files with what was fetched or loaded before, in the background.

    The returned function waits for the result, and fetches damaged files of an embedded model again. It raises
    WeightsError if it cannot, and for another model's damaged files.
    """
    is_embedded = weights.name in EMBEDDED and weights.folder == cache_folder / weights.name
    pool = ThreadPoolExecutor(1)
    if is_embedded:
        check = pool.submit(find_changed_file, weights.folder)
    else:
        check = pool.submit(find_changed_weights, weights.folder, cache_folder / "checked.json")
    pool.shutdown(wait=False)

    def finish() -> None:
        try:
            damaged = check.result()
            if damaged is not None and is_embedded:
                what = f"{damaged} is damaged, fetching {weights.name} again"
                progress.show_done(what, 0.0)
                fetch_embedded(EMBEDDED[weights.name], cache_folder, progress)
                progress.show_done(what, 1.0)
        except (OSError, WeightsError) as error:
            advice = " and cannot be fetched again" if is_embedded else " or cannot be read"
            raise WeightsError(
                f"The files of {weights.name} in {weights.folder} are damaged{advice}: {error}"
            ) from error
        if damaged is not None and not is_embedded:
            raise WeightsError(_explain_damage(weights, damaged))

    return finish


def _explain_damage(weights: Weights, damaged: Path) -> str:
    if is_hub_id(weights.name):
        return f"{damaged} is damaged; delete {damaged.resolve()} and run `labourqa models fetch {weights.name}` again."
    return f"{damaged} is damaged: its content has changed, but not its time; copy it again."


def verify_weights(weights: Weights) -> None:
    """Check the SHA-256 of an embedded model's files; other models have no recorded checksums.

    Raises WeightsError for a file that has changed since it was fetched.
    """
    if damaged := find_damaged_file(weights.folder):
        raise WeightsError(
            f"{damaged} is damaged; delete the folder {weights.folder} and run "
            f"`labourqa models fetch {weights.name}` again."
        )


def choose_model(cache_folder: Path, *, has_cuda: bool) -> tuple[str, str]:
    """The name of the best model available on this machine, and the reason in one line."""
    if find_weights(LLAMA, cache_folder):
        return LLAMA, "it is in the local hub cache"
    if not has_cuda:
        return SMOLLM2, f"embedded default: {LLAMA} is not in the local cache and there is no CUDA device"
    try:
        check_access(LLAMA)
    except WeightsError as error:
        return SMOLLM2, f"embedded default: {error}"
    return LLAMA, "there is a CUDA device, and the hub gives access to it"


def _embedded_weights(name: str, folder: Path) -> Weights:
    return Weights(name, folder, "", EMBEDDED[name].revision)


def _hub_weights(name: str, snapshot: Path) -> Weights:
    return Weights(name, snapshot, "", snapshot.name)


def _find_path(name: str) -> Path | None:
    """The file or folder of that name; None if there is none, or if it cannot be a path."""
    try:
        path = Path(name).expanduser()
        return path if name and path.exists() else None
    except (OSError, ValueError, RuntimeError):  # too long, a null character, or an unknown user's home
        return None


def _local_weights(path: Path) -> Weights:
    try:
        model = resolve_model_path(path.absolute())
        if model.is_dir():
            return Weights(model.name, model, "", f"files:{folder_fingerprint(model)}")
        return Weights(model.name, model.parent, model.name, f"sha256:{file_sha256(model)}")
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}.") from error
