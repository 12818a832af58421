"""Damages a prefix cache region by region and asks: prints "good" or what went wrong, a line for each try."""

import random
import sys
import time
from dataclasses import replace

from labourqa.config import load_settings
from labourqa.engine.startup import load_models
from labourqa.pipeline import Assistant
from labourqa.progress import SilentProgress
from labourqa.store import Store
from scripts.campaign_parts.common import QUESTION
from tests.samples import NOWHERE

SCORE_ERROR = 1e-3  # of a score, from another order of sums


def main(most: int, seconds: float) -> None:
    settings = replace(load_settings({}), log=False)
    (settings.home / "code.txt").write_text(NOWHERE)
    models = load_models(settings, SilentProgress())
    chosen, started = random.Random(3), time.monotonic()
    with Store(settings.database) as store:
        assistant = Assistant(settings, store, models=models)
        assistant.precompute(assistant.ingest(settings.home / "code.txt", force=True))
        expected = assistant.ask(QUESTION)
        [path] = settings.prefix_caches.glob("*.safetensors")
        content = path.read_bytes()
        for number in range(most):
            if time.monotonic() - started > seconds:
                return
            at = number * len(content) // most
            damaged = bytearray(content)
            damaged[at : at + 16] = chosen.randbytes(len(damaged[at : at + 16]))
            path.write_bytes(damaged)
            models.engine._pool._open.clear()  # type: ignore[attr-defined]  # as a new process begins
            report = assistant.ask(QUESTION)
            same = report.answer.text == expected.answer.text and all(
                abs(report.selection.scores[number] - score) < SCORE_ERROR
                for number, score in expected.selection.scores.items()
            )
            print("good" if same else f"byte {at}: another answer", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
