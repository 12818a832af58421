from labourqa.answering.conditions import MAX_CONDITIONS, find_conditions
from labourqa.law.citations import Citation
from labourqa.law.parser import parse_code
from labourqa.law.references import Reference

TEXT = """LABOUR CODE

Article 1. Notice
1. If the employee agrees in writing, the employer may shorten the notice; at least 20 days must remain, unless a
collective agreement sets more.
2. Notice is given within five working days of the decision. Except in the cases provided for in this Code, it is given
in writing.
3. Leave is granted:
1) where the employee marries, for three days;
2) if, within one year, a second child is born, for five days.

Article 2. Rest
1. Work must not exceed 48 hours in each period of seven days, if there is no emergency at the employer.
2. Breaks last no less than 30 minutes.
"""
ARTICLES = parse_code(TEXT).articles


def conditions(*references: Reference) -> list[tuple[str, str]]:
    cited = [Citation(reference, "", supported=True) for reference in references]
    return [(found.quote, str(found.reference)) for found in find_conditions(cited, ARTICLES)]


def test_conditions_come_before_limits_and_two_of_a_paragraph_are_shown() -> None:
    assert conditions(Reference("1", "1")) == [
        ("If the employee agrees in writing", "Art. 1(1)"),
        ("unless a collective agreement sets more", "Art. 1(1)"),
    ]


def test_a_clause_that_only_refers_to_other_rules_is_left_out() -> None:
    assert conditions(Reference("1", "2")) == [("within five working days of the decision", "Art. 1(2)")]


def test_conditions_of_points_name_the_point() -> None:
    assert conditions(Reference("1", "3")) == [
        ("where the employee marries", "Art. 1(3)(1)"),
        ("if, within one year, a second child is born", "Art. 1(3)(2)"),
    ]
    assert conditions(Reference("1", "3", "1")) == [("where the employee marries", "Art. 1(3)(1)")]


def test_at_most_four_conditions_are_shown_and_each_stands_in_the_law() -> None:
    found = conditions(Reference("1"), Reference("2"))
    assert len(found) == MAX_CONDITIONS
    texts = "\n".join(article.text for article in ARTICLES).replace("\n", " ")
    assert all(quote in texts for quote, _ in found)


def test_unsupported_citations_have_no_conditions() -> None:
    assert find_conditions([Citation(Reference("2", "2"), "", supported=False)], ARTICLES) == ()
    assert conditions(Reference("9")) == []
