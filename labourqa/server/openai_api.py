"""An interface like OpenAI's: each code is a model, and a chat asks it.

Open WebUI, LibreChat, the `openai` package and others work with the base address http://HOST:PORT/v1.
"""

import json
import logging
import re
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from http import HTTPStatus
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.sse import format_sse_event
from pydantic import BaseModel, Field

from labourqa.answering.conversation import Turn, resolve_question
from labourqa.answering.export import NOTICE
from labourqa.answering.report import Report
from labourqa.errors import LabourQAError, NoEditionError, QuestionError
from labourqa.law.edition import Edition
from labourqa.law.references import Reference, find_references
from labourqa.server.chat_tasks import answer_task
from labourqa.server.codes import code_ids, find_edition
from labourqa.server.guard import client_of
from labourqa.server.problems import INTERNAL_ERROR, openai_error, status_of
from labourqa.server.question_queue import Done, QuestionCancelledError, Text, Waiting
from labourqa.server.running import RunningQuestion
from labourqa.server.service import AnswerService, Question

_log = logging.getLogger(__name__)

OWNER = "labourqa"  # of the models
SILENT_EVENTS = 20  # after as many silent half-seconds a comment keeps the connection open
_REFERENCE = re.compile(r"Art\. [^\s()\[\],;]+(?:\([^\s()]{1,8}\))*")
CLIENT_CLOSED_REQUEST = 499
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": description,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/OpenAIError"}}},
    }
    for status, description in {
        400: "The request is wrong.",
        401: "The key is missing or wrong.",
        404: "There is no such model.",
        413: "The body is too large.",
        422: "The question is wrong.",
        429: "Too many requests, or too many questions wait; `Retry-After` says when to ask again.",
        503: "The models or the database cannot be used.",
        504: "The question was not answered within the time limit.",
    }.items()
}


class OpenAIErrorDetail(BaseModel):
    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIError(BaseModel):
    """An error, as OpenAI's interface has it."""

    error: OpenAIErrorDetail


class ContentPart(BaseModel):
    """A part of a message; only text can be read."""

    type: str = Field(max_length=40)
    text: str = ""


class Message(BaseModel):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[ContentPart] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.type == "text")
        return self.content or ""


class StreamOptions(BaseModel):
    include_usage: bool | None = False


class ChatBody(BaseModel):
    """A chat; other fields of OpenAI's interface, such as the temperature, have no meaning here and are ignored."""

    model: str = Field(max_length=200, description="As in /v1/models.")
    messages: Annotated[list[Message], Field(min_length=1, max_length=2_000)]
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = 1


def create_openai_api(service: AnswerService) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["OpenAI-compatible"], responses=ERRORS)

    @router.get("/models", summary="List the codes as models")
    def models() -> dict[str, Any]:
        with service.open_assistant() as assistant:
            ids = code_ids(assistant)
        return {
            "object": "list",
            "data": [{"id": code, "object": "model", "created": 0, "owned_by": OWNER} for code in ids],
        }

    def find_code(model: str) -> Edition:
        with service.open_assistant() as assistant:
            return find_edition(assistant, model)

    @router.post(
        "/chat/completions",
        response_model=None,
        summary="Ask a code",
        responses={
            200: {
                "description": "The answer, with its references as `annotations`.",
                "content": {"application/json": {"schema": {"type": "object"}}, "text/event-stream": {}},
            }
        },
    )
    async def chat(body: ChatBody, request: Request) -> Response:
        try:
            edition = await run_in_threadpool(find_code, body.model)
        except NoEditionError:
            sentence = f"There is no model {body.model!r}; /v1/models lists the codes."
            return JSONResponse(openai_error(404, sentence, code="model_not_found"), HTTPStatus.NOT_FOUND)
        asked, previous = read_conversation(body.messages)
        completion = _Completion(body, edition, base_url=str(request.base_url))
        if (reply := answer_task(asked, edition.code)) is not None:
            if body.stream:
                return _stream_response(completion.stream_text(reply))
            return JSONResponse(completion.to_json(reply))
        question = Question(asked, service.settings, previous, edition)
        running = RunningQuestion(service, question, client=client_of(request.scope))
        if body.stream:
            return _stream_response(completion.stream_answer(running))
        try:
            answer = await running.wait(request)
        except QuestionCancelledError:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        report = answer.report
        return JSONResponse(completion.to_json(report.answer.text + describe_limits(report), report))

    return router


def read_conversation(messages: Sequence[Message]) -> tuple[str, Turn | None]:
    """The question that the conversation ends with, and what it may follow up.

    Raises QuestionError where the last message is not a person's text.
    """
    if messages[-1].role != "user":
        raise QuestionError("The last message is not the user's; end the conversation with a question.")
    if not messages[-1].text and messages[-1].content:
        raise QuestionError("Only text can be read; send the question as text.")
    previous: Turn | None = None
    for message in messages[:-1]:
        if message.role == "user":
            try:
                previous = Turn(resolve_question(message.text, previous).whole, ())
            except QuestionError:  # empty or too long, so it was not answered either
                previous = None
        elif message.role == "assistant" and previous:
            selected = dict.fromkeys(reference.article for reference in find_references(message.text))
            previous = Turn(previous.question, tuple(selected))
    return messages[-1].text, previous


