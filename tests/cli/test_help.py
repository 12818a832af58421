"""Every command, argument and option is documented, in --help and in the README; what is documented exists."""

import re
import shlex
from pathlib import Path

import click
import pytest

from labourqa.cli.main import COMMANDS, labourqa, main
from tests.cli.process import ROOT, run_labourqa

MODEL_OPTIONS = {"--model", "--precision", "--method", "--cache-bits", "--cache-size"}
ANSWER_OPTIONS = MODEL_OPTIONS | {
    "--code", "--answer", "--threshold", "--top", "--shortlist", "--batch-tokens", "--read-seconds",
    "--answer-tokens", "--json",
}  # fmt: skip
OPTIONS = {
    "ask": ANSWER_OPTIONS | {"--file", "--out"},
    "chat": ANSWER_OPTIONS,
    "ingest": MODEL_OPTIONS | {"--act", "--name", "--dry-run", "--force", "--json"},
    "codes": {"--all"},
    "diff": {"--code", "--summary", "--json"},
    "show": {"--code"},
    "search": {"--code"},
    "eval": ANSWER_OPTIONS | {"--out"},
    "bench": MODEL_OPTIONS
    | {
        "--code", "--question", "--methods", "--articles", "--repetitions", "--batch-tokens", "--batch-articles",
        "--sweep", "--out", "--json",
    },
    "models": set[str](),
    "history": {"--all", "--erase"},
    "feedback": {"--all", "--export"},
    "ui": MODEL_OPTIONS | {"--code", "--port"},
    "serve": (ANSWER_OPTIONS - {"--json"}) | {"--host", "--port", "--allow-origin", "--log-questions"},
    "mcp": ANSWER_OPTIONS - {"--json"},
    "doctor": MODEL_OPTIONS,
}  # fmt: skip
ARGUMENTS = {
    "ask": ["question"],
    "ingest": ["file"],
    "diff": ["old", "new"],
    "show": ["reference"],
    "search": ["words"],
    "eval": ["file"],
    "models": ["action", "name"],
}


def load_command(name: str) -> click.Command:
    command = labourqa.get_command(click.Context(labourqa), name)
    assert command is not None
    return command


def documented_commands() -> list[str]:
    """Every command in a code span of the documentation: `labourqa show 117`."""
    texts = [path.read_text() for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))]
    return sorted({span for text in texts for span in re.findall(r"`labourqa ([a-z][^`]*)`", text)})


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr()
    listed = re.findall(r"^  ([a-z]+)  +\S", shown.out.partition("Commands:")[2], re.MULTILINE)
    assert listed == list(OPTIONS)
    assert shown.err == ""


@pytest.mark.parametrize("name", OPTIONS)
def test_help_of_a_command_documents_every_argument_and_option(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--help"]) == 0
    shown = capsys.readouterr().out
    options = dict(re.findall(r"^  (?:-\w, )?(--[a-z-]+)(.*(?:\n {6,}.*)*)", shown, re.MULTILINE))
    assert options.keys() == OPTIONS[name] | {"--help"}
    for option, text in options.items():
        assert re.search(r"[A-Z][^\[\]]*[.)?]\s*(?:\[(?:x>=1|1<=x<=65535)\])?$", text), (
            f"{option} has no sentence"
        )
    usage, _, description = shown.partition("Options:")[0].partition("\n\n")
    for argument in ARGUMENTS.get(name, []):
        shown_as = "[list|fetch|verify]" if argument == "action" else argument.upper()
        assert shown_as in usage
        assert argument == "action" or argument.upper() in description


@pytest.mark.parametrize("name", OPTIONS)
def test_a_short_option_for_help_exists(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "-h"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: labourqa {name} ")


@pytest.mark.parametrize("name", OPTIONS)
def test_the_list_of_commands_says_the_same_as_the_help_of_each(name: str) -> None:
    command_help = load_command(name).help
    assert command_help is not None
    assert command_help.splitlines()[0] == COMMANDS[name]


@pytest.mark.parametrize(
    ("name", "arguments", "options"),
    [
        ("choose", ["NAME[@DATE]"], set[str]()),
        ("rename", ["NAME", "NEW"], set[str]()),
        ("remove", ["NAME[@DATE]"], {"--yes"}),
    ],
)
def test_help_of_codes_lists_its_commands_and_documents_each(
    capsys: pytest.CaptureFixture[str], name: str, arguments: list[str], options: set[str]
) -> None:
    assert main(["codes", "--help"]) == 0
    [summary] = re.findall(rf"^  {name}  +(\S.*)$", capsys.readouterr().out, re.MULTILINE)
    assert main(["codes", name, "--help"]) == 0
    usage, text = capsys.readouterr().out.split("\n\n", 1)
    assert usage.split()[-len(arguments) :] == arguments
    assert text.strip().startswith(summary)
    assert set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)  +[A-Z].*\.$", text, re.MULTILINE)) == options | {
        "--help"
    }


def test_the_readme_explains_every_command() -> None:
    readme = (ROOT / "README.md").read_text()
    for name in COMMANDS:
        assert f"`labourqa {name}" in readme


@pytest.mark.parametrize("line", documented_commands())
def test_a_command_in_the_documentation_is_accepted(line: str) -> None:
    name, *arguments = shlex.split(line)
    command = load_command(name)
    if line in ("ask --json", "search", "diff --json"):  # named without their arguments
        arguments += ["night work"] * len(ARGUMENTS[name])
    command.make_context(name, arguments)


@pytest.mark.parametrize(
    "option", sorted(set(re.findall(r"`(--[a-z-]+)[` ]", (ROOT / "README.md").read_text())))
)
def test_an_option_in_the_readme_exists(option: str) -> None:
    assert option == "--yes" or any(option in options for options in OPTIONS.values())


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    from labourqa import __version__

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"labourqa {__version__}\n"


def test_every_command_has_a_module_and_every_module_a_command() -> None:
    modules = {path.stem for path in (ROOT / "labourqa" / "cli" / "commands").glob("*.py")} - {"__init__"}
    assert modules == set(COMMANDS) == set(OPTIONS)
    for name in COMMANDS:
        assert load_command(name).name == name


@pytest.mark.parametrize(
    ("words", "position", "expected"),
    [("labourqa se", 1, ["search", "serve"]), ("labourqa ask --shor", 2, ["--shortlist"])],
)
def test_a_shell_completes_commands_and_options(
    words: str, position: int, expected: list[str], tmp_path: Path
) -> None:
    shell = {"_LABOURQA_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(position)}
    done = run_labourqa(home=tmp_path, **shell)
    assert [line.removeprefix("plain,") for line in done.stdout.split()] == expected
