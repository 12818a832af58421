"""The program as a user starts it: in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_labourqa(
    *arguments: str, home: Path, stdin: str | bytes = "", **environ: str
) -> subprocess.CompletedProcess[str]:
    """`labourqa ARGUMENTS` with its data in `home`, to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "labourqa", *arguments],
        input=stdin if isinstance(stdin, bytes) else stdin.encode(),
        capture_output=True,
        env=os.environ | {"LABOURQA_HOME": str(home)} | environ,
        cwd=ROOT,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())