def describe_limits(report: Report) -> str:
    """What a reader must know besides the answer's text: references that do not exist, doubts, notices and edition."""
    lines = [f"The {report.run.edition.code} has no {reference}." for reference in report.unknown]
    lines += [f"{reference} is repealed." for reference in report.repealed]
    for statement in report.answer.statements:
        if statement.doubts:
            lines.append(f"Not supported by the law: {statement.text} ({'; '.join(statement.doubts)})")
    if not report.answer.complete:
        lines.append("The answer stopped at its limit of tokens.")
    if report.resolved_question != report.question:
        lines.append(f"Understood as: {report.resolved_question}")
    return "".join(f"\n\n{line}" for line in [*lines, *report.notices, f"{report.run.edition}. {NOTICE}"])


def find_annotations(report: Report, text: str, base_url: str) -> list[dict[str, Any]]:
    """A citation of this server's reader for each reference in the answer's `text` that the code supports."""
    known = {
        str(citation.reference): citation.reference
        for citation in report.answer.citations
        if citation.supported
    }
    return [
        {
            "type": "url_citation",
            "url_citation": {
                "start_index": match.start(),
                "end_index": match.end(),
                "title": f"{reference}  {report.titles.get(reference.article, '')}".rstrip(),
                "url": f"{base_url}reader?{_reader_query(reference, report.run.edition)}",
            },
        }
        for match in _REFERENCE.finditer(text)
        if (reference := known.get(match[0]))
    ]


def _reader_query(reference: Reference, edition: Edition) -> str:
    query = {
        "article": reference.article,
        "paragraph": reference.paragraph,
        "code": f"{edition.code}@{edition.sha256[:12]}",
    }
    return urlencode({name: value for name, value in query.items() if value})


def _stream_response(chunks: AsyncIterator[bytes]) -> StreamingResponse:
    return StreamingResponse(chunks, media_type="text/event-stream", headers={"Cache-Control": "no-cache"})


class _Completion:
    """Writes one answer in the form of a chat completion, or of its chunks."""

    def __init__(self, body: ChatBody, edition: Edition, *, base_url: str) -> None:
        self._shared = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": body.model,
            "system_fingerprint": edition.sha256[:12],
        }
        self._base_url = base_url
        self._include_usage = bool(body.stream_options and body.stream_options.include_usage)

    def to_json(self, text: str, report: Report | None = None) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
        if report:
            message["annotations"] = find_annotations(report, report.answer.text, self._base_url)
        return {
            **self._shared,
            "object": "chat.completion",
            "choices": [
                {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish_reason(report)}
            ],
            "usage": _usage(report),
        }

    async def stream_text(self, text: str) -> AsyncIterator[bytes]:
        """A reply that is there already."""
        yield self._chunk({"role": "assistant", "content": text})
        for chunk in self._end(None):
            yield chunk

    async def stream_answer(self, running: RunningQuestion) -> AsyncIterator[bytes]:
        """Written text as it comes, quoted text at the end; comments tell how far the reading is."""
        yield self._chunk({"role": "assistant", "content": ""})
        sent, silent = "", 0
        try:
            async with aclosing(running.events()) as events:
                async for event in events:
                    match event:
                        case Text(piece):
                            sent += piece
                            yield self._chunk({"content": piece})
                        case Done(what, done, total):
                            count = f"{done:.0f} of {total}" if total else f"{100 * done:.0f} %"
                            yield format_sse_event(comment=f"{count} {what}")
                        case Waiting(position):
                            yield format_sse_event(comment=f"waiting, number {position}")
                        case None:
                            silent += 1
                            if silent % SILENT_EVENTS == 0:
                                yield format_sse_event(comment="still working")
            report = running.answer.report
            text = (sent or report.answer.text) + describe_limits(report)
            for piece in re.findall(r".*?\n+|.+\Z", text[len(sent) :], re.DOTALL):
                yield self._chunk({"content": piece})
            if annotations := find_annotations(report, sent or report.answer.text, self._base_url):
                yield self._chunk({"annotations": annotations})
            for chunk in self._end(report):
                yield chunk
        except LabourQAError as error:
            yield _data(openai_error(status_of(error), str(error)))
        except Exception:  # noqa: BLE001  # a bug; the stream ends with an error all the same
            _log.exception("A question failed.")  # its status was sent long ago
            yield _data(openai_error(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL_ERROR))

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return _data({**self._shared, "object": "chat.completion.chunk", "choices": [choice]})

    def _end(self, report: Report | None) -> list[bytes]:
        chunks = [self._chunk({}, _finish_reason(report))]
        if self._include_usage:
            usage = {
                **self._shared,
                "object": "chat.completion.chunk",
                "choices": [],
                "usage": _usage(report),
            }
            chunks.append(_data(usage))
        return [*chunks, format_sse_event(data_str="[DONE]")]


def _finish_reason(report: Report | None) -> str:
    return "stop" if report is None or report.answer.complete else "length"


def _usage(report: Report | None) -> dict[str, int]:
    """Tokens as OpenAI counts them: all that were read, and those that were written."""
    if report is None:
        return {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    read = report.tokens.filter + report.tokens.answer_prompt
    written = report.tokens.answer_generated
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _data(document: dict[str, Any]) -> bytes:
    return format_sse_event(data_str=json.dumps(document, ensure_ascii=False))
