"""`labourqa diff`."""

import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import click

from labourqa.cli.options import CODE, json_option, with_settings
from labourqa.cli.output import print_json, print_message, print_result
from labourqa.config import Settings
from labourqa.law.comparison import (
    CHANGE_KINDS,
    ArticleChange,
    WordChange,
    shorten_unchanged,
)
from labourqa.law.references import show_number
from labourqa.pipeline import open_assistant
from labourqa.text import printable

_REMOVED = {"fg": "red", "strikethrough": True}  # not told apart by the colour alone
_ADDED = {"fg": "green", "underline": True}


@click.command("diff")
@click.argument("old")
@click.argument("new")
@with_settings(CODE)
@click.option("--summary", is_flag=True, help="List the articles without their words.")
@json_option
def command(settings: Settings, *, old: str, new: str, summary: bool, as_json: bool) -> None:
    """Compare two editions of a code.

    OLD and NEW are each NAME or NAME@DATE, as `labourqa codes` lists them, or a date of the current code. Prints the
    articles that were added, removed, renumbered and changed: removed words as [-word-], added words as {+word+}, both
    in colour on a terminal; "…" stands for unchanged words.
    """
    with open_assistant(settings) as assistant:
        comparison = assistant.compare(old, new)
    if as_json:
        print_json(comparison.to_json())
        return
    changes, counts = comparison.changes, Counter(change.kind for change in comparison.changes)
    print_result(f"old: {comparison.old}\nnew: {comparison.new}")
    counted = ", ".join(f"{counts[kind]} {kind}" for kind in CHANGE_KINDS)
    print_result(f"{counted}, {comparison.unchanged} unchanged")
    if comparison.is_another_text:
        print_message("Almost every article differs: these may be different translations or different codes.")
    if summary:
        _print_summary(changes)
    else:
        _print_changes(changes, coloured=sys.stdout.isatty() and not os.environ.get("NO_COLOR"))


def _print_summary(changes: Sequence[ArticleChange]) -> None:
    for kind in CHANGE_KINDS:
        of_kind = [change for change in changes if change.kind == kind]
        if of_kind:
            print_result(f"\n{kind.capitalize()}")
        for change in of_kind:
            print_result(f"  {_name(change)}  {change.article.title}".rstrip())


def _print_changes(changes: Sequence[ArticleChange], *, coloured: bool) -> None:
    for change in changes:
        heading = printable(f"{_name(change)}: {change.kind}")
        if change.kind == "renumbered" and change.words:
            heading += " and changed"
        click.echo("\n" + (click.style(heading, bold=True) if coloured else heading))
        title = printable(change.article.title)  # alone where no words changed
        text = "".join(format_words(change.words, coloured=coloured)).strip() or title
        for line in text.splitlines():
            click.echo(f"    {line}".rstrip())


def _name(change: ArticleChange) -> str:
    name = f"Art. {show_number(change.number)}"
    if change.kind == "renumbered":
        assert change.old is not None
        return f"{name} (was Art. {show_number(change.old.number)})"
    return name


def format_words(words: Sequence[WordChange], *, coloured: bool) -> Iterator[str]:
    """The runs of words as they are printed, without control characters of the law's own."""
    for i, run in enumerate(words):
        if run.is_unchanged:
            yield shorten_unchanged(printable(run.new), is_first=i == 0, is_last=i == len(words) - 1)
            continue
        old_space, old = _split_space(printable(run.old))
        new_space, new = _split_space(printable(run.new))
        if old:
            yield old_space + _mark(old, "[-{}-]", _REMOVED if coloured else None)
        if old and new and "\n" not in new_space.removeprefix(old_space):  # on the same line
            new_space = " " if coloured else ""
        if new:
            yield new_space + _mark(new, "{{+{}+}}", _ADDED if coloured else None)


def _split_space(words: str) -> tuple[str, str]:
    """The space before the words, which is not marked, and the words."""
    text = words.lstrip()
    return words[: len(words) - len(text)], text


def _mark(text: str, marks: str, style: dict[str, Any] | None) -> str:
    """The text in its style, or between marks if it has none."""
    if style is None:
        return marks.format(text)
    # Line by line, so that the indentation of the next line is not coloured.
    return "\n".join(click.style(line, **style) for line in text.split("\n"))
