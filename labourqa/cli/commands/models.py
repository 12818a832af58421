"""`labourqa models`."""

import click

from labourqa.cli.options import with_settings
from labourqa.cli.output import print_result
from labourqa.cli.progress import TerminalProgress
from labourqa.config import Settings
from labourqa.models.weights import EMBEDDED, fetch_weights, find_weights, verify_weights


@click.command("models")
@click.argument("action", required=False, type=click.Choice(("list", "fetch", "verify")), default="list")
@click.argument("name", required=False)
@with_settings()
def command(settings: Settings, *, action: str, name: str | None) -> None:
    """List, fetch or verify model files.

    NAME is a model as in --model; without it, these are the embedded models. "verify" compares their files with the
    checksums recorded when they were fetched.
    """
    with TerminalProgress() as progress:
        for model in [name] if name else EMBEDDED:
            if action == "fetch":
                weights = fetch_weights(model, settings.models, show_progress=progress.show_done)
                print_result(f"{model}: {weights.folder}")
                continue
            found = find_weights(model, settings.models)
            if found is None:
                print_result(f"{model}: not on this machine; `labourqa models fetch {model}` fetches it")
            elif action == "verify":
                verify_weights(found)
                print_result(f"{model}: the checksums are correct")
            else:
                print_result(f"{model}: {found.folder} ({found.revision})")
