from collections.abc import Sequence

from labourqa.answering.answer import (
    MAX_WORDS,
    MAX_WORDS_PER_ARTICLE,
    Answer,
    answer_prompt,
    choose_kind,
    quote_answer,
    read_answer,
    refuse_answer,
    show_closest,
)
from labourqa.engine.base import ModelInfo
from labourqa.law.structure import Article, Code, Paragraph, Point
from labourqa.models.relevance import ParagraphRelevance
from tests.conftest import small_code

ARTICLES = small_code().articles


def model(parameters: int) -> ModelInfo:
    return ModelInfo("m", "", "float32", "cpu", parameters)


def test_a_small_model_quotes_and_a_large_one_writes() -> None:
    assert choose_kind("auto", model(135_000_000)) == "quoted"
    assert choose_kind("auto", model(3_200_000_000)) == "written"
    assert choose_kind("written", model(135_000_000)) == "written"
    assert choose_kind("quoted", model(3_200_000_000)) == "quoted"


def quote(
    articles: Sequence[Article], paragraphs: dict[str, list[ParagraphRelevance]], **scores: float
) -> Answer:
    """With a score of -1 for every article that is given none (`a57=-0.5`)."""
    return quote_answer(
        articles, {number: scores.get(f"a{number}", -1.0) for number in paragraphs}, paragraphs
    )


def equal_paragraphs(articles: Sequence[Article]) -> dict[str, list[ParagraphRelevance]]:
    return {
        a.number: [ParagraphRelevance(0.5, (0.5,) * len(p.points)) for p in a.paragraphs] for a in articles
    }


def test_a_quoted_answer_is_the_nearest_paragraphs_verbatim_with_their_references() -> None:
    answer = quote(
        ARTICLES[1::-1],
        {
            "1": [ParagraphRelevance(1.0), ParagraphRelevance(2.0, (1.0, 1.0))],
            "2": [ParagraphRelevance(9.0)],
        },
    )
    assert answer.text == (
        "The rules on this: Night Work (Art. 2) and Kinds of Leave (Art. 1).\n\n"
        "Night work is paid at one and a half times the pay. [Art. 2]\n\n"
        "Special leave is granted for:\n1) a wedding;\n2) study under Article 2^1(1). [Art. 1(2)]\n\n"
        "Leave is annual or special. [Art. 1(1)]"
    )
    assert [str(citation.reference) for citation in answer.citations] == ["Art. 2", "Art. 1(2)", "Art. 1(1)"]


def test_the_article_counts_as_well_as_the_paragraph() -> None:
    paragraphs = {"1": [ParagraphRelevance(3.0), ParagraphRelevance(2.0)], "2": [ParagraphRelevance(9.0)]}
    answer = quote(ARTICLES[:2], paragraphs, a1=-0.1, a2=-8.0)
    assert [str(citation.reference) for citation in answer.citations] == ["Art. 1(1)", "Art. 1(2)", "Art. 2"]


def test_a_quoted_answer_says_only_what_the_code_says_and_stops_in_time(code: Code) -> None:
    articles = code.articles[100:110]
    narrow = {f"a{articles[0].number}": 9.0}
    answer = quote(articles, equal_paragraphs(articles), **narrow)
    law = {paragraph.text for article in code.articles for paragraph in article.paragraphs}
    assert len(answer.citations) > 1
    assert all(citation.quote in law and citation.quote in answer.text for citation in answer.citations)
    assert sum(len(citation.quote.split()) for citation in answer.citations) <= MAX_WORDS


def test_a_broad_question_is_given_more_words(code: Code) -> None:
    articles = code.articles[100:110]
    answer = quote(articles, equal_paragraphs(articles))
    words = sum(len(citation.quote.split()) for citation in answer.citations)
    assert MAX_WORDS < words <= MAX_WORDS_PER_ARTICLE * len(articles)


