"""BM25 over the articles of a law."""

import numpy as np
from hypothesis import given

from labourqa.law.structure import Code
from labourqa.models.bm25 import BM25Index, index_articles
from tests.conftest import small_code
from tests.strategies import codes

ARTICLES = small_code().articles


def test_the_article_with_the_words_of_the_question_is_the_best_in_whatever_form_they_stand() -> None:
    scores = BM25Index(ARTICLES).score("How are NIGHTS paid for those working at night?")
    assert int(scores.argmax()) == 1
    assert scores[0] == scores[2] == 0


def test_a_rare_word_counts_more_than_a_common_one() -> None:
    index = BM25Index(ARTICLES)
    assert index.score("wedding").max() > index.score("leave").max()


def test_a_word_in_the_title_counts_more_than_one_in_the_text() -> None:
    scores = BM25Index(ARTICLES).score("study")
    assert scores[2] > scores[0] > 0


def test_function_words_and_unknown_words_count_nothing() -> None:
    assert BM25Index(ARTICLES).score("what is the xylophone or a 42?").tolist() == [0, 0, 0]


def test_the_index_of_a_law_is_built_once() -> None:
    assert index_articles(ARTICLES) is index_articles(small_code().articles)


@given(code=codes())
def test_any_law_can_be_indexed(code: Code) -> None:
    title = code.articles[0].title if code.articles else ""
    scores = BM25Index(code.articles).score(title)
    assert scores.shape == (len(code.articles),)
    assert np.isfinite(scores).all()
    assert (scores >= 0).all()
