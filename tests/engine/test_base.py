import pytest

from labourqa.engine.base import read_word


@pytest.mark.parametrize(
    ("reply", "score"),
    [("Yes", 1.0), (" yes, it", 1.0), ("No.", 0.0), ("NO", 0.0), ("Perhaps", 0.5), ("", 0.5)],
)
def test_a_reply_is_yes_no_or_unreadable(reply: str, score: float) -> None:
    assert read_word(reply) == score
