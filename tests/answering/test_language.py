import json

import pytest

from labourqa.answering.language import detect_mismatch
from labourqa.config import DATA

LAW = "Night work is paid at no less than one and a half times the employee's pay."
LITHUANIAN = "Už darbą naktį mokama ne mažiau kaip pusantro darbuotojo darbo užmokesčio."


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("Kiek dienų trunka kasmetinės atostogos?", "Lithuanian"),
        ("Сколько дней длится ежегодный отпуск?", "Russian"),
        ("Wie lange dauert der Jahresurlaub?", "German"),
        ("¿Cuántos días de vacaciones tengo?", "Spanish"),
        ("Ile dni urlopu mi przysługuje?", "Polish"),
        ("有多少天年假?", "Chinese"),
    ],
)
def test_a_question_in_another_language_is_seen(question: str, language: str) -> None:
    assert detect_mismatch(question, LAW) == (language, "English")


def test_no_labelled_question_is_taken_for_another_language() -> None:
    lines = (DATA / "questions-train.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line)["question"] for line in lines]
    assert [question for question in questions if detect_mismatch(question, LAW)] == []


def test_it_is_the_language_of_the_code_that_counts() -> None:
    assert detect_mismatch("Kiek dienų trunka kasmetinės atostogos?", LITHUANIAN) is None
    assert detect_mismatch("How many days does annual leave last?", LITHUANIAN) == ("English", "Lithuanian")


@pytest.mark.parametrize("law", ["Leave\nPay", "A\nB", "Absence\nRemote", ""])
def test_a_law_of_a_few_words_has_no_certain_language(law: str) -> None:
    """Before, such codes were taken for Spanish or Serbian, and an English question was refused."""
    assert detect_mismatch("How many days does annual leave last?", law) is None
