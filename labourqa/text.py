"""Untrusted text (laws, questions, replies) made safe to show."""

import re


def printable(text: str) -> str:
    """`text` without control characters, which a terminal would obey and XML cannot hold."""
    return "".join(character for character in text if character.isprintable() or character in "\n\t")


def escape_markdown(text: str) -> str:
    """`text` as Markdown that shows it unchanged: no formatting, links, pictures or HTML."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)
