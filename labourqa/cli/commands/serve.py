"""`labourqa serve`."""

import os

import click

from labourqa.cli.options import ANSWER_OPTIONS, with_settings
from labourqa.cli.output import print_message
from labourqa.config import Settings
from labourqa.pipeline import open_assistant


@click.command("serve")
@with_settings(*ANSWER_OPTIONS)
@click.option(
    "--host",
    default="127.0.0.1",
    metavar="ADDRESS",
    help="Address to listen on (default: 127.0.0.1, this machine alone). Any other needs LABOURQA_SERVE_KEY.",
)
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8600, metavar="N", help="Port (default: 8600)."
)
@click.option(
    "--allow-origin",
    "origins",
    multiple=True,
    metavar="ORIGIN",
    help="A site, such as https://example.org, whose pages may use the server (default: none).",
)
@click.option("--log-questions", is_flag=True, help="Write questions into the log, too.")
def command(
    settings: Settings, *, host: str, port: int, origins: tuple[str, ...], log_questions: bool
) -> None:
    """Serve the page and the HTTP interfaces.

    The page is at /, the documentation of the interfaces at /docs. The log goes to stderr, one JSON document a line.
    """
    from labourqa.server.application import run_server  # takes a second, which --help does without

    with open_assistant(settings) as assistant:
        assistant.current_edition()  # an unusable database is reported here
    # The page loads the settings itself: the flags reach it through the environment.
    for name in ("code", "model", "precision", "method", "cache_bits"):
        os.environ[f"LABOURQA_{name.upper()}"] = str(getattr(settings, name))
    os.environ |= {"STREAMLIT_SERVER_PORT": str(port), "STREAMLIT_SERVER_HEADLESS": "true"}
    print_message(f"http://{host}:{port}")
    run_server(settings, host=host, port=port, origins=origins, log_questions=log_questions)
