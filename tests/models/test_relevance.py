"""The trained relevance on the embedded edition, and on a code that it was not trained on."""

import dataclasses
import math
from collections.abc import Sequence
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from labourqa.answering.selection import OUT_OF_SCOPE_LOG_PROBABILITY
from labourqa.config import DATA
from labourqa.engine.startup import Models
from labourqa.evaluation.cases import Case, read_cases
from labourqa.evaluation.metrics import recall_at, reciprocal_rank
from labourqa.law.structure import Article, Code, Paragraph
from labourqa.models.interaction import InteractionScores
from labourqa.models.relevance import Relevance, TrainedRelevance, article_digest
from labourqa.models.texts import trained_texts, window_texts
from tests.conftest import small_code
from tests.fakes import FakeEncoder

model = pytest.mark.model


@pytest.fixture(scope="module")
def trained() -> TrainedRelevance:
    return TrainedRelevance()


def test_a_digest_changes_with_the_articles_text(code: Code) -> None:
    article = code.articles[0]
    assert len({article_digest(one) for one in code.articles}) == len(code.articles)
    assert article_digest(dataclasses.replace(article, title="Another")) != article_digest(article)


def test_the_article_with_the_text_nearest_to_the_question_is_the_most_probable(
    trained: TrainedRelevance,
) -> None:
    """On a code without trained vectors, where an article's class vector is the mean direction of its texts."""
    articles = small_code().articles
    vectors = np.eye(6, 384, dtype=np.float32)  # 2 + 2 points, 1, 1
    relevance = trained.score(articles, vectors, "?", vectors[4])
    assert max(relevance.articles, key=lambda number: relevance.articles[number]) == "2"
    assert relevance.articles["2^1"] == pytest.approx(relevance.articles["1"], abs=2)
    assert sum(math.exp(value) for value in relevance.articles.values()) < 1.000001
    assert [len(one.points) for one in relevance.paragraphs["1"]] == [0, 2]
    assert relevance.paragraphs["2"][0].best > 10 > relevance.paragraphs["1"][1].best


def test_only_texts_without_a_trained_vector_are_encoded(trained: TrainedRelevance, code: Code) -> None:
    encoded: list[str] = []

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        encoded.extend(texts)
        return np.ones((len(texts), 384), dtype=np.float32)

    amended = dataclasses.replace(code.articles[1], title="Amended")
    texts = [window for paragraph in window_texts(amended) for text in paragraph for window in text]
    articles = (code.articles[0], amended, code.articles[2])
    vectors = trained.embed(articles, encode)
    assert encoded == texts
    first, last = (len(trained_texts(code.articles[i])) for i in (0, 2))
    assert vectors.shape == (first + len(texts) + last, 384)
    assert (vectors == 1).all(1).nonzero()[0].tolist() == list(range(first, first + len(encoded)))
    assert np.linalg.norm(vectors[:first], axis=1) == pytest.approx(1, abs=0.01)


Scored = list[tuple[Case, Relevance]]


@pytest.fixture(scope="module", params=["another version", "another law"])
def scored(request: pytest.FixtureRequest, code: Code, models: Models) -> Scored:
    """Every seventh development question, on the embedded edition without trained vectors of its texts.

    It is another version with other titles, and another law with other numbers (the labels are changed with them).
    """
    cases = read_cases(DATA / "questions-dev.jsonl")[::7]
    if request.param == "another version":
        articles = [dataclasses.replace(one, title=f"{one.title} ") for one in code.articles]
    else:
        articles = [dataclasses.replace(one, number=f"{one.number}Z") for one in code.articles]
        cases = [
            dataclasses.replace(case, grades={f"{number}Z": grade for number, grade in case.grades.items()})
            for case in cases
        ]
    relevance = models.relevance
    encode = partial(models.encoder.encode_tokens, delta_share=relevance.delta_share(articles))
    questions, states = encode([case.question for case in cases], np.asarray)
    if relevance.has_trained_classes(articles):
        encode_texts = partial(models.encoder.encode, delta_share=relevance.delta_share(articles))
        vectors = relevance.embed(articles, encode_texts)
        interaction: list[InteractionScores | None] = [None] * len(cases)
    else:
        project = relevance.interaction.project_text
        vectors, tokens = relevance.embed_tokens(articles, partial(encode, project=project))
        interaction = [relevance.interaction.score(one, tokens) for one in states]
    return [
        (case, relevance.score(articles, vectors, case.question, question, scores))
        for case, question, scores in zip(cases, questions, interaction, strict=True)
    ]


@model
def test_questions_that_it_was_not_trained_on_find_their_articles(scored: Scored) -> None:
    """docs/quality.md has the exact figures."""
    ranked = [
        (case, [number for number, _ in sorted(relevance.articles.items(), key=lambda item: -item[1])])
        for case, relevance in scored
        if case.needed
    ]
    assert len(ranked) > 40
    assert np.mean([reciprocal_rank(numbers, case.needed) for case, numbers in ranked]) > 0.75
    assert np.mean([recall_at(numbers, case.needed, 10) for case, numbers in ranked]) > 0.88


@model
def test_questions_that_the_code_does_not_answer_are_more_probably_out_of_scope(scored: Scored) -> None:
    answerable = [relevance.out_of_scope for case, relevance in scored if case.answerable]
    unanswerable = [relevance.out_of_scope for case, relevance in scored if not case.answerable]
    assert np.mean(np.array(unanswerable)[:, None] > np.array(answerable)) > 0.9
    assert np.mean(np.array(answerable) > OUT_OF_SCOPE_LOG_PROBABILITY) < 0.1


