"""labourqa: answers from a labour code, which a language model reads article by article, with every statement cited."""

__version__ = "0.2.0"
