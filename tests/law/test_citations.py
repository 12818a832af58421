import pytest

from labourqa.errors import UnknownArticleError
from labourqa.law.citations import find_citations, find_related, quote_reference, resolve_reference
from labourqa.law.references import Reference
from tests.conftest import small_code

ARTICLES = small_code().articles


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Leave is special [Art. 1(2)].", [Reference("1", "2")]),
        ("A wedding [Art. 1(2)(1)], Article 2.", [Reference("1", "2", "1"), Reference("2")]),
        ("See Art. 2^1(1) and Art. 2¹(1).", [Reference("2^1", "1")]),
        ("Art. 57 is not Art. 5.", [Reference("57"), Reference("5")]),
        ("Articles of association, article writers and part 5.", []),
        ("", []),
    ],
)
def test_references_are_found_in_what_a_model_writes(text: str, expected: list[Reference]) -> None:
    assert [citation.reference for citation in find_citations(text, ARTICLES)] == expected


def test_a_reference_resolves_to_the_words_of_the_law() -> None:
    citation = resolve_reference(Reference("1", "2", "1"), ARTICLES)
    assert (citation.quote, citation.supported) == ("a wedding;", True)


@pytest.mark.parametrize(
    "reference", [Reference("57"), Reference("1", "3"), Reference("1", "2", "9"), Reference("2", "1")]
)
def test_what_the_sources_do_not_have_is_not_supported(reference: Reference) -> None:
    citation = resolve_reference(reference, ARTICLES)
    assert (citation.quote, citation.supported) == ("", False)
    with pytest.raises(UnknownArticleError, match="has no"):
        quote_reference(reference, ARTICLES)


def test_hostile_text_takes_no_time() -> None:
    assert find_citations("Art. " * 20_000 + "Art. 1" + "(1" * 20_000, ARTICLES)


def test_related_are_the_places_in_other_articles_that_the_cited_words_refer_to() -> None:
    cited = find_citations("Special leave [Art. 1(2)], study [Art. 2^1(1)].", ARTICLES)
    assert [str(one.reference) for one in find_related(cited, ARTICLES, ["1"])] == ["Art. 2¹(1)"]
    assert find_related(cited, ARTICLES, ["1", "2^1"]) == ()
