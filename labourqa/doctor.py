"""What is installed on this machine, what it supports, and where the data is."""

import importlib.metadata
import os
import platform

from labourqa import __version__
from labourqa.config import Settings
from labourqa.engine.base import is_server_url
from labourqa.engine.cache_space import CacheSpace
from labourqa.engine.startup import choose_model_name
from labourqa.errors import NoEditionError
from labourqa.models.quality import describe_search
from labourqa.models.relevance import TrainedRelevance
from labourqa.models.weights import find_weights
from labourqa.store import Store

LIBRARIES = ("torch", "transformers", "bitsandbytes", "sqlite-utils", "pypdfium2", "streamlit")


def describe_installation(settings: Settings, store: Store) -> dict[str, str]:
    """Descriptions by subject, in the order in which they are shown. Raises StoreError or WeightsError."""
    libraries = [f"{name} {version}" for name in LIBRARIES if (version := _version(name))]
    prefix_caches = list(settings.prefix_caches.rglob("*.safetensors"))
    prefix_cache_bytes = sum(file.stat().st_size for file in prefix_caches)
    allowed_bytes = CacheSpace(settings.prefix_caches, settings.cache_bytes).allowed_bytes()
    return {
        "labourqa": f"{__version__}, Python {platform.python_version()}, {platform.platform()}",
        "libraries": ", ".join(libraries),
        "device": _describe_device(),
        "precision": _describe_precision(),
        "int8, int4": "through bitsandbytes"
        if _version("bitsandbytes")
        else "bitsandbytes is not installed; it exists for Linux and Windows",
        "model": _describe_model(settings),
        "data": str(settings.home),
        "prefix cache": f"{prefix_cache_bytes / 1e9:.1f} GB in {len(prefix_caches)} files, "
        f"at most {allowed_bytes / 1e9:.1f} GB (--cache-size)",
        "search": _describe_search(settings, store),
        "editions": "; ".join(map(str, store.editions.all())) or "none yet, run `labourqa ingest`",
    }


def _describe_search(settings: Settings, store: Store) -> str:
    """How the search in the chosen code was trained, and what was measured."""
    try:
        edition = store.editions.find(settings.code) if settings.code else store.editions.current()
    except NoEditionError as error:
        return str(error)
    articles = [article for article in store.editions.articles(edition) if not article.repealed]
    return f"{edition.code}: {describe_search(TrainedRelevance(), articles).description}"


def _describe_device() -> str:
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    capability = torch.backends.cpu.get_cpu_capability()
    return f"cpu, {os.cpu_count()} cores, {capability}; no CUDA device was found"


def _describe_precision() -> str:
    """The precision that --precision auto means here."""
    from labourqa.models.loading import choose_device, choose_dtype

    precision = str(choose_dtype("auto", choose_device())).removeprefix("torch.")
    if precision == "float32":
        return "float32; this processor does not compute in bfloat16, so 16-bit precisions are slower here"
    return precision


def _describe_model(settings: Settings) -> str:
    name, reason = choose_model_name(settings)
    if is_server_url(name):
        location = "on a server"
    else:
        location = "on this machine" if find_weights(name, settings.models) else "not fetched yet"
    return f"{name} ({reason}), {location}"


def _version(library: str) -> str:
    """ "" if the library is not installed."""
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return ""
