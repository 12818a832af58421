"""labourqa: answers from a labour code, read article by article by a language model, with every statement cited."""

__version__ = "0.1.0"
