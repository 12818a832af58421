import pytest

from labourqa.answering.notices import COERCION, DISTRESS, HARASSMENT, INJURY, find_country, find_notices
from labourqa.law.structure import Code
from tests.conftest import small_code


def notices(question: str, code: Code, *, answered: bool = True) -> tuple[str, ...]:
    return find_notices(question, code.name, code.articles, answered=answered)


def test_the_country_of_a_law_is_in_its_name_or_its_text(code: Code) -> None:
    assert find_country(code.name, code.articles) == "Lithuania"
    assert find_country("Labour Code", code.articles) == "Lithuania"
    assert find_country("Labour Code of Nowhere", small_code().articles) == ""


@pytest.mark.parametrize(
    ("question", "country"),
    [
        ("How many weeks' notice does German law give me?", "Germany"),
        ("What are the rules in the UK for overtime?", "the United Kingdom"),
        ("Does the Labour Code of Poland allow this?", "Poland"),
    ],
)
def test_a_question_on_another_country_s_law_is_told_whose_law_this_is(
    question: str, country: str, code: Code
) -> None:
    [notice] = notices(question, code)
    assert notice.startswith(
        f"This is the law of Lithuania: it does not say what the law of {country} requires"
    )


def test_a_country_that_is_only_mentioned_counts_where_the_law_does_not_answer(code: Code) -> None:
    question = "How long is parental leave in Sweden?"
    assert notices(question, code) == ()
    assert "Sweden" in notices(question, code, answered=False)[0]
    assert notices("I am sent from Lithuania to Sweden. What now?", code, answered=False) == ()
    assert notices("What does Lithuanian law say?", code) == ()


def test_a_personal_emergency_gets_one_helpful_sentence(code: Code) -> None:
    assert notices("A workmate groped me at the party. What can I do?", code) == (HARASSMENT,)
    assert notices("A machine crushed my hand. Who pays?", code) == (INJURY,)
    assert notices("My supervisor keeps making sexual remarks", code) == (HARASSMENT,)
    assert notices("He threatens my family if I complain", code) == (HARASSMENT,)
    assert notices("My employer took my passport", code) == (COERCION,)
    assert notices("I can't take it any more, I want to die", code) == (DISTRESS,)
    assert notices("I cut my thumb on the saw", code) == (INJURY,)
    assert notices("I'm burnt out and want a year off", code) == ()
    assert notices("He threatened to fire me", code) == ()
    assert notices("They kicked me out two weeks ago", code) == ()
    assert notices("Which firms need an anti-harassment policy?", code) == ()
    assert notices("How is an accident at work investigated?", code) == ()
