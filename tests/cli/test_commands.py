"""The commands as a user types them, with an engine that needs no model."""

import io
import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from labourqa.answering.report import Report
from labourqa.cli.main import main
from labourqa.config import DATA, PAGE, Settings, load_settings
from labourqa.documents.document import read_document
from labourqa.pipeline import Assistant, open_assistant
from labourqa.store import Store
from tests.documents.make_pdf import Text, make_pdf
from tests.fakes import FakeEngine
from tests.samples import make_report


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ("117", "Article 117. Specific Rules on Night Work"),
        ("144(3)", "Night work must be paid at no less than one and a half times"),
        ("72^1", "Article 72¹."),
        ("Art. 72¹", "Article 72¹."),
    ],
)
def test_show_prints_the_law(
    embedded_home: Path, capsys: pytest.CaptureFixture[str], reference: str, text: str
) -> None:
    assert main(["show", reference]) == 0
    shown = capsys.readouterr()
    assert text in shown.out
    assert "version of 2025-01-01" in shown.out
    assert shown.err == ""


def test_show_names_the_articles_that_refer_to_one(
    embedded_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", "117"]) == 0
    assert "Referred to in: Art. " in capsys.readouterr().out


def test_search_finds_articles(embedded_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "night work"]) == 0
    assert capsys.readouterr().out.startswith("Art. 117  Specific Rules on Night Work")


