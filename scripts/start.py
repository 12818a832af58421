"""Set everything up and run labourqa, or its tests. Needs only Python 3.11+, git and a package index.

    python3 scripts/start.py ask "How long is annual leave?"     any labourqa command
    python3 scripts/start.py test [PYTEST OPTIONS]               lint, types and all tests

The environment is built in .venv once; a second run starts within seconds. Afterwards
`.venv/bin/python -m labourqa ...` does the same as the first form.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
USAGE = 'usage: python3 scripts/start.py ask "QUESTION" | COMMAND ... | test ...'


def main(arguments: list[str]) -> int:
    if sys.version_info < (3, 11):  # noqa: UP036  # this file is what an older Python meets first
        return fail(f"labourqa needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    if not arguments:
        return fail(USAGE)
    testing = arguments[0] == "test"
    if not set_up("dev" if testing else ""):
        return 1
    if not testing:
        return run("-m", "labourqa", *arguments)
    steps: list[list[str]] = [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]]
    for step in [*steps, ["pytest", *arguments[1:]]]:
        if status := run("-m", *step, cwd=ROOT):
            return status
    return 0


def set_up(extra: str) -> bool:
    """Install labourqa with the pinned dependencies into .venv, unless these very pins are there."""
    pins = b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt"))
    wanted = hashlib.sha256(pins).hexdigest()
    # Written last: a run that was interrupted has none, and the next run installs again.
    stamp = VENV / f"labourqa-{extra or 'run'}.stamp"
    if PYTHON.exists() and stamp.exists() and stamp.read_text() == wanted:
        return True
    say("Setting up .venv; this takes a few minutes, once.")
    if not PYTHON.exists() and subprocess.run([sys.executable, "-m", "venv", str(VENV)]).returncode:
        fail(
            "No virtual environment could be made; install Python's venv (Debian: apt install python3-venv)."
        )
        return False
    package = f"{ROOT}[{extra}]" if extra else str(ROOT)
    pip = [str(PYTHON), "-m", "pip", "install", "-c", str(ROOT / "constraints.txt"), "-e", package]
    if subprocess.run(pip, stdout=sys.stderr).returncode:  # stdout is for the answer
        fail("The packages could not be installed (see above); check the network and run the command again.")
        return False
    stamp.write_text(wanted)
    return True


def run(*arguments: str, cwd: Path | None = None) -> int:
    try:
        return subprocess.run([str(PYTHON), *arguments], cwd=cwd).returncode
    except KeyboardInterrupt:
        return 130


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def fail(message: str) -> int:
    say(message)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
