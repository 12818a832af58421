from collections.abc import Sequence

from labourqa.answering.asking_part import choose_sentences, find_outcries
from labourqa.answering.question import MAX_READ_WORDS

LAW = {"pregnant", "night", "work", "refuse", "leave"}
STORY = "It rained for days. The canteen was closed. My neighbour laughed. "


def rate(texts: Sequence[str]) -> list[float]:
    """More words of the law make a text surer, all others less sure."""
    rated = []
    for text in texts:
        words = [word.strip("?.,!").lower() for word in text.split()]
        rated.append(sum(1.0 if word in LAW else -0.2 for word in words))
    return rated


def test_a_question_of_few_sentences_is_read_whole() -> None:
    question = "It rained. I am pregnant. Can I refuse night work?"
    assert choose_sentences(question, rate) == question


def test_the_question_in_a_story_is_read_with_what_explains_it() -> None:
    question = f"{STORY}I am pregnant. Can I refuse night work? {STORY}"
    assert choose_sentences(question, rate) == "I am pregnant. Can I refuse night work?"


def test_rhetorical_questions_are_left_out() -> None:
    question = f"What is wrong with these people? {STORY}Can I refuse night work? Who do they think they are?"
    assert choose_sentences(question, rate) == "Can I refuse night work?"


def test_an_outcry_does_not_count_as_a_question() -> None:
    question = f"Can they refuse night work?! {STORY}Pregnant, leave, night work. WHY NO LEAVE???"
    assert find_outcries(question) == {"can they refuse night work", "why no leave"}
    read = choose_sentences(question, rate, outcries=find_outcries(question))
    assert read.startswith("Pregnant, leave, night work.")


def test_a_second_question_on_the_law_is_read_too() -> None:
    question = f"Can I refuse night work? {STORY}Do I keep my leave?"
    assert choose_sentences(question, rate) == "Can I refuse night work? Do I keep my leave?"


def test_words_that_ask_nothing_are_chosen_by_content() -> None:
    assert choose_sentences(f"{STORY}Pregnant, night work. {STORY}", rate) == "Pregnant, night work."


def test_one_endless_sentence_is_cut() -> None:
    read = choose_sentences("and then he said that " * 60 + "so can I leave", rate)
    assert read.endswith("so can I leave")
    assert len(read.split()) == MAX_READ_WORDS
