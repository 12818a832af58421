import pytest

from labourqa.answering.spelling import Correction, load_corrector, read_dictionary
from labourqa.config import DATA, DEFAULT_EDITION
from labourqa.documents.document import read_document
from labourqa.evaluation.cases import read_cases
from labourqa.law.parser import parse_code

CORRECTOR = load_corrector(parse_code(read_document(DEFAULT_EDITION).text).articles)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("can my emplyer cut my salery", "can my employer cut my salary"),
        ("how long is the holliday of a pregant woman?", "how long is the holiday of a pregnant woman?"),
        ("WHO PAYS FOR NIGTH WORK", "who pays for night work"),
    ],
)
def test_mistyped_words_become_words_of_the_law_or_frequent_ones(typed: str, read: str) -> None:
    assert CORRECTOR.correct(typed)[0] == read


def test_what_was_changed_is_said() -> None:
    _, corrections = CORRECTOR.correct("Does my emplyer know my emplyer?")
    assert corrections == (Correction("emplyer", "employer"),)
    assert str(corrections[0]) == '"emplyer" as "employer"'


@pytest.mark.parametrize(
    "question",
    [
        "My boss Rimvydas at UAB Zvirblys says I cant see www.sodra.lt or write to a.b@sodra.lt",
        "lorry driver rota payout layoff didnt wont, art. 72^1 p. 3d",
        "HOW LONG IS ANNUAL LEAVE?",
        "the neighbour's programme; a worker’s favour",
    ],
)
def test_names_short_forms_and_words_of_the_dictionary_stay(question: str) -> None:
    assert CORRECTOR.correct(question) == (question, ())


def test_known_words_of_labelled_questions_are_never_changed() -> None:
    changed = [
        correction
        for case in read_cases(DATA / "questions-dev.jsonl")
        for correction in CORRECTOR.correct(case.question)[1]
    ]
    assert len(changed) <= 3, changed
    assert all(one.typed not in read_dictionary() for one in changed)
