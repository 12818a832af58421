"""Options that several commands share."""

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Any

import click

from labourqa.config import ANSWER_KINDS, CACHE_BITS, PRECISIONS, Settings, load_settings
from labourqa.methods import QUESTION_METHODS

Function = Callable[..., None]
Decorator = Callable[[Function], Function]

CODE: Decorator = click.option(
    "--code",
    metavar="NAME[@DATE]",
    help="Which code to use: its name or a part of it, and the date of an edition (default: the current one).",
)
MODEL_OPTIONS: tuple[Decorator, ...] = (
    click.option(
        "--model",
        metavar="MODEL",
        help="smollm2-135m (embedded), a hub id such as meta-llama/Llama-3.2-3B-Instruct, a local folder, "
        "a GGUF file, or the URL of a server.",
    ),
    click.option(
        "--precision",
        type=click.Choice(PRECISIONS),
        help="Numeric precision of the model (default: auto).",
    ),
    click.option(
        "--method", type=click.Choice(QUESTION_METHODS), help="How the articles are read (default: auto)."
    ),
    click.option(
        "--cache-bits",
        type=click.Choice(CACHE_BITS),
        help="Bits of each number in the prefix cache (default: 16).",
    ),
    click.option(
        "--cache-size",
        metavar="GB",
        help="Gigabytes that all prefix caches may take on disk (default: half of the free disk).",
    ),
)
BATCH_TOKENS: Decorator = click.option(
    "--batch-tokens", metavar="N", help="Tokens of one batch, padding included (default: 10000)."
)
ANSWER_OPTIONS: tuple[Decorator, ...] = (
    CODE,
    *MODEL_OPTIONS,
    click.option(
        "--answer",
        type=click.Choice(ANSWER_KINDS),
        help="Quote the code, or let the model write (default: auto).",
    ),
    click.option("--threshold", metavar="SCORE", help="Lowest score of a selected article."),
    click.option("--top", metavar="N", help="Select at most N articles."),
    click.option(
        "--shortlist",
        metavar="N",
        help="Articles that the model reads with --method shortlist (default: 12).",
    ),
    BATCH_TOKENS,
    click.option(
        "--read-seconds",
        metavar="SECONDS",
        help="Time to search and read a code that is too large to be read whole (default: 6).",
    ),
    click.option("--answer-tokens", metavar="N", help="Longest written answer, in tokens (default: 400)."),
)

json_option: Decorator = click.option(
    "--json", "as_json", is_flag=True, help="Print the result as one JSON document."
)

_SETTING_NAMES = {field.name for field in fields(Settings)}


def with_settings(*options: Decorator) -> Decorator:
    """Call a command with `settings`: those from the configuration, overridden by the flags of these `options`."""

    def decorate(command: Function) -> Function:
        @wraps(command)
        def run(**arguments: Any) -> None:
            flags = {name: arguments.pop(name) for name in _SETTING_NAMES & arguments.keys()}
            command(load_settings(flags), **arguments)

        decorated: Function = run
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate
