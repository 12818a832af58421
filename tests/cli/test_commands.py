"""The commands as a user types them: what is on stdout, what on stderr, and the exit status."""

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
from labourqa.pipeline import QUESTION_CHARACTERS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LABOURQA_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def labourqa(
    *arguments: str, home: Path, stdin: str = "", **environ: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "labourqa", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        env=os.environ | {"LABOURQA_HOME": str(home)} | environ,
        cwd=ROOT,
    )


def test_help_lists_every_command_and_the_readme_explains_each(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    shown = capsys.readouterr().out
    readme = (ROOT / "README.md").read_text()
    for command in (
        "ask",
        "chat",
        "ingest",
        "show",
        "search",
        "eval",
        "bench",
        "models",
        "history",
        "doctor",
    ):
        assert f"\n    {command} " in shown
        assert f"`labourqa {command}" in readme


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("117", "Article 117. Specific Rules on Night Work"),
        ("144(3)", "Night work must be paid at no less than one and a half times"),
        ("72^1", "Article 72¹."),
        ("Art. 72¹", "Article 72¹."),
    ],
)
def test_show_prints_the_law(
    home: Path, capsys: pytest.CaptureFixture[str], reference: str, words: str
) -> None:
    assert main(["show", reference]) == 0
    shown = capsys.readouterr()
    assert words in shown.out
    assert "version of 2025-01-01" in shown.out
    assert shown.err == ""


def test_show_names_the_articles_that_refer_to_one(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "117"]) == 0
    assert "Referred to in: Art. " in capsys.readouterr().out