def test_of_a_long_paragraph_the_points_that_answer_are_quoted_behind_its_lead(code: Code) -> None:
    article = next(article for article in code.articles if article.number == "57")
    scores = [ParagraphRelevance(1.0, (1.0,) * len(paragraph.points)) for paragraph in article.paragraphs]
    scores[0] = ParagraphRelevance(14.0, (10.0, 28.0, 26.0, 8.0, 1.0))
    answer = quote([article], {"57": scores})
    assert [str(one.reference) for one in answer.citations][:2] == ["Art. 57(1)(2)", "Art. 57(1)(3)"]
    first = answer.text.split("\n\n")[1]
    assert first.startswith("The employer is entitled to terminate")
    assert "\n2) the employee does not achieve" in first
    assert "superfluous" not in first


def test_a_list_that_is_quoted_in_part_says_which_points_are_not_shown(code: Code) -> None:
    article = next(article for article in code.articles if article.number == "57")
    scores = [ParagraphRelevance(1.0, (1.0,) * len(paragraph.points)) for paragraph in article.paragraphs]
    scores[0] = ParagraphRelevance(14.0, (10.0, 28.0, 26.0, 8.0, 1.0))
    answer = quote([article], {"57": scores})
    marks = [line for line in answer.text.splitlines() if line.startswith("…")]
    assert marks == ["… 1) not shown", "… 4), 5) not shown"]
    assert all(mark in answer.statements[1].text for mark in marks)
    assert [str(reference) for reference in answer.statements[1].omitted] == [
        "Art. 57(1)(1)",
        "Art. 57(1)(4)",
        "Art. 57(1)(5)",
    ]


def test_what_follows_a_list_is_quoted_with_it_and_a_long_gap_is_named_by_its_ends() -> None:
    points = tuple(
        Point(str(i), f"a reason of kind {i}, which is long enough to count;") for i in range(1, 8)
    )
    listed = "\n".join(f"{point.number}) {point.text}" for point in points)
    paragraph = Paragraph("1", f"The reasons are:\n{listed}\nThe list is complete.", points)
    article = Article("9", "Reasons", (paragraph,))
    answer = quote([article], {"9": [ParagraphRelevance(1.0, (9.0, *[0.0] * 6))]})
    assert answer.statements[1].text.splitlines() == [
        "The reasons are:",
        f"1) {points[0].text}",
        "… 2) to 7) not shown",
        "The list is complete.",
    ]


def test_a_written_answer_has_its_citations_checked() -> None:
    answer = read_answer(
        " Study lasts ten days [Art. 2^1(1)]. Night work is prohibited [Art. 117]. ",
        ARTICLES,
        complete=True,
    )
    assert answer.text.startswith("Study")
    assert [citation.supported for citation in answer.citations] == [True, False]


def test_the_prompt_holds_the_selected_articles_before_the_question() -> None:
    prompt = answer_prompt("What about {articles}?", ARTICLES[1:])
    assert "Night work is paid" in prompt
    assert "Leave is annual" not in prompt
    assert prompt.index("Study leave lasts") < prompt.index("What about {articles}?")


def test_a_refusal_says_what_the_code_covers_and_cites_nothing() -> None:
    answer = refuse_answer("Labour Code of Nowhere", ARTICLES)
    assert answer.kind == "refused"
    assert answer.text == "Nothing in the Labour Code of Nowhere answers this question; it covers leave."
    assert answer.citations == ()


def test_no_clear_answer_shows_the_closest_paragraph_of_each_article() -> None:
    answer = show_closest(
        "Labour Code",
        ARTICLES[:2],
        {
            "1": [ParagraphRelevance(1.0), ParagraphRelevance(2.0, (1.0, 1.0))],
            "2": [ParagraphRelevance(9.0)],
        },
    )
    assert (answer.kind, answer.outcome) == ("refused", "closest")
    assert answer.text == (
        "No clear answer in the Labour Code. Closest: Kinds of Leave (Art. 1) and Night Work (Art. 2).\n\n"
        "Special leave is granted for:\n1) a wedding;\n2) study under Article 2^1(1). [Art. 1(2)]\n\n"
        "Night work is paid at one and a half times the pay. [Art. 2]"
    )
    assert [str(citation.reference) for citation in answer.citations] == ["Art. 1(2)", "Art. 2"]
