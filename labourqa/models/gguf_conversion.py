"""Converts a GGUF model to safetensors."""

import io
from contextlib import redirect_stderr
from pathlib import Path

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer


def convert_gguf(gguf: Path, folder: Path) -> None:
    """Write the GGUF model and its tokenizer to `folder`, the weights in bfloat16. Raises OSError.

    For SmolLM2 this takes about 20 seconds; afterwards its 270 MB load in one second.
    """
    with redirect_stderr(
        io.StringIO()
    ):  # hides progress bars that transformers' own switch does not turn off
        model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name).to(torch.bfloat16)
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        del model.config.quantization_config  # the weights are no longer quantized
        model.hf_quantizer = None
        try:
            model.save_pretrained(folder)
        except SafetensorError as error:  # raised by safetensors when it cannot write the file
            raise OSError(str(error)) from error
        tokenizer.save_pretrained(folder)
