"""A shared answer is read by whoever has its link, until its owner withdraws it or erases the conversation."""

from pathlib import Path

import pytest

from labourqa.store import Store
from tests.samples import make_report


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "labourqa.db"


def test_a_link_shows_the_answer_and_nothing_that_its_reader_said(database: Path) -> None:
    with Store(database, owner="ada") as ada, Store(database, owner="bob") as bob:
        answer, _ = ada.conversations.log(make_report("Am I pregnant?"))
        ada.conversations.save_feedback(answer, False, "private")
        token = ada.shared.share(answer)
        assert len(token) >= 20
        assert ada.shared.share(answer) == ada.shared.token(answer) == token
        shared = bob.shared.read(token)
        assert shared is not None
        assert shared.report.question == "Am I pregnant?"
        assert (shared.id, shared.helpful, shared.reason) == (None, None, "")
        assert bob.shared.read(token[:-1]) is None
        assert bob.shared.read("") is None


def test_only_the_owner_shares_sees_and_withdraws_the_link(database: Path) -> None:
    with Store(database, owner="ada") as ada, Store(database, owner="bob") as bob:
        answer, _ = ada.conversations.log(make_report())
        assert bob.shared.share(answer) == ""
        token = ada.shared.share(answer)
        assert bob.shared.token(answer) == ""
        bob.shared.withdraw(answer)
        assert bob.shared.read(token) is not None
        ada.shared.withdraw(answer)
        assert bob.shared.read(token) is None
        assert ada.shared.token(answer) == ""
        assert ada.shared.share(answer) != token


def test_an_erased_conversation_is_no_longer_shared(database: Path) -> None:
    with Store(database, owner="ada") as ada:
        answer, conversation = ada.conversations.log(make_report())
        token = ada.shared.share(answer)
        ada.conversations.erase(conversation)
        assert ada.shared.read(token) is None
