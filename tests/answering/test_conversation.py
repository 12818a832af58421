import pytest

from labourqa.answering.conversation import Turn, resolve_follow_up

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
    assert resolve_follow_up(question, BEFORE) == f"How long is annual leave? {question}"
    assert resolve_follow_up(question, None) == question


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
    assert resolve_follow_up(question, BEFORE) == question


def test_a_conversation_keeps_its_topic() -> None:
    second = resolve_follow_up("and if I am pregnant?", BEFORE)
    third = resolve_follow_up("and in a six-day week?", Turn(second, ("126",)))
    assert third == "How long is annual leave? and if I am pregnant? and in a six-day week?"
