import pytest

from labourqa.answering.conversation import Turn, resolve_question
from labourqa.answering.question import MAX_READ_WORDS

BEFORE = Turn("How long is annual leave?", ("126", "138"))


@pytest.mark.parametrize(
    "question",
    [
        "and if I am pregnant?",
        "What about part-time workers?",
        "But my boss says no",
        "Does it carry over?",
        "What if I am on sick leave then",
        "Who decides that?",
        "Is it the same for temps?",
    ],
)
def test_a_follow_up_is_understood_with_the_question_before_it(question: str) -> None:
    resolved = resolve_question(question, BEFORE)
    assert (resolved.text, resolved.follows_up) == (f"How long is annual leave? {question}", True)
    assert resolve_question(question, None).text == question


@pytest.mark.parametrize(
    "question",
    [
        "How is night work paid?",
        "Can my employer dismiss me during sick leave?",
        "I was told on Monday that my job is gone. They want me to sign something today. Must I?",
        "notice period two years service",
    ],
)
def test_a_question_of_its_own_is_left_alone(question: str) -> None:
    resolved = resolve_question(question, BEFORE)
    assert (resolved.text, resolved.follows_up) == (question, False)


def test_a_conversation_keeps_its_topic() -> None:
    second = resolve_question("and if I am pregnant?", BEFORE).text
    third = resolve_question("and in a six-day week?", Turn(second, ("126",)))
    assert third.text == "How long is annual leave? and if I am pregnant? and in a six-day week?"


def test_of_a_long_question_the_part_that_asks_is_read_and_the_whole_is_kept() -> None:
    story = "The weather was bad and the bus was late again. " * 20
    resolved = resolve_question(f"<p>{story}I work nights. What is the pay?</p> Thanks!", None)
    assert resolved.text.endswith("I work nights. What is the pay?")
    assert len(resolved.text.split()) <= MAX_READ_WORDS
    assert resolved.whole.count("weather") == 20
    assert resolved.asked.startswith("<p>")
