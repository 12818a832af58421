"""Prompts of chat clients' own, as Open WebUI 0.12 and LibreChat send them by default (shortened)."""

import json

import pytest

from labourqa.server.chat_tasks import answer_task

CODE = "Labour Code of Nowhere"
HISTORY = "<chat_history>\nUSER: How long is annual leave?\nASSISTANT: Twenty days [Art. 1].\n</chat_history>"
LIBRECHAT = (
    "Provide a concise, 5-word-or-less title for the conversation, using its same language, with no punctuation. "
    "Apply title case conventions appropriate for the language.\n\nConversation:\n"
    "User: How long is annual leave?\nAI: Twenty days."
)


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (
            "Generate a concise title summarizing the chat history.\n### Guidelines:\n- Your entire response must "
            'consist solely of the JSON object.\n### Output:\nJSON format: { "title": "your concise title here" }\n'
            '### Examples:\n- { "title": "Stock Trends" }',
            {"title": "How long is annual leave"},
        ),
        (
            "Generate 1-3 broad tags categorizing the main themes of the chat history.\n### Output:\n"
            'JSON format: { "tags": ["tag1", "tag2", "tag3"] }',
            {"tags": [CODE]},
        ),
        (
            "Predict 3-5 useful messages this user might naturally send next.\n### Output:\n"
            'JSON format: { "follow_ups": ["Suggested next message 1"] }',
            {"follow_ups": []},
        ),
        (
            "Analyze the chat history to determine the necessity of generating search queries.\n### Output:\n"
            'Strictly return in JSON format: \n{\n  "queries": ["query1", "query2"]\n}',
            {"queries": []},
        ),
        ("Something that no version has asked yet.", {}),
    ],
)
def test_a_task_of_open_webui_gets_the_document_that_it_expects(
    task: str, expected: dict[str, object]
) -> None:
    reply = answer_task(f"### Task:\n{task}\n### Chat History:\n{HISTORY}", CODE)
    assert reply is not None
    assert json.loads(reply) == expected


def test_librechat_gets_a_title_in_plain_text() -> None:
    assert answer_task(LIBRECHAT, CODE) == "How long is annual leave"


def test_a_long_question_is_a_short_title() -> None:
    question = "Do they need to pay more when the employee works at night and on a public holiday at once?"
    title = answer_task(LIBRECHAT.replace("How long is annual leave?", question), CODE)
    assert title == "Do they need to pay more when the employee works at night…"


def test_a_conversation_without_a_question_is_named_after_the_code() -> None:
    assert answer_task("Write a concise, 3-5 word title for this.", CODE) == CODE


@pytest.mark.parametrize(
    "question",
    ["How long is annual leave?", "What is the task of a works council?", "Write me a title: may I strike?"],
)
def test_a_persons_question_is_no_task(question: str) -> None:
    assert answer_task(question, CODE) is None
