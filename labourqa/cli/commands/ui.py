"""`labourqa ui`."""

import os
import signal

import click

from labourqa.cli.options import CODE, MODEL_OPTIONS, with_settings
from labourqa.config import PAGE, Settings
from labourqa.pipeline import open_assistant


@click.command("ui")
@with_settings(CODE, *MODEL_OPTIONS)
@click.option("--port", type=click.IntRange(1, 65_535), metavar="N", help="Port of the page (default: 8501).")
def command(settings: Settings, *, port: int | None) -> None:
    """Open the page in a browser."""
    from streamlit.web.cli import main as streamlit  # takes seconds, which --help does without

    with open_assistant(settings) as assistant:
        assistant.current_edition()  # an unusable database is reported here
    # The page loads the settings itself: the flags reach it through the environment.
    for name in ("code", "model", "precision", "method", "cache_bits", "cache_size"):
        if (value := getattr(settings, name)) is not None:
            os.environ[f"LABOURQA_{name.upper()}"] = str(value)
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # a visitor who disconnects must not end the server
    options = [f"--server.port={port}"] if port else []
    streamlit(["run", str(PAGE), *options], standalone_mode=False)
