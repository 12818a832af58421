"""Three cases on a code of thirty articles, and the reports of their questions."""

from labourqa.answering.answer import Answer
from labourqa.answering.report import Report
from labourqa.answering.selection import Selection
from labourqa.evaluation.cases import Case
from labourqa.law.citations import Citation
from labourqa.law.references import Reference
from tests.samples import make_report


def make_case(name: str, grades: dict[str, int], *, answerable: bool = True) -> Case:
    style = "formal" if grades else "keywords"
    facts = [[["three", "3"]]] if grades else []
    return Case(name, f"question {name}?", answerable, style, grades, facts, None)


def make_result(question: str, selected: tuple[str, ...], text: str = "") -> Report:
    """The report for a code of the articles 1 to 30: selected ones rank first, then the others in order.

    Without a selected article it is a refusal; a citation is supported where there is a `text`.
    """
    numbers = [str(number) for number in range(1, 31)]
    scores = {n: 100.0 - selected.index(n) if n in selected else -float(n) for n in numbers}
    citation = Citation(Reference("1"), text, supported=bool(text))
    answer = Answer("quoted", text, (citation,)) if selected else Answer("refused", text)
    return make_report(
        question,
        titles=dict.fromkeys(numbers, ""),
        selection=Selection(scores, selected, read=30, threshold=0.0, top=None),
        answer=answer,
    )


CASES = [
    make_case("a", {"7": 2, "8": 1}),
    make_case("b", {"9": 2, "10": 2}),
    make_case("c", {}, answerable=False),
]
REPORTS = {
    "question a?": make_result("question a?", ("7",), "It is 3 years."),
    "question b?": make_result("question b?", ("1", "9")),
    "question c?": make_result("question c?", ()),
}
