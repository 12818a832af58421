"""The OpenAI-compatible interface with the real `openai` package."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from labourqa.errors import EngineError
from labourqa.store import Store
from labourqa.store.owners import CLIENTS
from tests.fakes import FakeEngine
from tests.server.conftest import CODE_ID, QUESTION, RunningServer, StartServer

EDITION_LINE = "Labour Code of Nowhere, version of 2025-01-01 (nowhere.txt). Information, not legal advice."


@pytest.fixture
def client(server: RunningServer) -> Iterator[openai.OpenAI]:
    with connect(server) as client:
        yield client


def connect(server: RunningServer, key: str = "unused") -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0, timeout=30)


def user(text: str) -> ChatCompletionMessageParam:
    return {"role": "user", "content": text}


def assistant(text: str) -> ChatCompletionMessageParam:
    return {"role": "assistant", "content": text}


def test_each_code_is_a_model(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == [CODE_ID]


def test_a_chat_is_answered_with_references_and_annotations(
    client: openai.OpenAI, server: RunningServer
) -> None:
    completion = client.chat.completions.create(model=CODE_ID, messages=[user(QUESTION)], temperature=0.7)
    [choice] = completion.choices
    text = choice.message.content or ""
    assert text == f"{server.engine.reply}\n\n{EDITION_LINE}"
    assert choice.finish_reason == "stop"
    [annotation] = choice.message.annotations or []
    citation = annotation.url_citation
    assert text[citation.start_index : citation.end_index] == "Art. 2"
    assert citation.title == "Art. 2  Night Work"
    assert citation.url == f"{server.url}/reader?article=2&code=Labour+Code+of+Nowhere%40000000000000"
    assert completion.usage
    assert completion.usage.prompt_tokens > 0
    assert completion.usage.completion_tokens == len(server.engine.reply.split())


def test_a_stream_gives_the_same_text_and_annotations(client: openai.OpenAI, server: RunningServer) -> None:
    whole = client.chat.completions.create(model=CODE_ID, messages=[user(QUESTION)])
    chunks = list(
        client.chat.completions.create(
            model=CODE_ID, messages=[user(QUESTION)], stream=True, stream_options={"include_usage": True}
        )
    )
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert deltas[0].role == "assistant"
    assert "".join(delta.content or "" for delta in deltas) == whole.choices[0].message.content
    [annotations] = [
        extra["annotations"] for delta in deltas if "annotations" in (extra := delta.model_extra or {})
    ]
    assert annotations == [one.model_dump() for one in whole.choices[0].message.annotations or []]
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage == whole.usage


def test_a_quoted_answer_streams_too(start_server: StartServer) -> None:
    with connect(start_server(answer="quoted")) as client:
        chunks = client.chat.completions.create(model=CODE_ID, messages=[user(QUESTION)], stream=True)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert "Night work is paid at one and a half times the pay. [Art. 2]" in text


def test_a_follow_up_is_understood_from_the_messages(client: openai.OpenAI, server: RunningServer) -> None:
    messages = [
        {"role": "system", "content": "You are a pirate."},
        user("How long is study leave?"),
        assistant("Ten days [Art. 2^1(1)]."),
        user("And for a wedding?"),
    ]
    completion = client.chat.completions.create(model=CODE_ID, messages=messages)  # type: ignore[arg-type]
    assert "Understood as: How long is study leave? And for a wedding?" in (
        completion.choices[0].message.content or ""
    )
    assert server.engine.score_calls[-1].question == "How long is study leave? And for a wedding?"


def test_text_in_parts_is_read(client: openai.OpenAI, server: RunningServer) -> None:
    parts: Any = [{"type": "text", "text": "How is night work"}, {"type": "text", "text": "paid?"}]
    client.chat.completions.create(model=CODE_ID, messages=[{"role": "user", "content": parts}])
    assert server.engine.score_calls[-1].question == "How is night work paid?"


def test_what_an_answer_leaves_open_is_said(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(
        model=CODE_ID, messages=[user("What does Art. 999 say on night?")]
    )
    assert "The Labour Code of Nowhere has no Art. 999." in (completion.choices[0].message.content or "")


@pytest.mark.parametrize(
    ("messages", "sentence"),
    [
        ([assistant("Hello")], "The last message is not the user's; end the conversation with a question."),
        ([user(" ")], "The question is empty"),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}],
            "Only text can be read; send the question as text.",
        ),
        ([], "messages: List should have at least 1 item"),
    ],
)
def test_a_wrong_chat_is_an_error_of_openais_form(
    client: openai.OpenAI, messages: list[Any], sentence: str
) -> None:
    with pytest.raises(openai.APIStatusError) as raised:
        client.chat.completions.create(model=CODE_ID, messages=messages)
    assert raised.value.status_code in (400, 422)
    assert raised.value.type == "invalid_request_error"
    assert sentence in raised.value.message


def test_an_unknown_model_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        client.chat.completions.create(model="gpt-4", messages=[user(QUESTION)])
    assert raised.value.code == "model_not_found"


def test_errors_have_the_classes_of_the_openai_package(start_server: StartServer) -> None:
    with (
        connect(start_server(serve_key="correct"), key="wrong") as client,
        pytest.raises(openai.AuthenticationError, match="The key is missing or wrong"),
    ):
        client.models.list()
    with connect(start_server(requests_per_minute=1)) as client:
        client.models.list()
        with pytest.raises(openai.RateLimitError) as raised:
            client.models.list()
        assert int(raised.value.response.headers["Retry-After"]) >= 1


def test_an_error_in_a_stream_reaches_the_client(start_server: StartServer) -> None:
    server = start_server(FakeEngine(error=EngineError("The memory does not suffice.")))
    with connect(server) as client, pytest.raises(openai.APIError, match="The memory does not suffice"):
        list(client.chat.completions.create(model=CODE_ID, messages=[user(QUESTION)], stream=True))


def test_a_clients_own_prompts_are_answered_without_reading_the_code(
    client: openai.OpenAI, server: RunningServer
) -> None:
    task = (
        "### Task:\nGenerate a concise title summarizing the chat history.\n### Output:\n"
        'JSON format: { "title": "your concise title here" }\n### Chat History:\n<chat_history>\n'
        f"USER: {QUESTION}\nASSISTANT: One and a half times.\n</chat_history>"
    )
    read = len(server.engine.score_calls)
    completion = client.chat.completions.create(model=CODE_ID, messages=[user(task)])
    assert json.loads(completion.choices[0].message.content or "") == {"title": "How is night work paid"}
    stream = client.chat.completions.create(model=CODE_ID, messages=[user(task)], stream=True)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert json.loads(text) == {"title": "How is night work paid"}
    assert len(server.engine.score_calls) == read
    with Store(server.service.settings.database, owner=CLIENTS) as store:
        assert not any("### Task" in question for _, question in store.conversations.questions())
