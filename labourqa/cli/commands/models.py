"""`labourqa models`."""

import click

from labourqa.cli.options import with_settings
from labourqa.cli.output import print_result
from labourqa.cli.progress import TerminalProgress
from labourqa.config import Settings
from labourqa.models.catalogue import EMBEDDED
from labourqa.models.weights import fetch_weights, find_weights, start_check, verify_weights


@click.command("models")
@click.argument("action", required=False, type=click.Choice(("list", "fetch", "verify")), default="list")
@click.argument("name", required=False)
@with_settings()
def command(settings: Settings, *, action: str, name: str | None) -> None:
    """List, fetch or verify model files.

    NAME is a model as in --model of `labourqa ask`; without it, these are the embedded models. "verify" compares the
    files of an embedded model with the checksums recorded when they were fetched.
    """
    with TerminalProgress() as progress:
        for model in [name] if name else EMBEDDED:
            if action == "fetch":
                weights = fetch_weights(model, settings.models, progress=progress)
                start_check(weights, settings.models, progress=progress)()
                print_result(f"{model}: {weights.folder}")
                continue
            found = find_weights(model, settings.models)
            if found is None:
                print_result(f"{model}: not on this machine; `labourqa models fetch {model}` fetches it")
            elif action == "verify":
                verify_weights(found)
                result = "the checksums are correct" if model in EMBEDDED else "it has no recorded checksums"
                print_result(f"{model}: {result}")
            else:
                print_result(f"{model}: {found.folder} ({found.revision})")
