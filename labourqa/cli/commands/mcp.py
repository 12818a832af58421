"""`labourqa mcp`."""

import click

from labourqa.cli.options import ANSWER_OPTIONS, with_settings
from labourqa.config import Settings
from labourqa.pipeline import open_assistant


@click.command("mcp")
@with_settings(*ANSWER_OPTIONS)
def command(settings: Settings) -> None:
    """Serve a desktop client over the Model Context Protocol.

    The client starts this command and speaks with it over stdin and stdout. Over HTTP, it is at /mcp of
    `labourqa serve`.
    """
    from labourqa.server.mcp_server import create_mcp_server  # takes a second, which --help does without
    from labourqa.server.service import AnswerService

    with open_assistant(settings) as assistant:
        assistant.current_edition()  # an unusable database is reported here
    create_mcp_server(AnswerService(settings), loads_models=True).run("stdio")
