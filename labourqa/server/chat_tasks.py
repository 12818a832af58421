"""The prompts that chat clients send of their own accord, for a title, tags or follow-up questions of a conversation.

They are answered from the conversation's words, without reading the code. Recognised are the default prompts of
Open WebUI ("### Task:", with the key of the JSON document that it expects) and LibreChat (in plain text).
"""

import json
import re

_TASK = re.compile(r"\s*### Task:")
_EXPECTED_KEY = re.compile(r'\{\s*"(title|tags|follow_ups|queries|text|prompt)"')
_EMOJI_TASK = re.compile(r"\s*Your task is to reflect the speaker's likely facial expression")
_TITLE_TASK = re.compile(
    r"\s*(?:Please (?:provide|generate)|Provide|Generate|Write) a concise, (?:5-word-or-less|\d-\d word) title"
)
_HISTORY = re.compile(r"<chat_history>\s*(.*?)\s*</chat_history>", re.DOTALL)
_FIRST_QUESTION = re.compile(
    r"^(?:USER|User|Human): *(.+?)\s*(?=^(?:ASSISTANT|Assistant|AI):|\Z)", re.DOTALL | re.MULTILINE
)
MAX_TITLE = 60  # characters
_EMPTY = {"tags": [], "follow_ups": [], "queries": [], "text": "", "prompt": ""}


def answer_task(prompt: str, code: str) -> str | None:
    """The reply to a client's own prompt about a conversation on `code`; None for a question of a person."""
    if _TITLE_TASK.match(prompt):
        return _make_title(prompt, code)
    if _EMOJI_TASK.match(prompt):
        return ""
    if not _TASK.match(prompt):
        return None
    expected = _EXPECTED_KEY.search(prompt)
    if expected is None:
        return "{}"
    key = expected[1]
    if key == "title":
        return json.dumps({"title": _make_title(prompt, code)}, ensure_ascii=False)
    if key == "tags":
        return json.dumps({"tags": [code]}, ensure_ascii=False)
    return json.dumps({key: _EMPTY[key]})


def _make_title(prompt: str, code: str) -> str:
    """The first words of the conversation's first question; the code's name if none is found."""
    history = _HISTORY.search(prompt)
    first = _FIRST_QUESTION.search(history[1] if history else prompt)
    if not first:
        return code
    words = " ".join(first[1].split()).rstrip("?.! ")
    if len(words) <= MAX_TITLE:
        return words
    return words[:MAX_TITLE].rpartition(" ")[0] + "…"
