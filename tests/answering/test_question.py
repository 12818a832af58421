import pytest

from labourqa.answering.question import (
    MAX_READ_WORDS,
    check_question,
    clean_question,
    find_asking_part,
    is_small_talk,
)
from labourqa.config import DATA
from labourqa.evaluation.cases import read_cases


def test_control_characters_are_removed_and_words_stay_apart() -> None:
    assert check_question("\x1b[2JHow\u00a0long\u200b is\tleave?\x00 ") == "[2JHow long is\tleave?"


@pytest.mark.parametrize(
    ("question", "cleaned"),
    [
        ("<p>How <b>long</b> is&nbsp;leave?</p><br/>", "How long is leave?"),
        ("# Question\n> **How long** is [leave](https://example.org/a_(b))??", "Question How long is leave?"),
        ("<!-- x --> see https://example.org/x?y=1 How long is leave?!!", "see How long is leave?"),
        ("Hi there, how long is leave? Thanks a lot, Anna", "how long is leave?"),
        ("Dear Sir or Madam,\nCan they cut my pay?\n\nKind regards,\nJohn Smith", "Can they cut my pay?"),
        ("hey There are 60 of us. Do we need a council?", "There are 60 of us. Do we need a council?"),
        ("Thanks to my boss I lost a day's pay. Is that legal?",) * 2,
        ("Is 2 * 3 * 4 hours < 30 & > 20 allowed?",) * 2,
    ],
)
def test_markup_greetings_and_thanks_are_removed(question: str, cleaned: str) -> None:
    assert clean_question(question) == cleaned


@pytest.mark.parametrize(
    "question",
    [
        "Hello",
        "hi there!",
        "thanks",
        "Thank you so much for your help!",
        "ok thanks bye",
        "How are you?",
        "Who are you?",
    ],
)
def test_greetings_and_thanks_are_small_talk(question: str) -> None:
    assert is_small_talk(question)


def test_no_question_that_the_law_answers_is_small_talk_or_cut() -> None:
    for name in ("questions-dev.jsonl", "questions-train.jsonl"):
        for case in read_cases(DATA / name):
            if case.answerable:
                cleaned = clean_question(case.question)
                assert not is_small_talk(case.question), case.question
                assert find_asking_part(cleaned) == cleaned


def test_of_a_long_question_the_sentences_that_ask_are_kept_with_those_before_them() -> None:
    story = "It rained for days and nobody came to repair the roof. " * 10
    part = find_asking_part(f"{story}I am pregnant. Can I refuse night work? {story}")
    assert "I am pregnant. Can I refuse night work?" in part
    assert len(part.split()) <= MAX_READ_WORDS


def test_a_long_sentence_without_an_end_is_cut_to_the_words_that_can_be_read() -> None:
    part = find_asking_part("and then he said that " * 60 + "so can I leave")
    assert part.endswith("so can I leave")
    assert len(part.split()) == MAX_READ_WORDS
