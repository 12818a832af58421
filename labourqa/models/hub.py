"""Models from the Hugging Face hub, downloaded into the hub's usual local cache."""

import re
from pathlib import Path
from types import ModuleType

from labourqa.errors import WeightsError
from labourqa.models.catalogue import SMOLLM2
from labourqa.models.local_files import missing_files
from labourqa.progress import Progress

_HUB_ID = re.compile(  # owner/name or owner/name@revision
    r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@(?!.*\.\.)[A-Za-z0-9][\w./-]*)?"
)
_WANTED_FILES = ["*.safetensors", "*.json", "*.jinja", "*.txt", "tokenizer.model"]  # no pickle, no code
_UNWANTED_FILES = ["*/*", "consolidated*"]  # the same weights again, for other programs
_REQUEST_TIMEOUT_SECONDS = 10.0  # a hub that does not answer the first request in this time is unreachable


def is_hub_id(name: str) -> bool:
    """Whether `name` has the form owner/name or owner/name@revision and is not the path of a GGUF file."""
    return _HUB_ID.fullmatch(name) is not None and not name.endswith(".gguf")


def find_snapshot(name: str) -> Path | None:
    """The model's folder in the hub's local cache, named by its commit; None unless all its files are there.

    Raises WeightsError for a name that the hub does not allow.
    """
    errors = _open_hub().errors
    try:
        folder = _download_snapshot(name, local_files_only=True)
    except errors.LocalEntryNotFoundError:
        return None
    except errors.HFValidationError as error:
        raise WeightsError(f"{name!r} is not a valid hub id: {error}") from error
    return None if missing_files(folder) else folder


def fetch_snapshot(name: str, progress: Progress) -> Path:
    """Download the model, and return its folder in the hub's cache. Raises WeightsError.

    `progress` shows what is being done; how far the download is, only the hub's own bars show, on a terminal.
    """
    progress.show_done(f"asking the hub for {name}", 0.0)
    check_access(name)
    progress.show_done(f"downloading {name} from the hub", 0.0)
    try:
        folder = _download_snapshot(name, local_files_only=False)
    except (_open_hub().errors.HTTPError, OSError, RuntimeError) as error:  # RuntimeError: from hf_xet
        raise WeightsError(_explain_hub_error(name, error)) from error
    if missing := missing_files(folder):
        raise WeightsError(
            f"{name} on the hub lacks {', '.join(missing)}; labourqa loads safetensors, not pickle."
        )
    progress.show_done(f"{name} is ready", 1.0)
    return folder


def check_access(name: str) -> None:
    """Ask the hub for the metadata of the model's config.json. Raises WeightsError when the hub refuses it."""
    hub = _open_hub()
    repository, revision = _split_id(name)
    url = hub.hf_hub_url(repository, "config.json", revision=revision)
    try:
        hub.get_hf_file_metadata(url, timeout=_REQUEST_TIMEOUT_SECONDS)
    except (hub.errors.HTTPError, OSError) as error:
        raise WeightsError(_explain_hub_error(name, error)) from error


def _open_hub() -> ModuleType:
    import huggingface_hub.constants
    import huggingface_hub.errors

    huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True
    return huggingface_hub


def _split_id(name: str) -> tuple[str, str | None]:
    """The repository, and the revision if the id has one."""
    repository, _, revision = name.partition("@")
    return repository, revision or None


def _download_snapshot(name: str, *, local_files_only: bool) -> Path:
    repository, revision = _split_id(name)
    folder = _open_hub().snapshot_download(
        repository,
        revision=revision,
        local_files_only=local_files_only,
        allow_patterns=_WANTED_FILES,
        ignore_patterns=_UNWANTED_FILES,
    )
    return Path(folder)


def _explain_hub_error(name: str, error: Exception) -> str:
    errors = _open_hub().errors
    repository, revision = _split_id(name)
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{repository} has no revision {revision or 'main'} on the hub."
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return f"{name} on the hub has no config.json, so labourqa cannot load it."
    if isinstance(error, errors.RepositoryNotFoundError) and not isinstance(error, errors.GatedRepoError):
        return (
            f"There is no folder {name}, and the hub shows no model with that name; check the spelling, "
            "or run `hf auth login` if the model is private."
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
