"""Loads language models and tokenizers with transformers, in a precision that suits the machine."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
from transformers.utils import logging as transformers_logging

from labourqa.errors import WeightsError
from labourqa.models.weights import Weights

QUANTIZED = ("int8", "int4")
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_SAFETENSORS_DTYPES = {"BF16": torch.bfloat16, "F16": torch.float16}  # by their names in safetensors files


def silence_transformers() -> None:
    """Turn off the progress bars and warnings of transformers, which would mix with our own messages."""
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()


def choose_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def choose_dtype(precision: str, device: torch.device) -> torch.dtype:
    """The dtype that a model computes in, for one of config.PRECISIONS.

    By default bfloat16 if the machine computes in it; a CPU that only emulates it is 6 times slower than in float32.
    """
    if precision in _DTYPES:
        return _DTYPES[precision]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    capabilities = torch.cpu.get_capabilities()
    if any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16")):
        return torch.bfloat16
    return torch.float32


def stored_dtype(weights: Weights) -> torch.dtype | None:
    """bfloat16 or float16 if all tensors in the model's safetensors files have this dtype, otherwise None."""
    if weights.gguf_file:
        return None
    names = set()
    with _quiet_loading(weights):
        for path in weights.folder.glob("*.safetensors"):
            with safe_open(path, framework="pt") as file:
                names |= {file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118  # not a dict
    return _SAFETENSORS_DTYPES.get(names.pop()) if len(names) == 1 else None


def load_tokenizer(weights: Weights) -> Any:
    """The model's tokenizer, which encodes special tokens in a text, such as "<|im_end|>", as plain text.

    Laws, questions and replies are untrusted input: they must not end a turn. Raises WeightsError.
    """
    with _quiet_loading(weights):
        return AutoTokenizer.from_pretrained(
            weights.folder, trust_remote_code=False, split_special_tokens=True, **_gguf_options(weights)
        )


def load_model(weights: Weights, device: torch.device, dtype: torch.dtype, precision: str) -> Any:
    """The causal language model on `device`, in `dtype` or quantized to an int8 or int4 `precision`.

    Raises WeightsError.
    """
    options = _gguf_options(weights)
    if precision in QUANTIZED:
        logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it warns about rounding in every product
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_8bit=precision == "int8",
            load_in_4bit=precision == "int4",
            bnb_4bit_quant_type="nf4",
            bnb_4bit_compute_dtype=dtype,
        )
    with _quiet_loading(weights):
        model = AutoModelForCausalLM.from_pretrained(
            weights.folder,
            dtype=dtype,
            device_map={"": device},
            trust_remote_code=False,
            use_safetensors=True,
            **options,
        )
    architectures = model.config.architectures or ["unknown"]
    if not any(name.endswith("ForCausalLM") for name in architectures):
        raise WeightsError(f"{weights.name} is not a causal language model; choose another with --model.")
    return model.eval()


def _gguf_options(weights: Weights) -> dict[str, Any]:
    return {"gguf_file": weights.gguf_file} if weights.gguf_file else {}


@contextmanager
def _quiet_loading(weights: Weights) -> Iterator[None]:
    """Turn off messages of transformers, and raise its errors as a WeightsError of one sentence."""
    silence_transformers()
    try:
        yield
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
        raise WeightsError(
            f"{weights.name} cannot be loaded as a causal language model ({error}); "
            "choose another with --model."
        ) from error
