"""What is installed on this machine, what it can do and what not, and where the data lies."""

import importlib.metadata
import os
import platform

from labourqa import __version__
from labourqa.config import Settings
from labourqa.engine.remote import is_server
from labourqa.models.weights import find_weights
from labourqa.pipeline import name_model
from labourqa.store.database import Store

LIBRARIES = ("torch", "transformers", "bitsandbytes", "sqlite-utils", "pypdfium2", "streamlit")


def describe_installation(settings: Settings, store: Store) -> dict[str, str]:
    """Line by line: what it is about, and what is so here."""
    import torch

    from labourqa.models.loading import choose_device, choose_dtype

    device = choose_device()
    native = str(choose_dtype("auto", device)).removeprefix("torch.")
    name, reason = name_model(settings)
    if is_server(name):
        here = "served there"
    else:
        here = "on this machine" if find_weights(name, settings.models) else "not fetched yet"
    kept = list(settings.article_cache.glob("*.safetensors"))
    return {
        "labourqa": f"{__version__}, Python {platform.python_version()}, {platform.platform()}",
        "libraries": ", ".join(filter(None, map(_version, LIBRARIES))),
        "device": torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"cpu, {os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}; no CUDA device was found",
        "precision": native
        if native != "float32"
        else "float32; this processor does not compute in bfloat16, so that the 16-bit ones are slower here",
        "int8, int4": "through bitsandbytes"
        if _version("bitsandbytes")
        else "bitsandbytes is not installed; it is to be had for Linux and Windows",
        "model": f"{name} ({reason}), {here}",
        "data": str(settings.home),
        "article cache": f"{sum(file.stat().st_size for file in kept) / 1e9:.1f} GB in {len(kept)} files",
        "editions": "; ".join(map(str, store.editions())) or "none yet, run `labourqa ingest`",
    }


def _version(library: str) -> str:
    try:
        return f"{library} {importlib.metadata.version(library)}"
    except importlib.metadata.PackageNotFoundError:
        return ""
