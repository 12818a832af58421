"""Untrusted text (laws, questions, replies) made safe to show."""

import re


def printable(text: str) -> str:
    """`text` without control characters, which a terminal would obey and XML cannot hold."""
    return "".join(character for character in text if character.isprintable() or character in "\n\t")


def plain_line(text: str) -> str:
    """`text` on one line, without control characters."""
    return " ".join(printable(re.sub(r"\s", " ", text)).split())


def is_unicode(text: str) -> bool:
    """Whether `text` can be written as UTF-8: bytes that were no UTF-8 reach a program as lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def escape_markdown(text: str) -> str:
    """`text` as Markdown that shows it unchanged: no formatting, links, pictures or HTML."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)
