"""The commands on the real embedded models and the real edition, most of them in a process of their own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from labourqa.cli.main import main
from labourqa.config import Settings
from labourqa.store import Store
from tests.cli.process import ROOT, run_labourqa
from tests.fakes import FakeEngine

pytestmark = pytest.mark.model


def test_a_question_is_logged_unless_that_is_switched_off(
    prepared_home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABOURQA_HOME", str(prepared_home))
    asked = ["ask", "How long is annual leave, briefly?", "--method", "shortlist", "--shortlist", "1"]
    with Store(Settings(home=prepared_home).database) as store:
        before = len(store.conversations.search())
        monkeypatch.setenv("LABOURQA_LOG", "false")
        assert main(asked) == 0
        assert len(store.conversations.search()) == before
        monkeypatch.delenv("LABOURQA_LOG")
        assert main(asked) == 0
        assert store.conversations.search()[0].title == "How long is annual leave, briefly?"


def test_ask_prints_the_answer_on_stdout_and_progress_on_stderr(prepared_home: Path) -> None:
    done = run_labourqa("ask", "-", home=prepared_home, stdin="How is night work paid?\n")
    assert done.returncode == 0
    assert "one and a half times" in done.stdout
    assert "[Art. 144(3)]" in done.stdout
    assert "Sources" in done.stdout
    assert "smollm2-135m" in done.stderr
    assert "257 of 257 articles read by the model" in done.stderr
    assert "seconds: load" in done.stderr


def test_ask_json_prints_one_document(prepared_home: Path) -> None:
    done = run_labourqa("ask", "--json", "--top", "2", "How is night work paid?", home=prepared_home)
    document = json.loads(done.stdout)
    assert len(document["selected"]) <= 2
    assert document["seconds"]["load"] > 0
    assert document["peak_memory_bytes"] < 4e9


def test_chat_understands_a_follow_up_and_goes_on_after_a_mistake(prepared_home: Path) -> None:
    questions = "How is night work paid?\n???\nand on a public holiday?\n\nand if I am ill?\n"
    done = run_labourqa(
        "chat", "--method", "shortlist", "--shortlist", "2", home=prepared_home, stdin=questions
    )
    assert done.returncode == 0
    assert done.stdout.count("Sources") + done.stdout.count("Nothing in the") == 3
    assert "Understood as: How is night work paid? and on a public holiday?" in done.stdout
    assert "[Art. 144(2)]" in done.stdout
    assert done.stdout.count("Understood as") == 1  # the empty line began a new subject
    assert "The question is empty" in done.stderr


def test_the_published_method_reads_all_articles(prepared_home: Path, tmp_path: Path) -> None:
    """On a code of 13 articles: all 257 take minutes."""
    text = (ROOT / "data" / "labour-code-lt.en.txt").read_text()
    (tmp_path / "short.txt").write_text(text[: text.index("Article 14. ")])
    (tmp_path / "models").symlink_to(prepared_home / "models", target_is_directory=True)
    assert run_labourqa("ingest", str(tmp_path / "short.txt"), home=tmp_path).returncode == 0
    for method in ("token-batches", "token-batches-logits"):
        done = run_labourqa("ask", "--json", "--method", method, "Which law applies abroad?", home=tmp_path)
        document = json.loads(done.stdout)
        assert (document["method"], document["read"]) == (method, 13)


def test_eval_measures_a_file_and_resumes(prepared_home: Path, tmp_path: Path) -> None:
    lines = (ROOT / "data" / "questions-dev.jsonl").read_text().splitlines()[:2]
    (tmp_path / "q.jsonl").write_text("\n".join(lines))
    out = tmp_path / "results.jsonl"
    command = (
        "eval",
        str(tmp_path / "q.jsonl"),
        "--out",
        str(out),
        "--json",
        "--method",
        "shortlist",
        "--shortlist",
        "2",
    )
    first = run_labourqa(*command, home=prepared_home)
    summary = json.loads(first.stdout)["summary"]
    assert summary["questions"] == 2
    assert set(summary["selection"]) >= {"recall", "precision", "f2", "mrr", "ndcg_at_10"}
    assert [json.loads(line)["id"] for line in out.read_text().splitlines()] == ["a-001", "a-002"]
    again = run_labourqa(*command, home=prepared_home)
    assert json.loads(again.stdout)["reports"] == json.loads(first.stdout)["reports"]
    other = run_labourqa(*command[:-1], "3", home=prepared_home)
    assert other.returncode == 1
    assert "another settings" in other.stderr.replace("\n", " ")


def test_bench_compares_methods_in_a_table_a_result_and_a_chart(prepared_home: Path, tmp_path: Path) -> None:
    out = tmp_path / "results" / "bench.json"
    done = run_labourqa(
        "bench", "--articles", "4", "--repetitions", "1", "--methods", "one-by-one,packed,article-cache",
        "--out", str(out), home=prepared_home,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "method", "one-by-one", "packed", "article-cache"
    ]  # fmt: skip
    results = json.loads(out.read_text())
    assert [method["method"] for method in results["methods"]] == ["one-by-one", "packed", "article-cache"]
    assert results["articles"] == 4
    assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_bench_json_prints_the_document_that_it_writes(
    engine: FakeEngine, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With an engine that reads at once; the benchmark itself uses torch to describe the machine."""
    assert main(["bench", "--methods", "one-by-one,packed", "--repetitions", "2", "--sweep", "--json"]) == 0
    shown = capsys.readouterr()
    (written,) = (home / "benchmarks").glob("*.json")
    document = json.loads(shown.out)
    assert document == json.loads(written.read_text())
    assert len(document["methods"][0]["seconds_all"]) == 2
    assert len(document["sweep"]) == 11
    assert written.with_suffix(".png").is_file()
    assert f"{written} and {written.stem}.png written\n" in shown.err


