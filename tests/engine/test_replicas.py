"""Several servers with one model: which article goes where, and what happens when one of them fails."""

import threading
import time
from collections import Counter
from contextlib import ExitStack
from itertools import count

import pytest

from labourqa.engine.remote import RemoteEngine
from labourqa.engine.replicas import HashRing
from labourqa.errors import EngineError
from tests.engine.fake_server import article_of, serve
from tests.engine.test_server_client import ARTICLES, scores

KEYS = [f"Article {i}" for i in range(1000)]


def test_keys_spread_evenly_and_only_those_of_a_server_that_leaves_move() -> None:
    three, two = HashRing(["a", "b", "c"]), HashRing(["a", "c"])
    owners = {key: three.order(key)[0] for key in KEYS}
    assert all(230 <= share <= 440 for share in Counter(owners.values()).values())
    assert all(two.order(key)[0] == owner for key, owner in owners.items() if owner != "b")
    assert all(two.order(key)[0] == three.order(key)[1] for key, owner in owners.items() if owner == "b")
    assert all(sorted(three.order(key)) == ["a", "b", "c"] for key in KEYS)


@pytest.mark.parametrize("number", [2, 3])
def test_an_article_always_goes_to_the_same_server(number: int) -> None:
    with ExitStack() as stack:
        servers = [stack.enter_context(serve()) for _ in range(number)]
        engine = RemoteEngine(",".join(server.url for server in servers) + "#model")
        for _ in range(3):
            scores(engine)
        read = [{article_of(prompt) for prompt in server.prompts} for server in servers]
        assert all(read)
        assert sum(map(len, read)) == len(ARTICLES)
        assert sum(len(server.prompts) for server in servers) == 3 * len(ARTICLES)


@pytest.mark.parametrize("number", [2, 3])
def test_when_one_dies_in_the_middle_the_others_read_its_articles_and_nothing_is_lost(number: int) -> None:
    with ExitStack() as stack:
        servers = [stack.enter_context(serve()) for _ in range(number)]
        engine = RemoteEngine(",".join(server.url for server in servers) + "#model", patience_seconds=0.1)
        whole = scores(engine)
        before = [{article_of(prompt) for prompt in server.prompts} for server in servers]
        requests = count()

        def die() -> None:
            if next(requests) == 3:
                threading.Thread(target=servers[0].close).start()
                time.sleep(0.05)

        servers[0].delay = die
        for _ in range(3):
            assert scores(engine) == whole
        for server, own in zip(servers[1:], before[1:], strict=True):
            read = {article_of(prompt) for prompt in server.prompts}
            assert own <= read <= own | before[0]  # articles of servers that live stay where they are


def test_a_server_that_answers_nonsense_is_left_out_as_well(caplog: pytest.LogCaptureFixture) -> None:
    with serve() as good, serve(fail=lambda number: "nonsense") as bad:
        engine = RemoteEngine(f"{good.url},{bad.url}#model")
        assert len(scores(engine)) == len(ARTICLES)
        assert "Its articles go to the other servers" in caplog.text
        asked = len(bad.bodies)
        scores(engine)
        assert len(bad.bodies) == asked


def test_a_server_that_comes_back_is_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labourqa.engine.replicas.OUT_SECONDS", 0.05)
    with serve() as first, serve(fail=lambda number: "broken") as second:
        engine = RemoteEngine(f"{first.url},{second.url}#model", patience_seconds=0.0)
        scores(engine)
        second.fail = lambda number: ""
        time.sleep(0.06)
        scores(engine)
        assert second.prompts


def test_when_all_are_gone_it_is_one_sentence() -> None:
    with serve() as first, serve() as second:
        engine = RemoteEngine(f"{first.url}, {second.url}#model", patience_seconds=0.0)
        first.close()
        second.close()
        with pytest.raises(EngineError, match="None of the 2 servers answers; the last says: http"):
            scores(engine)


def test_an_answer_is_written_by_another_server_when_one_is_gone() -> None:
    with serve() as first, serve() as second:
        engine = RemoteEngine(f"{first.url},{second.url}#model", patience_seconds=0.0)
        first.close()
        for question in ("Why?", "How?", "When?", "Who?"):
            assert [piece for piece, _ in engine.generate(question, max_tokens=9)] == ["Night ", "work."]


def test_the_engine_says_which_servers_an_article_has() -> None:
    with serve() as first, serve() as second:
        engine = RemoteEngine(f"{first.url},{second.url}#model")
        scores(engine)
        for server in (first, second):
            read = {article_of(prompt) for prompt in server.prompts}
            assert read == {a.number for a in ARTICLES if engine.servers_of(a)[0] == server.url}