def test_search_finds_articles(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "night work"]) == 0
    assert capsys.readouterr().out.startswith("Art. 117  Specific Rules on Night Work")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["show", "999"], "has no Article 999."),
        (["show", "144(77)"], "Article 144 has no paragraph 77."),
        (["show", "elephant"], "elephant"),
        (["search", "elephant"], "No article contains"),
        (["ask", ""], "The question is empty"),
        (["ask", "x" * 100_000], "100,000 characters"),
        (["ask", "Why?", "--top", "none"], "top is a whole number"),
        (["ask", "Why?", "--threshold", "high"], "threshold is a number"),
        (["ingest", "missing.pdf"], "missing.pdf does not exist"),
        (["ingest", "."], "is a folder"),
        (["eval", "missing.jsonl"], "missing.jsonl cannot be read"),
        (["bench", "--methods", "magic"], "methods are whole-code, one-by-one,"),
        (["bench", "--out", "chart.png"], "--out names a .json file"),
        (["bench", "--out", "missing.pdf/x.json"], "missing.pdf/x.json cannot be written"),
        (["models", "fetch", "no such model"], "no such model"),
    ],
)
def test_a_mistake_is_one_sentence_on_stderr_and_exit_status_1(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    if arguments[-1].startswith("missing.pdf/"):
        (home / "missing.pdf").write_text("a file where a folder should be")
    assert main(arguments) == 1
    shown = capsys.readouterr()
    assert sentence in " ".join(shown.err.split())
    assert shown.out == ""
    assert "Traceback" not in shown.err


def test_a_text_without_articles_is_refused_and_the_old_edition_answers(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "poem.txt").write_text("Roses are red, and have no articles.\n")
    assert main(["show", "117"]) == 0
    before = capsys.readouterr().out
    assert main(["ingest", "poem.txt"]) == 1
    assert "rticle" in capsys.readouterr().err
    assert main(["show", "117"]) == 0
    assert capsys.readouterr().out == before


def test_a_broken_database_is_one_sentence_and_is_not_touched(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "labourqa.db").write_bytes(b"broken" * 1000)
    assert main(["show", "117"]) == 1
    assert "labourqa.db cannot be used" in " ".join(capsys.readouterr().err.split())
    assert (home / "labourqa.db").read_bytes() == b"broken" * 1000


def test_a_document_cannot_command_the_terminal(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from labourqa.documents.document import read_document
    from labourqa.pipeline import ingest
    from labourqa.store.database import Store

    (home / "evil.txt").write_text(
        "Evil Code\n\nArticle 1. \x1b[31mRed\n\n1. \x1b]0;title\x07 text [bold]b[/bold]\n"
    )
    assert "\x1b" in read_document(home / "evil.txt").text
    with Store(Settings(home=home).database) as store:
        ingest(store, home / "evil.txt")
    assert main(["show", "1"]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "[bold]b[/bold]" in shown


def test_wrong_usage_is_exit_status_2(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["ask", "Why?", "--method", "magic"])
    assert "magic" in capsys.readouterr().err


def test_history_lists_and_erases(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from labourqa.store.database import Store

    with Store(Settings(home=home).database) as store:
        store.log_answer({"question": "Am I \x1b[31mred?", "answer": {"text": ""}})
    assert main(["history"]) == 0
    shown = capsys.readouterr().out
    assert "Am I [31mred?" in shown
    assert "\x1b" not in shown
    assert main(["history", "--erase"]) == 0
    assert "1 answers erased" in capsys.readouterr().out
    assert main(["history"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.model
def test_a_question_is_kept_unless_that_is_switched_off(
    prepared_home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from labourqa.store.database import Store

    monkeypatch.setenv("LABOURQA_HOME", str(prepared_home))
    asked = ["ask", "How long is annual leave, briefly?", "--method", "shortlist", "--shortlist", "1"]
    with Store(Settings(home=prepared_home).database) as store:
        before = len(store.conversations())
        monkeypatch.setenv("LABOURQA_LOG", "false")
        assert main(asked) == 0
        assert len(store.conversations()) == before
        monkeypatch.delenv("LABOURQA_LOG")
        assert main(asked) == 0
        assert store.conversations()[0].title == "How long is annual leave, briefly?"


@pytest.mark.model
def test_ask_prints_the_answer_on_stdout_and_progress_on_stderr(prepared_home: Path) -> None:
    done = labourqa("ask", "-", home=prepared_home, stdin="How is night work paid?\n")
    assert done.returncode == 0
    assert "one and a half times" in done.stdout
    assert "[Art. 144(3)]" in done.stdout
    assert "Sources" in done.stdout
    assert "smollm2-135m" in done.stderr
    assert "257 of 257 articles read by the model" in done.stderr
    assert "seconds: load" in done.stderr


@pytest.mark.model
def test_ask_json_prints_one_document(prepared_home: Path) -> None:
    done = labourqa("ask", "--json", "--top", "2", "How is night work paid?", home=prepared_home)
    document = json.loads(done.stdout)
    assert len(document["selected"]) <= 2
    assert document["seconds"]["load"] > 0
    assert document["peak_memory_bytes"] < 4e9


@pytest.mark.model
def test_chat_understands_a_follow_up_and_goes_on_after_a_mistake(prepared_home: Path) -> None:
    questions = "How is night work paid?\n???\nand on a public holiday?\n\nand if I am ill?\n"
    done = labourqa("chat", "--method", "shortlist", "--shortlist", "2", home=prepared_home, stdin=questions)
    assert done.returncode == 0
    assert done.stdout.count("Sources") + done.stdout.count("Nothing in the") == 3
    assert "Understood as: How is night work paid? and on a public holiday?" in done.stdout
    assert "[Art. 144(2)]" in done.stdout
    assert done.stdout.count("Understood as") == 1  # the empty line began a new subject
    assert "The question is empty" in done.stderr


@pytest.mark.model
def test_the_published_method_reads_all_articles(prepared_home: Path, tmp_path: Path) -> None:
    """On a code of 13 articles: all 257 take minutes."""
    text = (ROOT / "data" / "labour-code-lt.en.txt").read_text()
    (tmp_path / "short.txt").write_text(text[: text.index("Article 14. ")])
    (tmp_path / "models").symlink_to(prepared_home / "models", target_is_directory=True)
    assert labourqa("ingest", str(tmp_path / "short.txt"), home=tmp_path).returncode == 0
    for method in ("token-batches", "token-batches-logits"):
        done = labourqa("ask", "--json", "--method", method, "Which law applies abroad?", home=tmp_path)
        document = json.loads(done.stdout)
        assert (document["method"], document["read"]) == (method, 13)


@pytest.mark.model
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
    first = labourqa(*command, home=prepared_home)
    summary = json.loads(first.stdout)["summary"]
    assert summary["questions"] == 2
    assert set(summary["selection"]) >= {"recall", "precision", "f2", "mrr", "ndcg_at_10"}
    assert [json.loads(line)["id"] for line in out.read_text().splitlines()] == ["a-001", "a-002"]
    again = labourqa(*command, home=prepared_home)
    assert json.loads(again.stdout)["reports"] == json.loads(first.stdout)["reports"]
    other = labourqa(*command[:-1], "3", home=prepared_home)
    assert other.returncode == 1
    assert "another settings" in other.stderr.replace("\n", " ")


@pytest.mark.model
def test_bench_compares_methods_in_a_table_a_result_and_a_chart(prepared_home: Path, tmp_path: Path) -> None:
    out = tmp_path / "results" / "bench.json"
    done = labourqa(
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


@pytest.mark.model
def test_a_question_asked_while_the_cache_is_being_built_can_be_interrupted_and_asked_again(
    prepared_home: Path, tmp_path: Path
) -> None:
    text = (ROOT / "data" / "labour-code-lt.en.txt").read_text()
    (tmp_path / "short.txt").write_text(text[: text.index("Article 24. ")])
    (tmp_path / "models").symlink_to(prepared_home / "models", target_is_directory=True)
    command = [sys.executable, "-m", "labourqa", "ingest", "short.txt"]
    with subprocess.Popen(
        command, env=os.environ | {"LABOURQA_HOME": str(tmp_path)}, cwd=tmp_path,
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
    done = labourqa("ask", "--json", "Which law applies abroad?", home=tmp_path)
    document = json.loads(done.stdout)
    assert (document["method"], document["read"]) == ("article-cache", 23)
    assert [path.suffix for path in sorted(cache.iterdir())] == [".safetensors", ".lock"]


@pytest.mark.model
def test_doctor_says_what_is_there(prepared_home: Path) -> None:
    done = labourqa("doctor", home=prepared_home)
    assert done.returncode == 0
    for words in ("torch 2.", "precision", "smollm2-135m", "version of 2025-01-01", str(prepared_home)):
        assert words in done.stdout


def test_a_long_question_on_stdin_is_not_read_to_its_end(tmp_path: Path) -> None:
    done = labourqa("ask", "-", home=tmp_path, stdin="x" * 1_000_000)
    assert done.returncode == 1
    assert f"at most {QUESTION_CHARACTERS:,}" in done.stderr.replace("\n", " ")
