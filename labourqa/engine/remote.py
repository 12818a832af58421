"""The engine on OpenAI-compatible servers (vLLM, llama.cpp, Ollama, ...), with or without log-probabilities.

The setting is the server's URL and the model's name: http://127.0.0.1:8000/v1#llama-3.2-3b-instruct. Several URLs,
separated by commas, are replicas of one model. The question and the articles are sent there, and nowhere else.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, Literal, TypeVar

from labourqa.config import read_prompt
from labourqa.engine.base import (
    ArticlePrefixes,
    ArticleScore,
    ModelInfo,
    PrefixCacheHandle,
    ScoringResult,
    parse_yes_no,
)
from labourqa.engine.replicas import Replicas
from labourqa.engine.server_client import MAX_CONCURRENCY, ServerClient, ServerError
from labourqa.engine.server_margins import MarginForm, choose_form
from labourqa.errors import EngineError
from labourqa.law.structure import Article
from labourqa.methods import BatchingStrategy, ScoringMode

CHARACTERS_PER_TOKEN = 4  # of English text; the interface gives no access to the server's tokenizer
CONTEXT_TOKENS = 8_192  # where the server does not say
PATIENCE_SECONDS = 30.0  # with a server that is overloaded, restarting or loading its model
PATIENCE_WITH_REPLICA_SECONDS = 2.0  # where another server can answer instead
_UNREADABLE = (LookupError, TypeError, ValueError, AttributeError)  # raised by what is not in OpenAI's form

Result = TypeVar("Result")


class RemoteEngine:
    """Every method raises EngineError when no server can be reached or its reply cannot be read."""

    tokenizer_name = "estimate"
    scoring_mode: Literal["yes_no"] = "yes_no"
    supports_prefix_cache = False  # servers cache prefixes themselves

    def __init__(self, urls: str, *, api_key: str = "", patience_seconds: float | None = None) -> None:
        addresses, _, name = urls.partition("#")
        listed = [url for address in addresses.split(",") if (url := address.strip().rstrip("/"))]
        if patience_seconds is None:
            patience_seconds = PATIENCE_SECONDS if len(listed) == 1 else PATIENCE_WITH_REPLICA_SECONDS
        clients = [
            ServerClient(url, api_key=api_key, patience_seconds=patience_seconds)
            for url in dict.fromkeys(listed)
        ]
        self._replicas = Replicas(clients)
        self._urls = ",".join(client.url for client in clients)
        self._forms: dict[str, MarginForm] = {}
        self._forms_lock = Lock()
        self._ahead: dict[tuple[Article, str, ScoringMode], ArticleScore] = {}
        served = self._replicas.run("models", partial(_find_model, name=name))
        self._owner = served.owner
        self.context_tokens = served.context_tokens
        self.info = ModelInfo(
            name=served.name,
            revision="",
            dtype="as served",
            device="server",
            parameters=served.parameters,
            server_url=self._urls,
        )
        self._article = read_prompt("filter_article", ("number", "title", "text"))
        self._question = read_prompt("filter_question", ("question",))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [self.count_prompt_tokens(text) for text in texts]

    def score_articles(
        self,
        articles: Sequence[Article],
        question: str,
        *,
        scoring: ScoringMode,
        batching: BatchingStrategy,  # noqa: ARG002  # the server makes its own batches
        batch_tokens: int,  # noqa: ARG002
        batch_articles: int,  # noqa: ARG002
        prefix_cache: PrefixCacheHandle | None = None,  # noqa: ARG002
        show_read: Callable[[int], None],
    ) -> ScoringResult:
        def score(article: Article) -> ArticleScore:
            result = self._ahead.pop((article, question, scoring), None)
            result = result or self._score(article, question, scoring)
            show_read(1)
            return result

        return ScoringResult(self._map(score, articles), tokenize_seconds=0.0)

    def read_ahead(
        self,
        articles: Sequence[Article],
        questions: Sequence[str],
        *,
        scoring: ScoringMode,
        show_read: Callable[[int], None],
    ) -> None:
        def score(article: Article) -> None:
            for question in questions:
                self._ahead[article, question, scoring] = self._score(article, question, scoring)
            show_read(1)

        self._ahead.clear()
        self._map(score, articles)

    def open_prefix_cache(
        self,
        articles: Sequence[Article],  # noqa: ARG002  # always an error
        *,
        scoring: ScoringMode,  # noqa: ARG002
        folder: Path,  # noqa: ARG002
        bits: Literal[16, 8],  # noqa: ARG002
        limit_bytes: int | None = None,  # noqa: ARG002
        show_share: Callable[[float], None],  # noqa: ARG002
    ) -> PrefixCacheHandle:
        raise EngineError(f"{self._urls} offers no article cache; leave --method out.")

    def article_prefixes(
        self,
        *,
        scoring: ScoringMode,  # noqa: ARG002  # always an error
        folder: Path,  # noqa: ARG002
        bits: Literal[16, 8],  # noqa: ARG002
        limit_bytes: int | None,  # noqa: ARG002
    ) -> ArticlePrefixes:
        raise EngineError(f"{self._urls} offers no article cache; leave --method out.")

    def prefix_bytes(self, tokens: int, bits: Literal[16, 8]) -> int:  # noqa: ARG002
        return 0

    def count_prompt_tokens(self, prompt: str) -> int:
        return len(prompt) // CHARACTERS_PER_TOKEN

    def generate(self, prompt: str, *, max_tokens: int) -> Iterator[tuple[str, int]]:
        """Yield pieces of the reply; each counts as one token, because servers send tokens one at a time.

        An answer that breaks off is not asked of another server, since a part of it was shown already.
        """
        lines = self._replicas.run(prompt, partial(self._open_stream, prompt=prompt, max_tokens=max_tokens))
        for line in lines:
            data = line.removeprefix("data:").strip()
            if not line.startswith("data:") or data == "[DONE]":
                continue
            try:
                pieces = [choice["delta"].get("content") for choice in json.loads(data)["choices"]]
            except _UNREADABLE as error:
                raise EngineError(f"{self._urls} broke off its answer; ask again.") from error
            yield from ((piece, 1) for piece in pieces if piece)

    def servers_of(self, article: Article) -> list[str]:
        """The addresses of the article's own server, of the one that takes over when it fails, and so on."""
        return self._replicas.order(self._article_prompt(article))

    def describe_form(self) -> str:
        """How yes and no are asked of the first server, for reports of measurements."""
        return self._form(self._replicas.clients[0]).name

    def _form(self, client: ServerClient) -> MarginForm:
        with self._forms_lock:
            if client.url not in self._forms:
                self._forms[client.url] = choose_form(client, self.info.name, self._owner)
            return self._forms[client.url]

    def _map(self, work: Callable[[Article], Result], articles: Sequence[Article]) -> tuple[Result, ...]:
        """`work` for many articles at once; each server's limit decides how many of them run."""
        with ThreadPoolExecutor(MAX_CONCURRENCY * len(self._replicas.clients)) as pool:
            try:
                return tuple(pool.map(work, articles))
            finally:
                pool.shutdown(cancel_futures=True)  # after the first error, or when interrupted

    def _score(self, article: Article, question: str, scoring: ScoringMode) -> ArticleScore:
        text = self._article_prompt(article)  # first, so that the server finds it in its prefix cache
        prompt = text + self._question.format(question=question)
        request = partial(self._ask, number=article.number, prompt=prompt, scoring=scoring)
        return self._replicas.run(text, request)

    def _ask(self, client: ServerClient, *, number: str, prompt: str, scoring: ScoringMode) -> ArticleScore:
        form = self._form(client)
        if scoring == "generated":
            body = _chat(prompt, 3, self.info.name) | form.template_options
        else:
            body = _chat(prompt, form.max_tokens, self.info.name) | form.options | form.template_options
        reply = client.post("chat/completions", body)
        try:
            choice = reply["choices"][0]
            word = choice["message"]["content"] or ""
            score = parse_yes_no(word) if scoring == "generated" else form.read(choice)
            return ArticleScore(number, score, self._computed_tokens(reply, prompt))
        except _UNREADABLE as error:
            raise client.nonsense(error) from error

    def _computed_tokens(self, reply: dict[str, Any], prompt: str) -> int:
        """What the server processed for this reply: without the prefix that was in its cache, if it says so."""
        usage = reply.get("usage") or {}
        total = int(usage.get("total_tokens") or self.count_prompt_tokens(prompt))
        return total - int((usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0)

    def _open_stream(self, client: ServerClient, *, prompt: str, max_tokens: int) -> Iterator[str]:
        """The lines of a streamed reply, of which the first has come."""
        form = self._form(client)
        body = _chat(prompt, max_tokens, self.info.name) | {"stream": True} | form.template_options
        lines = client.stream("chat/completions", body)
        first = next(lines, "")

        def all_lines() -> Iterator[str]:
            yield first
            yield from lines

        return all_lines()

    def _article_prompt(self, article: Article) -> str:
        return self._article.format(number=article.number, title=article.title, text=article.text)


@dataclass(frozen=True)
class _ServedModel:
    """What a server says about its model."""

    name: str
    context_tokens: int = CONTEXT_TOKENS
    parameters: int | None = None
    owner: str = ""  # "llamacpp", "vllm", or somebody whose servers are not told apart


def _find_model(client: ServerClient, name: str) -> _ServedModel:
    """The model of that name, or the only one. Raises ServerError."""
    try:
        models = {str(entry["id"]): entry for entry in client.get("models")["data"]}
    except _UNREADABLE as error:
        raise client.nonsense(error) from error
    except ServerError as error:
        if not (name and error.is_final):
            raise
        models = {}  # `transformers serve` fails to list its models when it has no cache
    try:
        if not name and len(models) == 1:
            name = next(iter(models))
        # `transformers serve` lists only the models of its cache, not the folder that it was started with.
        if name and name not in models and (not models or name.startswith("/")):
            client.post("chat/completions", _chat("Hello", 1, name))
            return _ServedModel(name)
        if name not in models:
            raise ServerError(
                f"{client.url} has the models {', '.join(models) or '(none)'}; name one of them: {client.url}#NAME."
            )
        entry = models[name]
        meta = entry.get("meta") or {}
        context, parameters = entry.get("max_model_len") or meta.get("n_ctx"), meta.get("n_params")
        return _ServedModel(
            name,
            context if isinstance(context, int) else CONTEXT_TOKENS,
            parameters if isinstance(parameters, int) else None,
            str(entry.get("owned_by") or ""),
        )
    except _UNREADABLE as error:
        raise client.nonsense(error) from error


def _chat(prompt: str, max_tokens: int, model: str) -> dict[str, Any]:
    return {
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": max_tokens,
        "temperature": 0,
    }
