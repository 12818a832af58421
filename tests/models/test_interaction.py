"""The late interaction of a question and the articles of a law."""

import numpy as np
import pytest
from numpy.typing import NDArray

from labourqa.law.structure import Article, Paragraph
from labourqa.models.interaction import LateInteraction, TokenVectors

HIDDEN = 384


@pytest.fixture(scope="module")
def interaction() -> LateInteraction:
    return LateInteraction()


def random_states(tokens: int, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((tokens, HIDDEN)).astype(np.float32)


def tokens_of(interaction: LateInteraction, *articles: list[NDArray[np.float32]]) -> TokenVectors:
    """Those of articles whose paragraphs have these states."""
    paragraphs = [interaction.project_text(states) for article in articles for states in article]
    return TokenVectors(np.concatenate(paragraphs), [[[len(one)] for one in article] for article in articles])


def with_marks(states: NDArray[np.float32]) -> NDArray[np.float32]:
    """A question's states between those of the tokens that mark its beginning and its end."""
    return np.concatenate([random_states(1, 98), states, random_states(1, 99)])


def test_the_article_that_has_the_question_s_tokens_is_the_best(interaction: LateInteraction) -> None:
    question = random_states(5, 0)
    tokens = tokens_of(
        interaction, [random_states(40, 1)], [random_states(9, 2), question], [random_states(70, 3)]
    )
    scores = interaction.score(with_marks(question), tokens)
    assert int(scores.articles.argmax()) == 1
    assert int(scores.paragraphs[1].argmax()) == 1
    assert scores.articles.max() <= 1.01


def test_each_token_of_the_question_may_be_in_another_paragraph(interaction: LateInteraction) -> None:
    question = random_states(6, 0)
    tokens = tokens_of(interaction, [question[:3], question[3:]], [question[:3]])
    scores = interaction.score(with_marks(question), tokens)
    assert scores.articles[0] > scores.paragraphs[0].max()
    assert scores.articles[1] == pytest.approx(scores.paragraphs[1][0])
    assert scores.articles[0] > scores.articles[1]


def test_scores_are_the_weighted_means_of_the_highest_similarities(interaction: LateInteraction) -> None:
    """Also for a question that is scored in several parts."""
    question, text = random_states(80, 0), random_states(30, 1)
    tokens = tokens_of(interaction, [text])
    scores = interaction.score(with_marks(question), tokens)
    halves = [
        interaction.score(with_marks(half), tokens).articles[0] for half in (question[:40], question[40:])
    ]
    assert min(halves) <= scores.articles[0] <= max(halves)
    single = [interaction.score(with_marks(question[i : i + 1]), tokens).articles[0] for i in range(80)]
    assert min(single) < scores.articles[0] < max(single)


def test_an_article_without_text_has_the_score_0(interaction: LateInteraction) -> None:
    tokens = tokens_of(interaction, [], [random_states(3, 1)], [])
    scores = interaction.score(with_marks(random_states(4, 0)), tokens)
    assert scores.articles[0] == scores.articles[2] == 0 != scores.articles[1]
    assert [len(one) for one in scores.paragraphs] == [0, 1, 0]


def test_a_paragraph_counts_by_its_best_window(interaction: LateInteraction) -> None:
    question = random_states(4, 0)
    vectors = interaction.project_text(np.concatenate([question, random_states(30, 1)]))
    whole = interaction.score(with_marks(question), TokenVectors(vectors, [[[34]]])).paragraphs[0]
    windows = interaction.score(with_marks(question), TokenVectors(vectors, [[[2, 2, 30]]])).paragraphs[0]
    assert windows[0] < whole[0]
    assert interaction.score(with_marks(question), TokenVectors(vectors, [[[4, 30]]])).paragraphs[0] == whole


def test_stored_tokens_are_read_as_they_were(interaction: LateInteraction) -> None:
    articles = [
        Article("1", "Leave", (Paragraph("1", "It is long."), Paragraph("2", "It is paid."))),
        Article("2", "Work", (Paragraph("1", "It is short."),)),
    ]
    tokens = tokens_of(interaction, [random_states(4, 0), random_states(2, 1)], [random_states(3, 2)])
    read = interaction.read_tokens(tokens.by_paragraph(), articles)
    assert read.counts == tokens.counts == [[[4], [2]], [[3]]]
    assert (read.vectors == tokens.vectors).all()
