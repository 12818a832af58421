"""The engine on a real server with the embedded weights: `transformers serve`, which gives no log-probabilities."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from labourqa.engine.local import LocalEngine
from labourqa.engine.remote import RemoteEngine
from labourqa.errors import EngineError
from labourqa.models.weights import fetch_weights
from tests.conftest import small_code
from tests.engine.helpers import QUESTION, score

pytestmark = [pytest.mark.model, pytest.mark.slow]

ARTICLES = small_code().articles


@pytest.fixture(scope="module")
def server(models_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = fetch_weights("smollm2-135m", models_home / "models").folder
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [str(Path(sys.executable).with_name("transformers")), "serve", str(folder), "--port", port]
    home = tmp_path_factory.mktemp("hub")
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--device", "cpu", "--dtype", "float32"],
            stdout=log, stderr=log, env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(home)},
        )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if httpx2.get(f"{url}/health").is_success:
                    break
            except httpx2.HTTPError:
                time.sleep(0.2)
        else:
            pytest.fail((home / "server.log").read_text())
        yield f"{url}/v1#{folder}"
    finally:
        process.kill()
        process.wait()


def test_its_words_are_those_that_the_local_engine_generates(
    server: str, float32_engine: LocalEngine
) -> None:
    engine = RemoteEngine(server)
    remote = score(engine, ARTICLES, scoring="generated", batching="one-by-one")
    assert remote == score(float32_engine, ARTICLES, scoring="generated", batching="one-by-one")
    words = score(engine, ARTICLES, scoring="yes_no", batching="one-by-one")
    assert words == {number: 2 * word - 1 for number, word in remote.items()}


def test_its_stream_is_what_the_local_engine_writes(server: str, float32_engine: LocalEngine) -> None:
    written = "".join(piece for piece, _ in RemoteEngine(server).generate(QUESTION, max_tokens=12))
    local = "".join(piece for piece, _ in float32_engine.generate(QUESTION, max_tokens=12))
    assert written.strip() == local.strip()


def test_a_model_that_it_does_not_have_is_one_sentence(server: str) -> None:
    # Offline it answers the list of models with an error of its own and closes the connection: the next is another try.
    with pytest.raises(EngineError, match=r"status \d+"):
        RemoteEngine(server.replace("smollm2", "other"), patience_seconds=2)