def scored_by_words(trained: TrainedRelevance, question: str) -> Relevance:
    """Of three articles whose texts are equally similar to the question."""
    vectors = np.tile(np.eye(1, 384, dtype=np.float32), (6, 1))
    return trained.score(small_code().articles, vectors, question, vectors[0])


def test_of_articles_without_trained_vectors_that_are_equally_similar_the_words_decide(
    trained: TrainedRelevance,
) -> None:
    relevance = scored_by_words(trained, "How is work at night paid?")
    assert max(relevance.articles, key=lambda number: relevance.articles[number]) == "2"
    assert relevance.articles["1"] == relevance.articles["2^1"]


def test_of_articles_that_are_equally_similar_the_late_interaction_decides(trained: TrainedRelevance) -> None:
    vectors = np.tile(np.eye(1, 384, dtype=np.float32), (6, 1))
    interaction = InteractionScores(np.array([0.2, 0.3, 0.8]), [np.zeros(2), np.zeros(1), np.zeros(1)])
    relevance = trained.score(small_code().articles, vectors, "?", vectors[0], interaction)
    numbers = [article.number for article in small_code().articles]
    assert max(relevance.articles, key=lambda number: relevance.articles[number]) == numbers[2]


def test_the_tokens_of_whole_paragraphs_are_kept(trained: TrainedRelevance) -> None:
    """Not those of their points, which are parts of them."""
    articles = small_code().articles
    encoder = FakeEncoder()
    encode = partial(encoder.encode_tokens, project=trained.interaction.project_text)
    vectors, tokens = trained.embed_tokens(articles, encode)  # type: ignore[arg-type]  # of the fake's tokens
    assert len(vectors) == sum(count for one in trained.count_vectors(articles) for p in one for count in p)
    texts = [window_texts(article) for article in articles]
    words = [[[len(window.split()) + 2 for window in p[0]] for p in article] for article in texts]
    assert tokens.counts == words
    assert len(tokens.vectors) == sum(sum(p) for article in words for p in article)


def test_the_words_do_not_count_for_articles_with_trained_vectors(
    trained: TrainedRelevance, code: Code
) -> None:
    articles = code.articles[:3]
    vectors = trained.embed(articles, lambda texts: np.empty((len(texts), 384), dtype=np.float32))
    scores = [trained.score(articles, vectors, question, vectors[0]) for question in ("?", articles[2].title)]
    assert scores[0] == scores[1]


def test_probabilities_of_articles_and_of_out_of_scope_add_up_to_1(trained: TrainedRelevance) -> None:
    relevance = scored_by_words(trained, "How is work at night paid?")
    probabilities = [*relevance.articles.values(), relevance.out_of_scope]
    assert sum(math.exp(value) for value in probabilities) == pytest.approx(1)


def test_a_long_paragraph_is_as_relevant_as_its_best_window(trained: TrainedRelevance) -> None:
    long = Article("9", "Long", (Paragraph("1", "Rules follow. " * 100), Paragraph("2", "Short.")))
    [[whole], short] = window_texts(long)
    vectors = np.eye(len(whole) + len(short), 384, dtype=np.float32)
    relevance = trained.score((long,), vectors, "?", vectors[1])
    assert relevance.paragraphs["9"][0].whole > 10 > relevance.paragraphs["9"][1].whole


def test_another_version_of_the_embedded_edition_has_its_trained_classes(
    trained: TrainedRelevance, code: Code
) -> None:
    version = [dataclasses.replace(one, title=f"The {one.title} of persons") for one in code.articles]
    assert trained.delta_share(version) == 1
    vectors = trained.embed(code.articles, lambda texts: np.empty((len(texts), 384), dtype=np.float32))
    own = trained.score(code.articles, vectors, "?", vectors[700])
    windows = np.ones(
        (sum(sum(p) for one in trained.count_vectors(version) for p in one), 384), dtype=np.float32
    )
    assert trained.score(version, windows, "?", vectors[700]).out_of_scope == own.out_of_scope
    renumbered = [dataclasses.replace(one, number=f"{one.number}A") for one in version]
    assert trained.delta_share(renumbered) < 1


def test_another_law_is_encoded_with_a_smaller_share_of_the_deltas(
    trained: TrainedRelevance, code: Code
) -> None:
    amended = dataclasses.replace(code.articles[0], title="Amended")
    assert trained.delta_share(code.articles) == 1
    assert trained.delta_share((amended, *code.articles[1:3])) == 1
    assert trained.delta_share(small_code().articles) < 1


def test_an_amended_article_without_a_class_of_its_own_does_not_outrank_the_others(
    trained: TrainedRelevance, code: Code
) -> None:
    """A new article's texts are untrained, and nothing says how often it answers questions."""
    new = Article("999", "Xylophones", (Paragraph("1", "Xylophones are tuned every week."),))
    articles = (*code.articles, new)
    vectors = trained.embed(articles, lambda texts: np.eye(len(texts), 384, dtype=np.float32))
    for index in (100, 700, 1200):
        before = trained.score(code.articles, vectors[:-1], "?", vectors[index])
        after = trained.score(articles, vectors, "?", vectors[index])
        best = max(before.articles, key=lambda number: before.articles[number])
        assert max(after.articles, key=lambda number: after.articles[number]) == best
        assert after.articles[best] == pytest.approx(before.articles[best], abs=0.01)
