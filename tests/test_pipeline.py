"""The assistant with an engine and an encoder that count words: everything but the models, without torch."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from labourqa.answering.conversation import Turn
from labourqa.answering.question import MAX_READ_WORDS, check_question, resolve_mentions
from labourqa.answering.understanding import SHORTENED
from labourqa.config import Settings
from labourqa.engine.startup import choose_method
from labourqa.errors import EngineError, NoArticlesError, QuestionError, UncertainCodeError
from labourqa.evaluation.cases import Case
from labourqa.law.edition import Edition
from labourqa.law.references import Reference
from labourqa.law.structure import Article, Code, Paragraph
from labourqa.methods import METHODS
from labourqa.models.relevance import OTHER_LAWS_DELTA_SHARE
from labourqa.models.texts import TEXTS_VERSION
from labourqa.pipeline import Assistant, open_assistant
from labourqa.reading import CALIBRATION_QUESTION
from labourqa.store import Store
from tests.conftest import ROOT, small_code
from tests.fakes import SMALL, FakeEncoder, FakeEngine, RecordingProgress, fake_models

NIGHT = "How is night work paid?"
TAX = "How much income tax is taken off a salary?"

MakeAssistant = Callable[..., Assistant]


@pytest.fixture
def progress() -> RecordingProgress:
    return RecordingProgress()


@pytest.fixture
def encoder() -> FakeEncoder:
    return FakeEncoder()


@pytest.fixture
def make_assistant(
    store: Store, small_edition: Edition, progress: RecordingProgress, encoder: FakeEncoder, tmp_path: Path
) -> MakeAssistant:
    """An assistant with this engine and these settings; all share one database with the small code."""

    def make(engine: FakeEngine | None = None, **settings: object) -> Assistant:
        changed = dataclasses.replace(Settings(home=tmp_path), **settings)  # type: ignore[arg-type]  # any settings
        return Assistant(changed, store, models=fake_models(engine, encoder), progress=progress)

    return make


def test_a_quoted_answer_is_the_words_of_the_article(make_assistant: MakeAssistant) -> None:
    report = make_assistant(answer="quoted").ask(NIGHT)
    assert report.answer.kind == "quoted"
    assert report.selection.selected == ("2",)
    assert small_code().articles[1].text in report.answer.text
    assert [str(citation.reference) for citation in report.answer.citations] == ["Art. 2"]
    assert report.titles == {"1": "Kinds of Leave", "2": "Night Work", "2^1": "Study"}
    assert (report.tokens.filter, report.tokens.answer_generated) == (30, 0)


def test_a_written_answer_is_streamed_counted_and_checked(
    make_assistant: MakeAssistant, progress: RecordingProgress
) -> None:
    engine = FakeEngine(reply="Night work is paid at one and a half times the pay [Art. 2]. It ends at 6.")
    report = make_assistant(engine).ask(NIGHT)
    assert report.answer.kind == "written"
    assert progress.text == report.answer.text == engine.reply
    assert report.answer.complete
    assert [statement.doubts for statement in report.answer.statements] == [(), ("it cites nothing",)]
    [prompt] = engine.prompts
    assert "Night work is paid at one and a half times the pay." in prompt
    assert "Leave is annual" not in prompt  # it was not selected
    assert report.tokens.answer_prompt == len(prompt.split())
    assert report.tokens.answer_generated == len(engine.reply.split())


def test_an_answer_that_reaches_the_token_limit_is_incomplete(make_assistant: MakeAssistant) -> None:
    report = make_assistant(answer_tokens=3).ask(NIGHT)
    assert report.answer.text == "Night work is"
    assert not report.answer.complete


def test_the_model_writes_from_as_many_of_the_best_articles_as_fit_its_context(
    make_assistant: MakeAssistant,
) -> None:
    engine = FakeEngine()
    question = "How is night work paid during study leave?"
    wide = make_assistant(engine, threshold=-9.0).ask(question)
    engine.context_tokens = wide.tokens.answer_prompt - 1 + 400
    narrow = make_assistant(engine, threshold=-9.0).ask(question)
    assert wide.selection.selected == narrow.selection.selected
    last = next(a for a in small_code().articles if a.number == wide.selection.selected[-1])
    assert [last.text in prompt for prompt in engine.prompts] == [True, False]
    assert narrow.tokens.answer_prompt < wide.tokens.answer_prompt


def test_a_question_that_no_article_answers_is_refused_with_what_the_code_covers(
    make_assistant: MakeAssistant,
) -> None:
    report = make_assistant().ask("Where can bicycles be bought cheaply?")
    assert report.answer.kind == "refused"
    assert report.answer.text.endswith("answers this question; it covers leave.")
    assert (report.selection.selected, report.selection.read) == ((), 3)


@pytest.mark.parametrize("parameters", [SMALL, 3_200_000_000])
def test_a_question_out_of_scope_is_refused_by_the_trained_relevance(
    make_assistant: MakeAssistant, parameters: int
) -> None:
    report = make_assistant(FakeEngine(parameters=parameters)).ask(TAX)
    assert report.out_of_scope > 0.9
    assert report.answer.kind == "refused"


def test_articles_that_the_question_names_come_first_and_missing_ones_are_reported(
    make_assistant: MakeAssistant,
) -> None:
    report = make_assistant(answer="quoted").ask(
        "How is night work paid, and what do Art. 99 and Art. 2-1(1) say?"
    )
    assert report.selection.selected == ("2^1", "2")
    assert str(report.answer.citations[0].reference) == "Art. 2¹(1)"
    assert report.unknown == (Reference("99"),)


def test_a_named_article_is_answered_in_any_language(make_assistant: MakeAssistant) -> None:
    report = make_assistant(FakeEngine(parameters=SMALL)).ask("Kiek dienų trunka atostogos pagal DK 1 str.?")
    assert report.selection.selected[0] == "1"
    assert report.answer.kind == "quoted"


def test_passages_that_the_cited_text_refers_to_are_related(make_assistant: MakeAssistant) -> None:
    report = make_assistant(answer="quoted", top=1).ask("When is special leave for a wedding granted?")
    assert report.selection.selected == ("1",)
    assert [str(citation.reference) for citation in report.related] == ["Art. 2¹(1)"]


def test_a_follow_up_is_answered_together_with_the_question_before_it(make_assistant: MakeAssistant) -> None:
    engine = FakeEngine()
    assistant = make_assistant(engine)
    first = assistant.ask(NIGHT)
    second = assistant.ask("And in a wedding dress?", previous=first.turn)
    assert second.question == "And in a wedding dress?"
    assert second.turn is not None
    assert second.resolved_question == f"{NIGHT} And in a wedding dress?" == second.turn.question
    assert engine.score_calls[-1].question == second.resolved_question
    assert "2" in second.selection.selected


def test_a_follow_up_reads_the_articles_of_the_question_before_it(make_assistant: MakeAssistant) -> None:
    engine = FakeEngine(parameters=SMALL)
    assistant = make_assistant(engine, method="shortlist", shortlist=1)
    assistant.ask("And if it is for a wedding?", previous=Turn("When do I get leave?", ("2", "2^1")))
    assert set(engine.score_calls[-1].articles) == {"2", "2^1"}
    assistant.ask("How is special leave for a wedding granted?", previous=Turn("When?", ("2", "2^1")))
    assert engine.score_calls[-1].articles == ("1",)


@pytest.mark.parametrize("question", ["", "   ", "???", "\n\t", "—"])
def test_an_empty_question_is_refused_with_an_example(question: str) -> None:
    with pytest.raises(QuestionError, match="question is empty"):
        check_question(question)


def test_a_question_of_100000_characters_is_refused_at_once(make_assistant: MakeAssistant) -> None:
    engine = FakeEngine()
    with pytest.raises(QuestionError, match="100,000 characters"):
        make_assistant(engine).ask("x" * 100_000)
    assert not engine.score_calls


def test_a_conversation_that_grows_long_keeps_its_last_question(make_assistant: MakeAssistant) -> None:
    earlier = "How is night work paid? " * 30
    report = make_assistant().ask("And in a wedding dress?", previous=Turn(earlier, ("2",)))
    assert report.resolved_question.endswith("And in a wedding dress?")
    assert len(report.resolved_question.split()) <= MAX_READ_WORDS


@pytest.mark.parametrize("name", [name for name, one in METHODS.items() if one.for_questions])
def test_every_method_reads_the_articles_in_its_own_way(make_assistant: MakeAssistant, name: str) -> None:
    engine = FakeEngine(parameters=SMALL)
    report = make_assistant(engine, method=name, shortlist=2).ask(NIGHT)
    [call] = engine.score_calls
    method = METHODS[name]
    assert report.run.method == name
    assert call.batching == method.batching
    assert call.scoring == ("generated" if method.scoring == "generated" else "query_likelihood")
    assert len(call.articles) == report.selection.read == (2 if name == "shortlist" else 3)
    assert len(engine.prefix_caches) == (1 if method.batching == "prefix-cache" else 0)
    assert report.selection.selected[0] == "2"


def test_a_probe_scores_other_laws_and_the_likelihood_the_law_with_trained_vectors(
    make_assistant: MakeAssistant,
) -> None:
    engine = FakeEngine(parameters=SMALL)
    engine.scoring_mode = "probe"
    assistant = make_assistant(engine)
    assistant.ask(NIGHT)
    assistant.ingest()
    assistant.ask(NIGHT)
    assert [call.scoring for call in engine.score_calls] == ["probe", "query_likelihood"]
    assert [cache.scoring for cache in engine.prefix_caches] == ["probe", "query_likelihood"]


@pytest.mark.parametrize(
    ("engine", "method"),
    [
        (FakeEngine(), "article-cache"),
        (FakeEngine(supports_prefix_cache=False), "shortlist"),
        (FakeEngine(supports_prefix_cache=False, server_url="http://localhost/v1"), "token-batches-logits"),
    ],
)
def test_the_method_is_chosen_by_what_the_engine_can_do(engine: FakeEngine, method: str) -> None:
    assert choose_method("auto", engine).name == method
    assert choose_method("packed", engine).name == "packed"


def test_the_prefix_cache_is_opened_passed_on_and_closed(make_assistant: MakeAssistant) -> None:
    engine = FakeEngine()
    make_assistant(engine, cache_bits=8).ask(NIGHT)
    [cache] = engine.prefix_caches
    assert cache.articles == small_code().articles
    assert (cache.scoring, cache.bits) == ("yes_no", 8)
    assert [call.prefix_cache for call in engine.score_calls] == [cache, cache]  # the second for calibration
    assert not cache.is_open


@pytest.mark.parametrize("error", [EngineError("no memory"), KeyboardInterrupt(), ZeroDivisionError()])
def test_the_prefix_cache_is_closed_when_scoring_fails(
    make_assistant: MakeAssistant, error: Exception
) -> None:
    engine = FakeEngine(error=error)
    assistant = make_assistant(engine)
    with pytest.raises(type(error)):
        assistant.ask(NIGHT)
    assert [cache.is_open for cache in engine.prefix_caches] == [False]
    engine.error = None
    assert assistant.ask(NIGHT).selection.selected == ("2",)


def test_the_prefix_cache_is_closed_when_the_language_is_refused(make_assistant: MakeAssistant) -> None:
    engine = FakeEngine(parameters=SMALL)
    report = make_assistant(engine).ask("Kiek dienų trunka kasmetinės atostogos?")
    assert report.answer.kind == "refused"
    assert "is in English here, and the question seems to be in Lithuanian" in report.answer.text
    assert report.selection.read == 0
    assert report.selection.selected == ()
    assert not engine.score_calls
    assert [cache.is_open for cache in engine.prefix_caches] == [False]


@pytest.mark.parametrize("question", ["Hello", "Thanks a lot!"])
def test_small_talk_is_answered_without_reading_the_code(
    make_assistant: MakeAssistant, question: str
) -> None:
    engine = FakeEngine()
    report = make_assistant(engine).ask(question)
    assert (report.answer.kind, report.answer.outcome) == ("refused", "small_talk")
    assert report.turn is None
    assert report.selection.read == 0
    assert not engine.score_calls
    assert not engine.prefix_caches


def test_a_long_question_costs_the_model_its_asking_part_alone_and_the_report_says_so(
    make_assistant: MakeAssistant,
) -> None:
    engine = FakeEngine()
    story = "It rained for days and nobody came to repair the roof. " * 30
    report = make_assistant(engine, answer="quoted").ask(f"{story}How is night work paid?")
    assert len(engine.score_calls[0].question.split()) <= MAX_READ_WORDS
    assert report.resolved_question == engine.score_calls[0].question
    assert report.question.startswith(story.strip())
    assert report.notices[0] == SHORTENED
    assert report.selection.selected[0] == "2"


def test_a_large_model_is_asked_in_any_language(make_assistant: MakeAssistant) -> None:
    engine = FakeEngine()
    make_assistant(engine).ask("Kiek dienų trunka kasmetinės atostogos?")
    assert len(engine.score_calls[0].articles) == 3


LONG = Article(
    "5",
    "Working Time",
    tuple(
        Paragraph(str(number), " ".join([*["ordinary"] * 900, *words.split()]) + ".")
        for number, words in enumerate(
            ("Shifts are planned ahead", "Overtime in summer is voluntary", "Breaks last an hour"), 1
        )
    ),
)


@pytest.mark.parametrize("method", ["article-cache", "packed", "shortlist"])
def test_a_long_article_is_read_in_windows_of_which_the_best_counts(
    make_assistant: MakeAssistant, store: Store, progress: RecordingProgress, method: str
) -> None:
    store.editions.save(
        dataclasses.replace(small_code(), articles=(*small_code().articles, LONG)),
        source="x",
        sha256="9" * 64,
    )
    engine = FakeEngine()
    report = make_assistant(engine, method=method).ask("Is overtime in summer voluntary?")
    numbers = engine.score_calls[0].articles
    assert len(numbers) > 4
    assert set(numbers) == {"1", "2", "2^1", "5"}
    assert report.selection.read == 4
    assert report.selection.selected == ("5",)
    assert engine.score_calls[0].question != CALIBRATION_QUESTION
    [prompt] = engine.prompts  # only the best window was shown
    assert "Overtime in summer" in prompt
    assert "Breaks last" not in prompt
    assert "parts of articles read" in progress.names


def test_windows_fit_a_short_context(make_assistant: MakeAssistant, store: Store) -> None:
    store.editions.save(dataclasses.replace(small_code(), articles=(LONG,)), source="x", sha256="9" * 64)
    engine = FakeEngine()
    engine.context_tokens = 1_024 + 500
    make_assistant(engine).ask("Is overtime in summer voluntary?")
    [cache] = engine.prefix_caches
    assert len(cache.articles) >= 6
    assert max(engine.count_tokens([window.format() for window in cache.articles])) <= 500


def test_a_margin_is_reduced_by_what_the_model_says_without_a_question(make_assistant: MakeAssistant) -> None:
    engine = FakeEngine()
    scores = make_assistant(engine).ask(NIGHT).selection.scores
    assert [call.question for call in engine.score_calls] == [NIGHT, CALIBRATION_QUESTION]
    # Without calibration, the longest article would have the highest score: the engine adds its length.
    assert scores == pytest.approx({"1": -1, "2": 3, "2^1": -1})


def test_calibration_margins_are_stored_once_for_each_model(
    make_assistant: MakeAssistant,
) -> None:
    engine = FakeEngine()

    def times_asked() -> int:
        return [call.question for call in engine.score_calls].count(CALIBRATION_QUESTION)

    make_assistant(engine).ask(NIGHT)
    make_assistant(engine).ask("When do I get special leave?")
    assert times_asked() == 1
    engine.info = dataclasses.replace(engine.info, dtype="bfloat16")
    make_assistant(engine).ask(NIGHT)
    assert times_asked() == 2


def test_calibration_margins_are_computed_for_new_articles_of_a_shortlist_alone(
    make_assistant: MakeAssistant,
) -> None:
    engine = FakeEngine()
    make_assistant(engine, method="shortlist", shortlist=1).ask(NIGHT)
    make_assistant(engine, method="shortlist", shortlist=3).ask(NIGHT)
    calibrated = [call.articles for call in engine.score_calls if call.question == CALIBRATION_QUESTION]
    assert calibrated[0] == ("2",)
    assert set(calibrated[1]) == {"1", "2^1"}


def test_a_server_is_asked_nothing_for_calibration(make_assistant: MakeAssistant) -> None:
    engine = FakeEngine(supports_prefix_cache=False, server_url="http://localhost:8000/v1")
    make_assistant(engine).ask(NIGHT)
    assert [call.question for call in engine.score_calls] == [NIGHT]


def test_progress_is_reported_with_the_number_of_articles(
    make_assistant: MakeAssistant, progress: RecordingProgress
) -> None:
    assistant = make_assistant(answer="quoted")
    assistant.ask(NIGHT)
    assert progress.names == [
        "preparing the code for search",
        "reading the code once",
        "articles read",
        "articles read without a question",
    ]
    assert [one for one in progress.done if one[0] == "articles read"] == [
        ("articles read", done, 3) for done in (0, 1, 2, 3)
    ]


def test_the_code_is_tokenized_and_embedded_once(make_assistant: MakeAssistant, encoder: FakeEncoder) -> None:
    engine = FakeEngine()
    make_assistant(engine).ask(NIGHT)
    assert engine.texts_counted == 3
    code_texts = encoder.texts[:6]  # paragraphs and points
    assert encoder.texts[6] == NIGHT
    second = "When do I get special leave?"
    make_assistant(engine).ask(second)
    assert engine.texts_counted == 3
    assert second in encoder.texts
    assert all(encoder.texts.count(text) == 1 for text in code_texts)


def test_preparing_stores_token_counts_and_embeddings(
    make_assistant: MakeAssistant, store: Store, small_edition: Edition
) -> None:
    with make_assistant().prepare(small_edition) as code:
        assert code.articles == small_code().articles
        assert code.embeddings.shape == (6, 384)
    assert set(store.computed.token_counts(small_edition, "words")) == {"1", "2", "2^1"}
    embeddings = store.computed.embeddings(
        small_edition, f"fake-encoder {TEXTS_VERSION} {OTHER_LAWS_DELTA_SHARE}", [1, 3, 1, 1]
    )
    assert embeddings is not None
    assert (embeddings == code.embeddings).all()


def test_the_report_says_which_edition_models_and_settings_were_used(
    make_assistant: MakeAssistant, small_edition: Edition
) -> None:
    assistant = make_assistant(top=2, threshold=-1.5)
    report = assistant.ask(NIGHT, load_seconds=7.0)
    assert report.run == assistant.describe_run(small_edition)
    assert report.run.edition == small_edition
    assert (report.run.model.name, report.run.encoder) == ("fake", "fake-encoder")
    assert (report.run.settings.top, report.selection.threshold) == (2, -1.5)
    seconds = report.seconds
    assert seconds.load == 7
    assert seconds.total == pytest.approx(7 + seconds.tokenize + seconds.filter + seconds.answer)
    assert seconds.answer_first_token <= seconds.answer


def test_an_older_edition_is_asked_when_it_is_named(make_assistant: MakeAssistant, store: Store) -> None:
    newer = dataclasses.replace(small_code(), articles=small_code().articles[:1])
    older = store.editions.current()
    store.editions.save(newer, source="newer.txt", sha256="1" * 64)
    assistant = make_assistant(answer="quoted")
    assert len(assistant.ask(NIGHT).titles) == 1
    assert assistant.ask(NIGHT, edition=older).selection.selected == ("2",)


def test_a_file_becomes_the_current_edition_when_questions_to_it_can_be_answered(
    make_assistant: MakeAssistant, small_edition: Edition, tmp_path: Path
) -> None:
    path = tmp_path / "code.txt"
    titles = ["Wages", "Rest", "Leave", "Notice", "Strikes"]
    articles = "".join(
        f"\nArticle {n}. {title}\n1. {title} has rules.\n" for n, title in enumerate(titles, 1)
    )
    path.write_text(f"LABOUR CODE\n{articles}")
    assistant = make_assistant()
    edition = assistant.ingest(path)
    assert edition.source == "code.txt"
    assert assistant.current_edition() == small_edition
    with assistant.prepare(edition):
        assert assistant.current_edition() == edition
    assistant.store.editions.choose(small_edition)
    with assistant.prepare(edition):  # only the first time
        assert assistant.current_edition() == small_edition
    assert [a.title for a in assistant.store.editions.articles(edition)] == titles


def test_a_code_that_was_read_with_little_confidence_is_stored_only_by_force(
    make_assistant: MakeAssistant, small_edition: Edition, tmp_path: Path
) -> None:
    path = tmp_path / "code.txt"
    path.write_text("LABOUR CODE\n\nArticle 1. Wages\n1. Wages are paid monthly.\n")
    assistant = make_assistant()
    with pytest.raises(UncertainCodeError, match="Only 1 article"):
        assistant.ingest(path)
    assert assistant.current_edition() == small_edition
    assert assistant.ingest(path, force=True, name="My code").code == "My code"


def test_repealed_articles_are_not_read_and_a_question_about_one_is_told_so(
    make_assistant: MakeAssistant, store: Store
) -> None:
    code = small_code()
    repealed = Article("9", "Old rules", (Paragraph("", "(Repealed)"),), repealed=True)
    edition = store.editions.save(
        dataclasses.replace(code, articles=(*code.articles, repealed)), source="x.txt", sha256="9" * 64
    )
    report = make_assistant().ask("What does Art. 9 say about night work?", edition=edition)
    assert report.repealed == (Reference("9"),)
    assert report.unknown == ()
    assert "9" not in report.titles
    assert store.editions.article(edition, "9").repealed


def test_a_file_without_articles_leaves_the_current_edition(
    make_assistant: MakeAssistant, small_edition: Edition, tmp_path: Path
) -> None:
    path = tmp_path / "poem.txt"
    path.write_text("Whose woods these are I think I know.\n" * 20)
    assistant = make_assistant()
    with pytest.raises(NoArticlesError):
        assistant.ingest(path)
    assert assistant.current_edition() == small_edition


def test_a_law_that_states_its_structure_is_ingested_by_it(
    make_assistant: MakeAssistant, tmp_path: Path
) -> None:
    path = tmp_path / "law.xml"
    article = (
        "<article><num>§ 5</num><heading>Leave</heading><content><p>Leave is paid.</p></content></article>"
    )
    path.write_text(f"<akomaNtoso><act><body>{article}</body></act></akomaNtoso>")
    assistant = make_assistant()
    edition = assistant.ingest(path, force=True)
    (stored,) = assistant.store.editions.articles(edition)
    assert (stored.number, stored.title, stored.text) == ("5", "Leave", "Leave is paid.")


def test_the_embedded_edition_is_ingested_when_there_is_none(tmp_path: Path) -> None:
    with open_assistant(Settings(home=tmp_path)) as assistant:
        edition = assistant.current_edition()
        assert edition.date == "2025-01-01"
        assert len(assistant.store.editions.articles(edition)) == 257
        assert assistant.current_edition() == edition
        assert len(assistant.store.editions.all()) == 1


def test_an_evaluation_asks_every_case_and_resumes_from_its_file(
    make_assistant: MakeAssistant, progress: RecordingProgress, tmp_path: Path
) -> None:
    cases = [
        Case(str(i), question, True, "", {"2": 2}, [], None)
        for i, question in enumerate((NIGHT, "When do I get special leave?"))
    ]
    out = tmp_path / "results.jsonl"
    engine = FakeEngine()
    assistant = make_assistant(engine, answer="quoted")
    assert [report.question for report in assistant.evaluate(cases[:1], out=out)] == [NIGHT]
    reports = assistant.evaluate(cases, out=out)
    assert [call.question for call in engine.score_calls].count(NIGHT) == 1
    assert [report.question for report in reports] == [case.question for case in cases]
    assert len(out.read_text().splitlines()) == 2
    assert ("questions asked", 2, 2) in progress.done


def test_of_a_paragraph_that_does_not_exist_the_article_is_named(code: Code) -> None:
    named, unknown = resolve_mentions("Is article 144(99) or article 57(1) meant?", code.articles)
    assert (named, unknown) == ((Reference("144"), Reference("57", "1")), (Reference("144", "99"),))


@pytest.mark.slow
def test_a_question_is_answered_without_importing_torch(tmp_path: Path) -> None:
    ask_without_models = (
        "import json, sys\n"
        "from pathlib import Path\n"
        "from labourqa.config import Settings\n"
        "from labourqa.pipeline import Assistant\n"
        "from labourqa.store import Store\n"
        "from tests.conftest import small_code\n"
        "from tests.fakes import fake_models\n"
        "with Store() as store:\n"
        "    store.editions.save(small_code(), source='x', sha256='0' * 64)\n"
        "    assistant = Assistant(Settings(home=Path(sys.argv[1])), store, models=fake_models())\n"
        "    report = assistant.ask('How is night work paid?')\n"
        "print(json.dumps([report.answer.kind, sorted({'torch', 'transformers'} & set(sys.modules))]))"
    )
    command = [sys.executable, "-c", ask_without_models, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ["written", []]


def test_control_characters_are_no_part_of_a_question() -> None:
    """Before, they changed the scores, and with them the answer."""
    assert (
        check_question("\x1b How long\x00 is\u200b an\u202enual\xa0leave\ufeff?\r\n")
        == "How long is annual leave?"
    )


def test_mistyped_words_are_read_as_the_laws_and_the_report_says_so(make_assistant: MakeAssistant) -> None:
    report = make_assistant().ask("How is nigth work paid?")
    assert report.question == "How is nigth work paid?"
    assert report.resolved_question == "How is night work paid?"
    assert report.notices == ('Read "nigth" as "night".',)
