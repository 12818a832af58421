"""The engine on a server that fails in every way that servers fail; the server is a real one without a model."""

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from labourqa.config import Settings
from labourqa.engine.remote import RemoteEngine
from labourqa.engine.server_client import ConcurrencyLimit, ServerClient
from labourqa.errors import EngineError
from labourqa.evaluation.cases import Case
from labourqa.law.structure import Article, Paragraph
from labourqa.pipeline import Assistant
from labourqa.store import Store
from tests.conftest import small_code
from tests.engine.fake_server import article_of, margin, serve
from tests.fakes import FakeEngine, fake_models

ARTICLES = tuple(Article(str(i), "Title", (Paragraph("", "Text." + "x" * i),)) for i in range(1, 25))


@pytest.fixture(autouse=True)
def _short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labourqa.engine.server_client.FIRST_DELAY_SECONDS", 0.02)


def scores(engine: RemoteEngine, articles: Sequence[Article] = ARTICLES) -> dict[str, float]:
    result = engine.score_articles(
        articles, "How long?", scoring="yes_no", batching="one-by-one", batch_tokens=1, batch_articles=1,
        show_read=lambda more: None,
    )  # fmt: skip
    assert [one.article for one in result.articles] == [article.number for article in articles]
    return result.scores


@pytest.mark.parametrize("owner", ["llamacpp", "vllm", "somebody"])
def test_the_margin_is_read_by_id_where_the_server_can_and_among_the_top_elsewhere(owner: str) -> None:
    with serve(owner=owner) as server:
        found = scores(RemoteEngine(server.url))
        prompts = {article_of(prompt): prompt for prompt in server.prompts}
        assert found == {number: pytest.approx(margin(prompts[number])) for number in found}
        assert server.requests["/tokenize"] == (2 if owner != "somebody" else 0)


def test_a_word_that_the_top_lacks_is_at_most_as_likely_as_the_last() -> None:
    with serve() as server:
        server.top = lambda prompt, body: {  # type: ignore[method-assign]
            "top_logprobs": [{"token": " yes", "logprob": -0.5}, {"token": "The", "logprob": -3.0}]
        }
        assert set(scores(RemoteEngine(server.url)).values()) == {2.5}


def test_the_article_comes_first_and_neither_echo_nor_prompt_logprobs_are_asked_for() -> None:
    with serve(owner="vllm") as server:
        scores(RemoteEngine(server.url))
        assert all(prompt.index("Article ") < prompt.index("How long?") for prompt in server.prompts)
        assert not any({"echo", "prompt_logprobs"} & body.keys() for body in server.bodies)


def test_tokens_are_those_that_the_server_computed() -> None:
    with serve() as server:
        result = RemoteEngine(server.url).score_articles(
            ARTICLES[:2], "How long?", scoring="generated", batching="one-by-one", batch_tokens=1, batch_articles=1,
            show_read=lambda more: None,
        )  # fmt: skip
        assert result.tokens == 2 * (101 - 90)


def test_the_servers_model_says_how_large_it_is() -> None:
    with serve() as server:
        info = RemoteEngine(server.url).info
        assert (info.name, info.parameters, info.is_small) == ("model", 3_000_000_000, False)


@pytest.mark.parametrize("failure", ["busy", "broken", "cut", "gone"])
def test_a_failure_that_passes_is_repeated_and_nothing_is_lost(failure: str) -> None:
    with serve(fail=lambda number: failure if number % 6 == 5 else "") as server:
        engine = RemoteEngine(server.url)
        assert len(scores(engine, ARTICLES[:12])) == 12
        assert len(set(server.prompts)) == len(server.prompts) == 12


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        ("busy", r"refuses the request \(status 429: too many requests\)"),
        ("broken", r"refuses the request \(status 500: out of memory\); ask again later"),
        ("cut", "does not answer"),
        ("gone", "does not answer"),
        ("nonsense", "answers in a form that is not OpenAI's"),
        ("no form", "answers in a form that is not OpenAI's"),
    ],
)
def test_a_failure_that_stays_is_one_sentence(failure: str, sentence: str) -> None:
    with serve(fail=lambda number: failure) as server:
        engine = RemoteEngine(server.url, patience_seconds=0.1)
        with pytest.raises(EngineError, match=sentence) as raised:
            scores(engine)
        assert "\n" not in str(raised.value)


