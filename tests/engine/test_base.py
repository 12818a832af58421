import pytest

from labourqa.engine.base import ArticleScore, ScoringResult, parse_yes_no


@pytest.mark.parametrize(
    ("reply", "score"),
    [("Yes", 1.0), (" yes, it", 1.0), ("No.", 0.0), ("NO", 0.0), ("Perhaps", 0.5), ("", 0.5)],
)
def test_a_reply_is_yes_no_or_unreadable(reply: str, score: float) -> None:
    assert parse_yes_no(reply) == score


def test_an_article_read_in_windows_has_the_score_of_its_best_one() -> None:
    windows = (ArticleScore("1", -1.0, 5), ArticleScore("2", -3.0, 5), ArticleScore("2", -2.0, 6))
    result = ScoringResult(windows, tokenize_seconds=0.0)
    assert result.scores == {"1": -1.0, "2": -2.0}
    assert result.tokens == 16
