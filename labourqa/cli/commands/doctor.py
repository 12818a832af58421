"""`labourqa doctor`."""

import click

from labourqa.cli.options import MODEL_OPTIONS, with_settings
from labourqa.cli.output import print_result
from labourqa.config import Settings
from labourqa.doctor import describe_installation
from labourqa.store import Store


@click.command("doctor")
@with_settings(*MODEL_OPTIONS)
def command(settings: Settings) -> None:
    """Show what is installed, and where."""
    with Store(settings.database) as store:
        for key, value in describe_installation(settings, store).items():
            print_result(f"{key:<13} {value}")
