"""What goes wrong: one sentence on stderr, and the exit status."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from labourqa.answering.question import MAX_QUESTION_CHARACTERS
from labourqa.cli.main import main
from tests.cli.process import ROOT, run_labourqa
from tests.samples import TWO_ACTS


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
        (["bench", "--question", "?"], "The question is empty"),
        (["bench", "--batch-articles", "0"], "batch_articles is a whole number"),
        (["bench", "--out", "chart.png"], "--out names a .json file"),
        (["bench", "--out", "missing.pdf/x.json"], "missing.pdf/x.json cannot be written"),
        (["models", "fetch", "no such model"], "no such model"),
    ],
)
def test_a_mistake_is_one_sentence_on_stderr_and_exit_status_1(
    embedded_home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    if arguments[-1].startswith("missing.pdf/"):
        (embedded_home / "missing.pdf").write_text("a file where a folder should be")
    assert main(arguments) == 1
    shown = capsys.readouterr()
    assert shown.err.startswith("labourqa: ")
    assert sentence in " ".join(shown.err.split())
    assert shown.out == ""
    assert "Traceback" not in shown.err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["ask", "Why?", "--method", "magic"], "magic"),
        (["ask", "Why?", "--precision", "int2"], "int2"),
        (["ask", "Why?", "--cache-bits", "4"], "4"),
        (["ask", "Why?", "--answer", "sung"], "sung"),
        (["ask", "Why?", "--colour"], "--colour"),
        (["ask"], "QUESTION"),
        (["ask", "Why", "not?"], "not?"),
        (["bench", "--articles", "0"], "--articles"),
        (["bench", "--repetitions", "many"], "--repetitions"),
        (["ui", "--port", "-1"], "--port"),
        (["models", "paint"], "paint"),
        (["dance"], "dance"),
        (["--colour"], "--colour"),
        ([], "Usage: labourqa"),
    ],
)
def test_wrong_usage_is_exit_status_2(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], named: str
) -> None:
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert named in shown.err
    assert shown.out == ""


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (KeyboardInterrupt(), 130, "labourqa: interrupted."),
        (MemoryError(), 1, "labourqa: There is not enough memory; choose a smaller model"),
    ],
)
def test_an_interrupted_command_and_one_without_memory_end_with_a_sentence(
    embedded_home: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    status: int,
    sentence: str,
) -> None:
    def load_models(*_: object) -> None:
        raise error

    monkeypatch.setattr("labourqa.pipeline.load_models", load_models)
    assert main(["ask", "How is night work paid?"]) == status
    shown = capsys.readouterr()
    assert sentence in shown.err
    assert shown.out == ""


@pytest.mark.parametrize("error", [ZeroDivisionError, EOFError, OSError])
def test_a_bug_keeps_its_traceback(
    embedded_home: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def load_models(*_: object) -> None:
        raise error

    monkeypatch.setattr("labourqa.pipeline.load_models", load_models)
    with pytest.raises(error):
        main(["ask", "How is night work paid?"])


def test_a_broken_database_is_one_sentence_and_is_not_touched(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "labourqa.db").write_bytes(b"broken" * 1000)
    assert main(["show", "117"]) == 1
    assert "labourqa.db is damaged" in " ".join(capsys.readouterr().err.split())
    assert (home / "labourqa.db").read_bytes() == b"broken" * 1000


def test_a_bad_configuration_file_is_one_sentence(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "labourqa.toml").write_text("colour = 1\n")
    assert main(["history"]) == 1
    assert "'colour' is not a setting" in capsys.readouterr().err


@pytest.mark.slow
def test_a_reader_that_stops_early_is_no_error(home: Path) -> None:
    assert main(["history"]) == 0  # makes the database
    command = f"{sys.executable} -m labourqa show 117 | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout
    assert done.stderr == ""


@pytest.mark.slow
def test_a_long_question_on_stdin_is_not_read_to_its_end(tmp_path: Path) -> None:
    done = run_labourqa("ask", "-", home=tmp_path, stdin="x" * 1_000_000)
    assert done.returncode == 1
    assert f"at most {MAX_QUESTION_CHARACTERS:,}" in done.stderr.replace("\n", " ")


@pytest.mark.slow
def test_a_question_on_stdin_that_is_not_text_is_one_sentence(tmp_path: Path) -> None:
    done = run_labourqa(
        "ask", "-", home=tmp_path, stdin=b"\xff\xfe?", PYTHONUTF8="1", PYTHONIOENCODING="utf-8:strict"
    )
    assert done.returncode == 1
    assert done.stderr == "labourqa: The question on stdin is not UTF-8 text.\n"


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--help"], ["show", "117"], ["history"]])
def test_a_command_that_needs_no_model_imports_no_large_library(home: Path, arguments: list[str]) -> None:
    code = (
        "import sys; from labourqa.cli.main import main; assert main(sys.argv[1:]) == 0; "
        "print(*{name.split('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    large = {"torch", "transformers", "matplotlib", "streamlit", "rich"}
    if arguments == ["--help"]:
        large |= {"numpy", "sqlite_utils"}
    assert not large & set(done.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["ask", "caf\udce9?"], "is not UTF-8 text"),
        (["search", "caf\udce9"], "is not UTF-8 text"),
        (["show", "1\udce9"], "is not UTF-8 text"),
        (["ingest", "caf\udce9.txt"], "is not UTF-8 text"),
        (["search", ""], "There is no word to search for"),
        (["search", '" *'], "There is no word to search for"),
        (["ui", "--port", "70000"], "65535"),
        (["ask", "Why?", "--top", "9999999999"], "at most 999,999,999"),
        (["ingest", "circle.txt"], "is a symbolic link that leads to no file"),
    ],
)
def test_arguments_that_mean_nothing_are_one_sentence(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    (home / "circle.txt").symlink_to("circle.txt")
    assert main(arguments) in (1, 2)
    errors = " ".join(capsys.readouterr().err.split())
    assert sentence in errors
    assert "\udce9" not in errors


def test_a_question_on_stdin_that_is_no_utf_8_is_one_sentence(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "sys.stdin", io.StringIO("How long is caf\udce9?")
    )  # as Python reads it in the C locale
    assert main(["ask", "-"]) == 1
    assert "The question is not UTF-8 text" in capsys.readouterr().err


def test_a_file_may_have_a_name_of_any_bytes(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = home / "caf\udce9\x1b[31m\n2.txt"
    try:
        path.write_text(TWO_ACTS)
    except OSError:
        pytest.skip("this file system takes only names in UTF-8")
    assert main(["ingest", str(path), "--dry-run"]) == 0
    assert "caf[31m 2.txt (plain text)" in capsys.readouterr().out


def test_the_error_of_a_setting_names_where_it_is_set(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "labourqa.toml").write_text('top = "many"\n')
    assert main(["history"]) == 1
    assert f"not 'many' ({home / 'labourqa.toml'})." in " ".join(capsys.readouterr().err.split())
    monkeypatch.setenv("LABOURQA_TOP", "few")
    assert main(["history"]) == 1
    assert "not 'few' (the variable LABOURQA_TOP)." in " ".join(capsys.readouterr().err.split())
