"""Set everything up and run labourqa, or its tests. Needs only Python 3.11+, git and a package index.

    python3 scripts/start.py ask "How long is annual leave?"     any labourqa command
    python3 scripts/start.py test [PYTEST OPTIONS]               lint, types and all tests
    python3 scripts/start.py lint                                lint and types alone

The first run builds the environment in .venv; later ones start within seconds. Then
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
USAGE = 'usage: python3 scripts/start.py ask "QUESTION" | COMMAND ... | test ... | lint'
LINT = (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",))
# The fast tests first, on all cores, with the share of the package that they cover.
FAST = "not model and not browser and not slow"
TESTS = (("pytest", "-m", FAST, "-n", "auto", "--cov"), ("pytest", "-m", f"not ({FAST})"))


def main(arguments: list[str]) -> int:
    if sys.version_info < (3, 11):  # noqa: UP036  # this file is what an older Python meets first
        return fail(f"labourqa needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    if not arguments:
        return fail(USAGE)
    command, *options = arguments
    developing = command in ("test", "lint")
    if not set_up("dev" if developing else ""):
        return 1
    if not developing:
        return run("-m", "labourqa", *arguments)
    tests = (("pytest", *options),) if options else TESTS
    for step in [*LINT, *tests] if command == "test" else LINT:
        if status := run("-m", *step, cwd=ROOT):
            return status
    return 0


def set_up(extra: str) -> bool:
    """Install labourqa with the pinned dependencies into .venv, unless exactly these are installed."""
    pins = b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt"))
    expected = hashlib.sha256(pins).hexdigest()
    # Written last, so that the run after an interrupted one installs again.
    stamp = VENV / f"labourqa-{extra or 'run'}.stamp"
    if PYTHON.exists() and stamp.exists() and stamp.read_text() == expected:
        return True
    say("Setting up .venv; this takes a few minutes, once.")
    if not PYTHON.exists() and subprocess.run([sys.executable, "-m", "venv", str(VENV)]).returncode:
        fail(
            "The virtual environment could not be created; install Python's venv (Debian: apt install python3-venv)."
        )
        return False
    package = f"{ROOT}[{extra}]" if extra else str(ROOT)
    pip = [str(PYTHON), "-m", "pip", "install", "-c", str(ROOT / "constraints.txt"), "-e", package]
    if subprocess.run(pip, stdout=sys.stderr).returncode:  # stdout is for the answer
        fail("The packages could not be installed (see above); check the network and run the command again.")
        return False
    stamp.write_text(expected)
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