def test_bench_says_below_the_table_why_a_method_was_refused(
    engine: FakeEngine, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "--methods", "whole-code,packed", "--repetitions", "1"]) == 0
    _, refused, packed, reason = capsys.readouterr().out.splitlines()
    assert refused.split() == ["whole-code", "refused"]
    assert packed.startswith("packed ")
    assert reason.startswith("whole-code: The code and the question take ")


def test_an_ingestion_that_is_interrupted_while_the_cache_is_built_can_be_repeated(
    prepared_home: Path, tmp_path: Path
) -> None:
    text = (ROOT / "data" / "labour-code-lt.en.txt").read_text()
    (tmp_path / "short.txt").write_text(text[: text.index("Article 24. ")])
    (tmp_path / "models").symlink_to(prepared_home / "models", target_is_directory=True)
    command = [sys.executable, "-m", "labourqa", "ingest", str(tmp_path / "short.txt")]
    with subprocess.Popen(
        command, env=os.environ | {"LABOURQA_HOME": str(tmp_path)}, cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # A shell's background job, as tests may be, ignores Ctrl-C, and so would what it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:  # fmt: skip
        cache = tmp_path / "article-cache"
        while process.poll() is None and not list(cache.glob("*.progress")):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert not list(cache.glob("*.safetensors"))
    again = run_labourqa(*command[3:], home=tmp_path)
    assert again.returncode == 0, again.stderr
    done = run_labourqa("ask", "--json", "Which law applies abroad?", home=tmp_path)
    document = json.loads(done.stdout)
    assert (document["method"], document["read"]) == ("article-cache", 23)
    assert [path.suffix for path in sorted(cache.iterdir())] == [".safetensors", ".lock"]


def test_doctor_says_what_is_there(prepared_home: Path) -> None:
    done = run_labourqa("doctor", home=prepared_home)
    assert done.returncode == 0
    for words in (
        "torch 2.",
        "precision",
        "smollm2-135m",
        "version of 2025-01-01",
        str(prepared_home),
        "labelled",
    ):
        assert words in done.stdout
