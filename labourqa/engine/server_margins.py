"""How the margin between "Yes" and "No" is asked of a server and read from its reply; servers differ in this."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from labourqa.engine.base import parse_yes_no
from labourqa.engine.prompts import TEMPLATE_DATE
from labourqa.engine.server_client import ServerClient, ServerError

WORDS = ("Yes", "No")
TOP_LOGPROBS = 20  # the most that OpenAI's interface allows; a missing word is at most as likely as the last
EQUAL_BIAS = 100.0  # added to the logits of both words, so that no other token is left beside them
# The date that Llama's template writes into a prompt would make every prefix new each day.
FIXED_DATE = {"chat_template_kwargs": {"date_string": TEMPLATE_DATE}}


@dataclass(frozen=True)
class MarginForm:
    """What a request asks for beside the prompt, and how its first token's logprobs give the margin."""

    name: str  # for reports of what was measured
    max_tokens: int
    options: dict[str, Any]
    read_logprobs: Callable[[list[Any]], float]
    template_options: dict[str, Any] = field(default_factory=dict)

    def read(self, choice: dict[str, Any]) -> float:
        """The margin of a reply; without logprobs, its word: yes 1, no -1, and 0 for neither, which keeps the article.

        Raises LookupError, TypeError, ValueError or AttributeError for what is no reply in OpenAI's form.
        """
        content = (choice.get("logprobs") or {}).get("content") or [{}]
        entries = content[0].get("top_logprobs") or content[0].get("top_probs") or []
        if entries:
            return self.read_logprobs(entries)
        return 2 * parse_yes_no(choice["message"]["content"] or "") - 1


def choose_form(client: ServerClient, model: str, owner: str) -> MarginForm:
    """The form that the server understands; `owner` is what it says about the model (`owned_by`).

    Raises ServerError when it does not answer.
    """
    try:
        if owner == "llamacpp":
            ids = tuple(int(client.post("/tokenize", {"content": word})["tokens"][0]) for word in WORDS)
            return _llama_cpp(*ids)
        if owner == "vllm":
            bodies = [{"model": model, "prompt": word, "add_special_tokens": False} for word in WORDS]
            ids = tuple(int(client.post("/tokenize", body)["tokens"][0]) for body in bodies)
            return _vllm(*ids)
    except ServerError as error:
        if not error.is_final:
            raise
    except (LookupError, TypeError, ValueError):
        pass
    return _top_logprobs()  # also behind a proxy that passes on /v1 alone


def _llama_cpp(yes: int, no: int) -> MarginForm:
    """Both words, and only they, by their ids: with an equal bias they are all that is left to sample from."""

    def read(entries: list[Any]) -> float:
        chances = {int(entry["id"]): float(entry["prob"]) for entry in entries}
        # A chance below 1e-38 is left out of the reply.
        return math.log(chances.get(yes, 1e-38)) - math.log(chances.get(no, 1e-38))

    options = {
        "logprobs": True,
        "top_logprobs": 2,
        "post_sampling_probs": True,
        "logit_bias": [[yes, EQUAL_BIAS], [no, EQUAL_BIAS]],
        "samplers": ["temperature"],
        "temperature": 1.0,
        "seed": 0,
        "cache_prompt": True,
    }
    return MarginForm("llama.cpp, by token id", 1, options, read, FIXED_DATE)


def _vllm(yes: int, no: int) -> MarginForm:
    """The logprobs of exactly these ids (vLLM 0.33; older versions give the top 20, which may miss a word)."""

    def read(entries: list[Any]) -> float:
        logprobs = {str(entry["token"]): float(entry["logprob"]) for entry in entries}
        least = min(logprobs.values())
        return logprobs.get(f"token_id:{yes}", least) - logprobs.get(f"token_id:{no}", least)

    options = {
        "logprobs": True,
        "top_logprobs": TOP_LOGPROBS,
        "logprob_token_ids": [yes, no],
        "return_tokens_as_token_ids": True,
    }
    return MarginForm("vLLM, by token id", 1, options, read, FIXED_DATE)


def _top_logprobs() -> MarginForm:
    """The words among the most likely tokens; if the server gives no logprobs, the reply's word."""

    def read(entries: list[Any]) -> float:
        # The most likely entry of a word counts, so it comes last.
        logprobs = {
            str(entry["token"]).strip().lower(): float(entry["logprob"]) for entry in reversed(entries)
        }
        least = min(logprobs.values())
        return logprobs.get("yes", least) - logprobs.get("no", least)

    return MarginForm("top logprobs", 3, {"logprobs": True, "top_logprobs": TOP_LOGPROBS}, read)
