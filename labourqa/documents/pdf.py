"""PDF documents: has a child process read the pages (`pdf_child.py`) and turns what it prints into `Content`.

The pages of a PDF are programs, and PDFium, which runs them, cannot be interrupted: a kilobyte of nested forms can
ask for hours and gigabytes. A child process bounds both, and a crash inside PDFium ends the child alone.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from labourqa.documents.content import Content, LeftOut
from labourqa.documents.limits import MAX_SECONDS, MAX_WALL_SECONDS
from labourqa.errors import DocumentError

_SIGXCPU = 24  # POSIX's signal to a process that has used up its processor time
_TOO_SLOW = f"takes longer than {MAX_SECONDS} seconds to read; save the pages of the law alone as a PDF."


def read_pdf(data: bytes) -> Content:
    """The text of a PDF; raises DocumentError where it is damaged, locked, scanned or too long."""
    if (
        b"startxref" not in data[-4096:]
    ):  # PDFium reads what is left of a file that was cut off, and says nothing
        raise DocumentError("is a damaged PDF: its end is missing; fetch or save it anew.")
    answer = _ask_child(data)
    if "error" in answer:
        raise DocumentError(answer["error"])
    return Content(
        format="PDF",
        text=answer["text"],
        pages=tuple(answer["pages"]),
        page_count=answer["page_count"],
        pages_without_text=tuple(answer["pages_without_text"]),
        left_out=tuple(LeftOut(*line) for line in answer["left_out"]),
        undecoded_characters=answer["undecoded_characters"],
    )


def _ask_child(data: bytes) -> dict[str, Any]:
    # The child must find the same labourqa as this process, which may not be an installed one.
    path = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")]))
    try:
        child = subprocess.run(
            [sys.executable, "-P", "-m", "labourqa.documents.pdf_child"],
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # PDFium and Python report a crash there, which the user cannot act on
            timeout=MAX_WALL_SECONDS,
            env={**os.environ, "PYTHONPATH": path},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DocumentError(_TOO_SLOW) from error
    if child.returncode == -_SIGXCPU:
        raise DocumentError(_TOO_SLOW)
    if child.returncode:
        raise DocumentError(
            "is a damaged PDF or needs too much memory; open it in a viewer and save it anew."
        )
    answer: dict[str, Any] = json.loads(child.stdout)
    return answer