def test_ingest_makes_a_file_the_current_edition_and_prepares_it(
    engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ingest", "nowhere.txt"]) == 0
    shown = capsys.readouterr()
    assert "Labour Code of Nowhere (nowhere.txt): 5 articles, Art. 1 to 5\n" in shown.out
    assert " tokens for fake; stored in " in shown.out
    assert len(engine.prefix_caches) == 1
    assert not engine.prefix_caches[0].is_open
    assert main(["show", "3"]) == 0
    assert "one and a half times" in capsys.readouterr().out


def test_ingest_without_a_file_returns_to_the_embedded_edition(
    engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ingest", "nowhere.txt"]) == 0
    assert main(["ingest"]) == 0
    assert "(labour-code-lt.en.txt): 257 articles, Art. 1 to " in capsys.readouterr().out


def test_a_text_without_articles_is_refused_and_the_old_edition_answers(
    embedded_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (embedded_home / "poem.txt").write_text("Roses are red, and have no articles.\n")
    assert main(["show", "117"]) == 0
    before = capsys.readouterr().out
    assert main(["ingest", "poem.txt"]) == 1
    assert "rticle" in capsys.readouterr().err
    assert main(["show", "117"]) == 0
    assert capsys.readouterr().out == before


def test_a_document_cannot_command_the_terminal(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "evil.txt").write_text(
        "Evil Code\n\nArticle 1. \x1b[31mRed\n\n1. \x1b]0;title\x07 text [bold]b[/bold]\n"
    )
    assert "\x1b" in read_document(home / "evil.txt").text
    with open_assistant(Settings(home=home)) as assistant:
        assistant.ingest(home / "evil.txt", force=True)
    assert main(["show", "1", "--code", "evil"]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "[bold]b[/bold]" in shown


def test_ask_prints_the_answer_to_stdout_and_everything_else_to_stderr(
    engine: FakeEngine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["ingest", "nowhere.txt"])
    capsys.readouterr()
    monkeypatch.setattr("sys.stdin", io.StringIO("How is night work paid?\n"))
    assert main(["ask", "-", "--answer", "quoted"]) == 0
    shown = capsys.readouterr()
    assert "Night work is paid at one and a half times the pay. [Art. 3(1)]" in shown.out
    assert "\nSources\n  Art. 3  Night Work\n" in shown.out
    assert "fake in float32 on cpu (for tests)\n" in shown.err
    assert "5 of 5 articles read\n" in shown.err
    assert "5 of 5 articles read by the model" in shown.err
    assert "seconds: load 0.0" in shown.err


def test_ask_streams_a_written_answer_once(engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    engine.reply = "Night work is paid at one and a half times the pay [Art. 3(1)]."
    main(["ingest", "nowhere.txt"])
    capsys.readouterr()
    assert main(["ask", "How is night work paid?", "--answer", "written"]) == 0
    assert capsys.readouterr().out.count("one and a half times") == 1


@pytest.mark.parametrize("kind", ["quoted", "written"])
def test_ask_json_prints_the_report_as_one_document(
    engine: FakeEngine, home: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    main(["ingest", "nowhere.txt"])
    capsys.readouterr()
    assert main(["ask", "How is night work paid?", "--answer", kind, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    with Store(Settings(home=home).database) as store:
        (conversation,) = store.conversations.search()
        (logged,) = store.conversations.answers(conversation.id)
    assert document == logged.report.to_json()


def test_flags_override_the_configuration(
    engine: FakeEngine, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "labourqa.toml").write_text("top = 1\nanswer_tokens = 77\n")
    main(["ingest", "nowhere.txt"])
    capsys.readouterr()
    flags = ["--top", "2", "--threshold", "-0.5", "--method", "shortlist", "--shortlist", "3", "--batch-tokens", "99",
             "--cache-bits", "8", "--answer", "quoted", "--read-seconds", "2.5"]  # fmt: skip
    assert main(["ask", "How is night work paid?", "--json", *flags]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["method"] == "shortlist"
    assert document["settings"] == {
        "answer": "quoted",
        "threshold": -0.5,
        "top": 2,
        "shortlist": 3,
        "batch_tokens": 99,
        "batch_articles": 8,
        "cache_bits": 8,
        "answer_tokens": 77,
        "read_seconds": 2.5,
    }


def test_chat_understands_a_follow_up_logs_one_conversation_a_subject_and_continues_after_a_mistake(
    engine: FakeEngine, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["ingest", "nowhere.txt"])
    capsys.readouterr()
    lines = "How is night work paid?\n???\nand for study?\n\nHow long is annual leave?"
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    assert main(["chat", "--answer", "quoted"]) == 0
    shown = capsys.readouterr()
    assert shown.out.count("Information, not legal advice.") == 3
    assert shown.out.count("Understood as") == 1
    assert "Understood as: How is night work paid? and for study?" in shown.out
    assert "The question is empty" in shown.err
    assert "articles read\n" not in shown.err
    with Store(Settings(home=home).database) as store:
        questions = [
            [answer.report.question for answer in store.conversations.answers(conversation.id)]
            for conversation in store.conversations.search()
        ]
    assert questions == [["How long is annual leave?"], ["How is night work paid?", "and for study?"]]


def test_chat_json_prints_one_document_for_each_question(
    engine: FakeEngine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["ingest", "nowhere.txt"])
    capsys.readouterr()
    monkeypatch.setattr("sys.stdin", io.StringIO("How is night work paid?\nand for study?\n"))
    assert main(["chat", "--json"]) == 0
    shown = capsys.readouterr().out
    first, end = json.JSONDecoder().raw_decode(shown)
    second = json.loads(shown[end:])
    assert [first["question"], second["question"]] == ["How is night work paid?", "and for study?"]


def test_eval_json_prints_the_summary_the_published_figures_and_each_report_with_its_id(
    engine: FakeEngine, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["ingest", "nowhere.txt"])
    capsys.readouterr()
    cases = [
        {"id": "n-1", "question": "How is night work paid?", "articles": {"3": 2}},
        {"id": "n-2", "question": "How long is annual leave?", "articles": {"1": 2}, "style": "everyday"},
    ]
    (home / "cases.jsonl").write_text("\n".join(map(json.dumps, cases)))
    assert main(["eval", "cases.jsonl", "--json", "--out", "out.jsonl"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document) == ["summary", "published", "reports"]
    assert document["summary"]["questions"] == 2
    assert document["published"] == json.loads((DATA / "published-figures.json").read_text())
    assert [next(iter(report.items())) for report in document["reports"]] == [("id", "n-1"), ("id", "n-2")]
    assert document["reports"] == [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]


def test_eval_prints_each_measure_by_name(
    engine: FakeEngine, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["ingest", "nowhere.txt"])
    capsys.readouterr()
    case = {"question": "How is night work paid?", "articles": {"3": 2}, "style": "everyday"}
    (home / "cases.jsonl").write_text(json.dumps(case))
    assert main(["eval", "cases.jsonl"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "recall", "precision", "f2", "all_needed", "selected", "mrr", "recall_at_5", "recall_at_10", "recall_at_20",
        "ndcg_at_10", "questions", "answerable", "facts", "facts_stated", "citations", "citations_resolve",
        "refused_rightly", "refused_wrongly", "everyday", "median_seconds", "tokens", "peak_memory_bytes",
    ]  # fmt: skip
    assert lines[0] == "recall: 1.000 (1.000 to 1.000)"
    assert "questions: 1" in lines
    assert "facts_stated: undefined" in lines
    assert (
        "everyday: 1 questions, mrr 1.000, recall_at_10 1.000, recall 1.000, facts_stated undefined" in lines
    )


def test_eval_without_a_file_compares_the_reference_cases_with_the_published_figures(
    engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["eval", "--answer", "quoted"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(
        "In brackets: the published figures (meta-llama/Llama-3.2-3B-Instruct, one GPU).\n"
    )
    assert shown.count("  of those named in the published answer: ") == 4
    seconds = r"  seconds   load 0\.0, filter \d\.\d \[11\], answer \d\.\d \[20 to 60\], total \d\.\d\n"
    assert len(re.findall(seconds, shown)) == 4
    assert "\nquestions: 4\n" in shown


def test_history_lists_and_erases(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Store(Settings(home=home).database) as store:
        store.conversations.log(make_report("How is night work paid?"))
        store.conversations.log(make_report("Am I \x1b[31mred?"))
    assert main(["history"]) == 0
    shown = capsys.readouterr().out
    assert [line[18:] for line in shown.splitlines()] == ["Am I [31mred?", "How is night work paid?"]
    assert "\x1b" not in shown
    assert main(["history", "--erase"]) == 0
    assert "2 answers erased" in capsys.readouterr().out
    assert main(["history"]) == 0
    assert capsys.readouterr().out == ""


def test_history_of_all_owners_names_them_and_the_own_history_leaves_the_others_alone(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = Settings(home=home).database
    for owner, question in (("local", "How long is leave?"), ("visitor:0123456789abcdef", "Am I pregnant?")):
        with Store(database, owner=owner) as store:
            store.conversations.log(make_report(question))
    assert main(["history"]) == 0
    assert "pregnant" not in capsys.readouterr().out
    assert main(["history", "--all"]) == 0
    listed = [line[18:] for line in capsys.readouterr().out.splitlines()]
    assert listed == ["visitor:01234567  Am I pregnant?", "you  How long is leave?"]
    assert main(["history", "--erase"]) == 0
    assert "1 answers erased" in capsys.readouterr().out
    assert main(["history", "--all"]) == 0
    assert "pregnant" in capsys.readouterr().out


def test_conversations_older_than_keep_days_are_erased_by_the_next_command(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(Settings(home=home).database, owner="visitor:ada") as store:
        answer, _ = store.conversations.log(make_report("Am I pregnant?"))
        store._database._db.execute("UPDATE answers SET asked_at = '2020-01-01' WHERE id = ?", [answer])
        store._database._db.conn.commit()
    monkeypatch.setenv("LABOURQA_KEEP_DAYS", "30")
    assert main(["history", "--all"]) == 0
    assert capsys.readouterr().out == ""


def test_models_lists_the_embedded_models_and_how_to_fetch_them(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{name}: not on this machine; `labourqa models fetch {name}` fetches it"
        for name in ("smollm2-135m", "minilm-l6-v2")
    ]
    assert main(["models", "verify", "smollm2-135m"]) == 0
    assert capsys.readouterr().out.startswith("smollm2-135m: not on this machine")


def test_models_lists_a_local_folder_whose_files_have_no_checksums(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "my-model").mkdir()
    for name in ("config.json", "tokenizer.json"):
        (home / "my-model" / name).write_text("{}")
    (home / "my-model" / "model.safetensors").write_bytes(b"weights")
    assert main(["models", "list", "my-model"]) == 0
    assert capsys.readouterr().out.startswith(f"my-model: {home / 'my-model'} (files:")
    assert main(["models", "fetch", "my-model"]) == 0
    assert capsys.readouterr().out == f"my-model: {home / 'my-model'}\n"
    assert main(["models", "verify", "my-model"]) == 0
    assert capsys.readouterr().out == "my-model: it has no recorded checksums\n"


def test_ui_serves_the_page_with_the_settings_of_its_flags(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served: list[list[str]] = []
    monkeypatch.setattr("streamlit.web.cli.main", lambda arguments, **_: served.append(arguments))
    for name in ("CODE", "MODEL", "PRECISION", "METHOD", "CACHE_BITS"):
        monkeypatch.setenv(f"LABOURQA_{name}", "")  # restored after the test
    flags = ["--model", "my-model", "--cache-bits", "8", "--code", "lithuania"]
    assert main(["ui", "--port", "8600", *flags]) == 0
    assert served == [["run", str(PAGE), "--server.port=8600"]]
    page_settings = load_settings({})
    assert (page_settings.model, page_settings.cache_bits) == ("my-model", 8)
    assert page_settings.code == "lithuania"
    assert (page_settings.precision, page_settings.method) == ("auto", "auto")
    assert (home / "labourqa.db").is_file()


def test_ui_reports_a_broken_database_instead_of_serving_the_page(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("streamlit.web.cli.main", lambda *_, **__: pytest.fail("the page is served"))
    (home / "labourqa.db").write_bytes(b"broken" * 1000)
    assert main(["ui"]) == 1
    assert "labourqa.db is damaged (file is not a database)" in capsys.readouterr().err


def test_an_answer_that_cannot_be_recorded_is_printed_all_the_same(
    engine: FakeEngine, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, a question that took a minute was answered with "in use by another program" alone."""
    assert main(["ingest", "nowhere.txt"]) == 0
    assert main(["ask", "How is night work paid?"]) == 0
    monkeypatch.setattr("labourqa.store.database.BUSY_SECONDS", 0)
    capsys.readouterr()
    with sqlite3.connect(home / "labourqa.db") as other:
        other.execute("BEGIN IMMEDIATE")  # as another process has it while it ingests
        assert main(["ask", "How is night work paid?"]) == 0
        shown = capsys.readouterr()
        assert "one and a half times" in shown.out
        assert "The question and the answer were not recorded. " in shown.err
        assert "in use by another program; try again later." in shown.err
        monkeypatch.setattr("sys.stdin", io.StringIO("How is night work paid?\n"))
        assert main(["chat"]) == 0
        shown = capsys.readouterr()
        assert "one and a half times" in shown.out
        assert "were not recorded" in shown.err
    other.close()


def test_the_sources_name_the_pages_of_a_pdf(
    engine: FakeEngine, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [line for line in (home / "nowhere.txt").read_text().splitlines() if line]
    pages = [[Text(60, 800 - 20 * i, line) for i, line in enumerate(part)] for part in (lines[:8], lines[8:])]
    (home / "nowhere.pdf").write_bytes(make_pdf(*pages))
    assert main(["ingest", "nowhere.pdf"]) == 0
    capsys.readouterr()
    assert main(["ask", "How is night work paid?", "--answer", "quoted"]) == 0
    assert "  Art. 3  Night Work, page 2\n" in capsys.readouterr().out
    assert main(["show", "3(1)"]) == 0
    assert "(nowhere.pdf), page 2\n" in capsys.readouterr().out
    assert main(["ask", "How is night work paid?", "--answer", "quoted", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["answer"]["citations"][0]["page"] == 2


def test_a_list_of_questions_is_answered_and_resumes_after_an_interruption(
    engine: FakeEngine, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["ingest", "nowhere.txt"])
    (home / "list.csv").write_text("question\nHow is night work paid?\nHow long is study leave?\n")
    command = ["ask", "--file", "list.csv", "--out", "answers.csv", "--answer", "quoted"]
    ask, asked = Assistant.ask, []

    def ask_once(self: Assistant, question: str, **others: Any) -> Report:
        asked.append(question)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return ask(self, question, **others)

    monkeypatch.setattr(Assistant, "ask", ask_once)
    assert main(command) == 130
    assert not (home / "answers.csv").exists()
    assert main(command) == 0
    assert asked == ["How is night work paid?", "How long is study leave?", "How long is study leave?"]
    assert "2 questions asked, 2 answered; written to answers.csv." in capsys.readouterr().err
    answers = (home / "answers.csv").read_text(encoding="utf-8-sig")
    assert "Study leave lasts ten days." in answers
    assert "Art. 3(1)" in answers
    assert [path.name for path in home.glob("answers*")] == ["answers.csv"]


@pytest.mark.parametrize(
    "arguments", [[], ["Why?", "--file", "x.csv"], ["--file", "x.csv"], ["Why?", "--out", "y"]]
)
def test_ask_takes_a_question_or_a_file(home: Path, arguments: list[str]) -> None:
    assert main(["ask", *arguments]) == 2


def test_feedback_is_listed_and_exported_as_labelled_questions(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Store(Settings(home=home).database) as store:
        answer, _ = store.conversations.log(make_report("How long is rest?"))
        store.conversations.save_feedback(answer, False, "wrong article")
        store.conversations.save_right_articles(answer, "1(2)")
    assert main(["feedback"]) == 0
    assert capsys.readouterr().out == "- How long is rest? (right: 1(2)): wrong article\n"
    assert main(["feedback", "--export", "labelled.jsonl"]) == 0
    assert capsys.readouterr().err == "1 labelled question written to labelled.jsonl.\n"
    assert json.loads((home / "labelled.jsonl").read_text())["articles"] == {"1": 2}
