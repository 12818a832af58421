"""The engine on an OpenAI-compatible server (vLLM, llama.cpp, Ollama, ...), with or without log-probabilities.

The setting is the server's URL and the model's name: http://127.0.0.1:8000/v1#llama-3.2-3b-instruct. The
question and the articles are sent there, and nowhere else.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from typing import Any, Literal

from labourqa.config import read_prompt
from labourqa.engine.base import (
    ArticlePrefixes,
    ArticleScore,
    ModelInfo,
    PrefixCacheHandle,
    ScoringResult,
    parse_yes_no,
)
from labourqa.errors import EngineError
from labourqa.law.structure import Article
from labourqa.methods import BatchingStrategy, ScoringMode

CHARACTERS_PER_TOKEN = 4  # of English text; the interface gives no access to the server's tokenizer
CONTEXT_TOKENS = 8_192  # where the server does not say
CONCURRENT_REQUESTS = 8
TIMEOUT_SECONDS = 300.0
TOP_LOGPROBS = (
    20  # the most that the interface allows; a word that is missing is at most as likely as the last
)


def is_server_url(model: str) -> bool:
    """Whether the setting names a server rather than files."""
    return model.startswith(("http://", "https://"))


class RemoteEngine:
    """Every method raises EngineError when the server cannot be reached or its reply cannot be read."""

    tokenizer_name = "estimate"
    scoring_mode: Literal["yes_no"] = "yes_no"
    supports_prefix_cache = False  # servers cache prefixes themselves

    def __init__(self, url: str, *, api_key: str = "") -> None:
        self._url, _, model = url.partition("#")
        self._url = self._url.rstrip("/")
        self._headers = {"Content-Type": "application/json"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
        models = {str(entry["id"]): entry for entry in self._read(self._open("models"), "data")}
        if not model and len(models) == 1:
            model = next(iter(models))
        if model not in models:
            raise EngineError(
                f"{self._url} has the models {', '.join(models) or '(none)'}; name one of them: {self._url}#NAME."
            )
        context = models[model].get("max_model_len") or (models[model].get("meta") or {}).get("n_ctx")
        self.info = ModelInfo(
            name=model,
            revision="",
            dtype="as served",
            device="server",
            parameters=None,
            server_url=self._url,
        )
        self.context_tokens = context if isinstance(context, int) else CONTEXT_TOKENS
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
        suffix = self._question.format(question=question)

        def score(article: Article) -> ArticleScore:
            result = self._score(article.number, self._article_prompt(article) + suffix, scoring)
            show_read(1)
            return result

        with ThreadPoolExecutor(CONCURRENT_REQUESTS) as pool:
            try:
                return ScoringResult(tuple(pool.map(score, articles)), tokenize_seconds=0.0)
            finally:
                pool.shutdown(cancel_futures=True)  # after the first error, or when interrupted

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
        raise EngineError(f"{self._url} offers no article cache; leave --method out.")

    def article_prefixes(
        self,
        *,
        scoring: ScoringMode,  # noqa: ARG002  # always an error
        folder: Path,  # noqa: ARG002
        bits: Literal[16, 8],  # noqa: ARG002
        limit_bytes: int | None,  # noqa: ARG002
    ) -> ArticlePrefixes:
        raise EngineError(f"{self._url} offers no article cache; leave --method out.")

    def prefix_bytes(self, tokens: int, bits: Literal[16, 8]) -> int:  # noqa: ARG002
        return 0

    def count_prompt_tokens(self, prompt: str) -> int:
        return len(prompt) // CHARACTERS_PER_TOKEN

    def generate(self, prompt: str, *, max_tokens: int) -> Iterator[tuple[str, int]]:
        """Yield pieces of the reply; each counts as one token, because servers send tokens one at a time."""
        with self._open("chat/completions", self._chat(prompt, max_tokens) | {"stream": True}) as response:
            try:
                for line in response:
                    data = line.removeprefix(b"data:").strip()
                    if not line.startswith(b"data:") or data == b"[DONE]":
                        continue
                    for choice in json.loads(data)["choices"]:
                        if piece := choice["delta"].get("content"):
                            yield piece, 1
            except (OSError, HTTPException, ValueError, LookupError, TypeError, AttributeError) as error:
                raise EngineError(f"{self._url} broke off its answer; ask again.") from error

    def _score(self, number: str, prompt: str, scoring: ScoringMode) -> ArticleScore:
        body = self._chat(prompt, 3) | {"logprobs": True, "top_logprobs": TOP_LOGPROBS}
        reply = self._open("chat/completions", body)
        content = self._read(reply, "")
        try:
            choice = content["choices"][0]
            usage = content.get("usage") or {}
            tokens = int(usage.get("total_tokens") or self.count_prompt_tokens(prompt))
            first = ((choice.get("logprobs") or {}).get("content") or [{}])[0].get("top_logprobs") or []
            logprobs = {
                str(entry["token"]).strip().lower(): float(entry["logprob"]) for entry in reversed(first)
            }
            word = parse_yes_no(choice["message"]["content"] or "")
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise EngineError(f"{self._url} answers in a form that is not OpenAI's.") from error
        if scoring == "generated":
            return ArticleScore(number, word, tokens)
        if not logprobs:  # the reply's word is all there is: yes 1, no -1, neither 0, which keeps the article
            return ArticleScore(number, 2 * word - 1, tokens)
        least = min(logprobs.values())
        return ArticleScore(number, logprobs.get("yes", least) - logprobs.get("no", least), tokens)

    def _article_prompt(self, article: Article) -> str:
        return self._article.format(number=article.number, title=article.title, text=article.text)

    def _chat(self, prompt: str, max_tokens: int) -> dict[str, Any]:
        return {
            "model": self.info.name,
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": max_tokens,
            "temperature": 0,
        }

    def _open(self, path: str, body: dict[str, Any] | None = None) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self._url}/{path}", data, self._headers)  # noqa: S310  # http(s) only
        try:
            return urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)  # noqa: S310
        except urllib.error.HTTPError as error:
            raise EngineError(
                f"{self._url} refuses the request (status {error.code}); check the model's name and LABOURQA_API_KEY."
            ) from error
        except (OSError, HTTPException, ValueError) as error:
            raise EngineError(f"{self._url} does not answer; check that the server runs.") from error

    def _read(self, response: Any, key: str) -> Any:
        """The JSON document of a reply, or its value for `key`."""
        try:
            with response:
                document = json.load(response)
            return document[key] if key else document
        except (OSError, HTTPException, ValueError, LookupError, TypeError) as error:
            raise EngineError(f"{self._url} answers in a form that is not OpenAI's.") from error