def test_a_server_that_dies_in_the_middle_is_one_sentence() -> None:
    numbers = count()
    with serve() as server:
        engine = RemoteEngine(server.url, patience_seconds=0.2)

        def die() -> None:
            if next(numbers) == 10:
                threading.Thread(target=server.close).start()
                time.sleep(0.1)

        server.delay = die
        with pytest.raises(EngineError, match="does not answer"):
            scores(engine)


def test_a_server_without_the_endpoint_is_one_sentence() -> None:
    with serve() as server:
        engine = RemoteEngine(server.url.removesuffix("/v1") + "/other/v1")
        with pytest.raises(EngineError, match=r"status 404: Not Found\); check the model's name"):
            scores(engine)


def test_an_answer_streams_in_pieces() -> None:
    with serve() as server:
        assert (
            "".join(piece for piece, _ in RemoteEngine(server.url).generate("Why?", max_tokens=5))
            == "Night work."
        )


def test_requests_at_once_are_bounded() -> None:
    with serve(delay=lambda: time.sleep(0.02)) as server:
        scores(RemoteEngine(server.url))
        # It begins with 8, and 24 answers are two rounds.
        assert 2 <= server.most_at_once <= 10


def test_an_overloaded_server_gets_half_as_many_requests_at_once() -> None:
    with serve(fail=lambda number: "busy" if number == 1 else "") as server:
        client = ServerClient(server.url, api_key="", patience_seconds=20.0)
        body = {"messages": [{"role": "user", "content": "Why?"}]}
        client.post("chat/completions", body)
        assert client.limit.limit == 8
        client.post("chat/completions", body)
        assert client.limit.limit == 4


def test_the_limit_grows_by_one_a_round_and_halves_once_a_round() -> None:
    limit = ConcurrencyLimit(start=4, most=6)
    for _ in range(4):
        limit.answered()
    assert limit.limit == 5
    for _ in range(100):
        limit.answered()
    assert limit.limit == 6
    limit.overloaded()
    limit.overloaded()
    assert limit.limit == 3


def test_requests_get_their_places_in_the_order_in_which_they_came() -> None:
    limit = ConcurrencyLimit(start=1, most=1)
    order: list[int] = []

    def take(number: int) -> None:
        with limit.place():
            order.append(number)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(20)]
    with limit.place():
        for thread in threads:
            thread.start()
            time.sleep(0.002)  # until it waits
    for thread in threads:
        thread.join()
    assert order == list(range(20))


def test_an_evaluation_asks_all_questions_of_an_article_one_after_the_other(tmp_path: Path) -> None:
    questions = [f"How is night work number {number} paid?" for number in range(5)]
    with serve() as server, Store() as store:
        edition = store.editions.save(small_code(), source="nowhere.txt", sha256="0" * 64)
        models = replace(fake_models(FakeEngine()), engine=RemoteEngine(server.url))
        assistant = Assistant(Settings(home=tmp_path), store, models=models)
        cases = [Case(str(i), question, True, "", {}, (), None) for i, question in enumerate(questions)]
        together = assistant.evaluate(cases, edition=edition)
        by_article: dict[str, list[str]] = {}
        for prompt in server.prompts:
            by_article.setdefault(article_of(prompt), []).append(prompt.rpartition("Question: ")[2])
        assert by_article == dict.fromkeys(("1", "2", "2^1"), questions)
        alone = [assistant.ask(question, edition=edition) for question in questions]
        assert len(server.prompts) == 2 * 3 * len(questions)
        assert [report.selection for report in together] == [report.selection for report in alone]
