"""Conversations and codes belong to their owner: no method reaches those of another one."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from labourqa.law.edition import Edition
from labourqa.store import Store
from tests.conftest import small_code
from tests.samples import make_report

QUESTION = "May I be dismissed while pregnant?"


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[Store, Store, Store, Store]]:
    """One database as two visitors, the local user and the owner of the machine (all owners) see it."""
    with ExitStack() as stack:
        ada, bob, local, everything = (
            stack.enter_context(Store(tmp_path / "x.db", owner=owner))
            for owner in ("ada", "bob", "local", None)
        )
        yield ada, bob, local, everything


def test_no_method_reaches_a_conversation_of_another_owner(stores: tuple[Store, Store, Store, Store]) -> None:
    ada, bob, local, _ = stores
    answer, conversation = ada.conversations.log(make_report(QUESTION))
    for other in (bob.conversations, local.conversations):
        assert other.questions() == []
        assert other.search() == []
        assert other.search("pregnant") == []
        assert other.answers(conversation) == []
        assert other.title(conversation) == ""
        assert other.latest_report(QUESTION, make_report(QUESTION).run.method) is None
        other.rename(conversation, "mine")
        other.save_feedback(answer, False, "not mine")
        other.erase(conversation)
        assert other.erase_all() == 0
        assert other.erase_older(0) == 0
        _, continued = other.log(make_report("And if I am ill?"), conversation)
        assert continued != conversation
    [logged] = ada.conversations.answers(conversation)
    assert (logged.helpful, logged.reason) == (None, "")
    assert ada.conversations.title(conversation) == QUESTION
    assert [one.id for one in ada.conversations.search("pregnant")] == [conversation]
    assert [question for _, question in ada.conversations.questions()] == [QUESTION]


def test_the_owner_of_the_machine_sees_and_erases_all_conversations(
    stores: tuple[Store, Store, Store, Store],
) -> None:
    ada, bob, _, everything = stores
    ada.conversations.log(make_report(QUESTION))
    bob.conversations.log(make_report("How long is leave?"))
    assert [(question, owner) for _, question, owner in everything.conversations.questions_with_owners()] == [
        ("How long is leave?", "bob"), (QUESTION, "ada"),
    ]  # fmt: skip
    assert everything.conversations.erase_all() == 2
    assert ada.conversations.search() == []


def test_conversations_that_were_not_continued_for_some_days_are_erased(
    stores: tuple[Store, Store, Store, Store], tmp_path: Path
) -> None:
    ada, _, _, everything = stores
    for question, days in (("Old-xyzzy?", 31), ("Recent?", 29)):
        answer, _ = ada.conversations.log(make_report(question))
        asked_at = (datetime.now(UTC) - timedelta(days=days)).isoformat()
        ada._database._db.execute("UPDATE answers SET asked_at = ? WHERE id = ?", [asked_at, answer])
        ada._database._db.conn.commit()
    assert everything.conversations.erase_older(30) == 1
    assert [question for _, question in ada.conversations.questions()] == ["Recent?"]
    ada.close()
    everything.close()
    assert b"xyzzy" not in (tmp_path / "x.db").read_bytes()


def test_a_code_belongs_to_the_visitor_who_added_it_until_it_is_made_everyones(
    stores: tuple[Store, Store, Store, Store],
) -> None:
    ada, bob, local, everything = stores
    shared = local.editions.save(small_code(), source="nowhere.txt", sha256="0" * 64)
    own = ada.editions.save(replace(small_code(), name="Draft"), source="secret.txt", sha256="1" * 64)
    assert ada.editions.all() == [own, shared]
    assert ada.editions.articles(own)
    assert bob.editions.articles(own) == ()
    assert bob.editions.search(own, "leave") == []
    assert bob.editions.references_to(own, "2^1") == []
    assert bob.editions.all() == local.editions.all() == [shared]
    assert [one.edition for one in everything.editions.describe() if one.owners == ("ada",)] == [own]
    assert ada.editions.is_own(own)
    assert not ada.editions.is_own(shared)
    everything.editions.choose(own)
    assert bob.editions.current() == own
    ada.editions.remove(own)
    assert bob.editions.current() == own


def test_a_visitor_removes_only_own_codes(stores: tuple[Store, Store, Store, Store]) -> None:
    ada, bob, local, everything = stores
    shared = local.editions.save(small_code(), source="nowhere.txt", sha256="0" * 64)
    own = ada.editions.save(replace(small_code(), name="Draft"), source="secret.txt", sha256="1" * 64)
    for edition in (shared, own):
        bob.editions.remove(edition)
    local.editions.remove(own)
    assert everything.editions.all() == [own, shared]
    ada.editions.remove(shared)
    ada.editions.remove(own)
    assert everything.editions.all() == [shared]


def test_two_visitors_who_add_the_same_file_do_not_see_each_others_file_name(
    stores: tuple[Store, Store, Store, Store],
) -> None:
    ada, bob, local, _ = stores
    names: dict[Store, Edition] = {}
    for store, source in ((ada, "redundancies at Acme.txt"), (bob, "code.txt")):
        names[store] = store.editions.save(small_code(), source=source, sha256="0" * 64)
    for store, edition in names.items():
        assert store.editions.all() == [edition]
        assert store.editions.articles(edition) == small_code().articles
    ada.editions.remove(names[ada])
    assert bob.editions.all() == [names[bob]]
    assert local.editions.all() == []


def test_a_code_that_is_ingested_anew_keeps_its_owners_and_their_choices(
    stores: tuple[Store, Store, Store, Store],
) -> None:
    ada, bob, local, _ = stores
    own = ada.editions.save(small_code(), source="mine.txt", sha256="0" * 64)
    ada.editions.choose_for_owner(own)
    shared = local.editions.save(small_code(), source="nowhere.txt", sha256="0" * 64)
    assert bob.editions.all() == [shared]
    assert ada.editions.all() == [own]
    assert ada.editions.chosen_by_owner() == own


def test_the_edition_that_an_owner_chose_is_remembered_for_that_owner_alone(
    stores: tuple[Store, Store, Store, Store],
) -> None:
    ada, bob, local, _ = stores
    old = local.editions.save(small_code(), source="old.txt", sha256="0" * 64)
    new = local.editions.save(small_code(), source="new.txt", sha256="1" * 64)
    ada.editions.choose_for_owner(new)
    ada.editions.choose_for_owner(old)
    assert ada.editions.chosen_by_owner() == old
    assert bob.editions.chosen_by_owner() is None
    assert local.editions.current() == bob.editions.current() == new
    local.editions.remove(old)
    assert ada.editions.chosen_by_owner() is None
