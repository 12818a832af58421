"""The program's own HTTP interface: questions, codes, articles, search and comparison."""

import json
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import asdict, replace
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.sse import format_sse_event
from pydantic import BaseModel, ConfigDict, Field

from labourqa.answering.conversation import Turn
from labourqa.answering.question import MAX_QUESTION_CHARACTERS
from labourqa.config import ANSWER_KINDS
from labourqa.errors import LabourQAError
from labourqa.law.references import parse_reference
from labourqa.server.codes import (
    describe_article,
    list_articles,
    list_codes,
    search_articles,
)
from labourqa.server.guard import client_of
from labourqa.server.problems import INTERNAL_ERROR, problem, status_of
from labourqa.server.question_queue import Done, Event, QuestionCancelledError, Text, Waiting
from labourqa.server.running import RunningQuestion
from labourqa.server.service import AnswerService, Question

_log = logging.getLogger(__name__)

MAX_NAME = 200  # characters of a code's name or of search words
CLIENT_CLOSED_REQUEST = 499  # nobody receives it; it stands in logs and metrics
SILENT_EVENTS = 20  # after as many silent half-seconds a comment keeps the connection open

Code = Annotated[
    str,
    Query(
        max_length=MAX_NAME,
        description="Id, name or part of the name of a code, and @DATE for an edition; the current one by default.",
    ),
]
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status, description in {
        401: "The key is missing or wrong.",
        404: "There is no such code, edition or article.",
        413: "The body is too large.",
        422: "The request is wrong.",
        429: "Too many requests, or too many questions wait; `Retry-After` says when to ask again.",
        503: "The models or the database cannot be used.",
        504: "The question was not answered within the time limit.",
    }.items()
}


class Problem(BaseModel):
    """An error, as RFC 9457 defines it."""

    type: str
    title: str
    status: int
    detail: str


class PreviousQuestion(BaseModel):
    """The question before, of which the new one may be a follow-up: two fields of its report."""

    understood: str = Field(max_length=MAX_QUESTION_CHARACTERS)
    selected: list[Annotated[str, Field(max_length=40)]] = Field(default=[], max_length=1_000)


class AskBody(BaseModel):
    """A question, and what the answer may be limited to."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(examples=["How long is annual leave?"])
    code: str = Field(default="", max_length=MAX_NAME, description="As in the other requests.")
    previous: PreviousQuestion | None = None
    top: int | None = Field(default=None, ge=1, le=1_000, description="Select at most so many articles.")
    threshold: float | None = Field(
        default=None, allow_inf_nan=False, description="Lowest score of a selected article."
    )
    answer: Literal["auto", "quoted", "written"] | None = None
    stream: bool = Field(default=False, description="Answer with server-sent events.")


assert set(ANSWER_KINDS) == {"auto", "quoted", "written"}  # as in AskBody.answer


def create_api(service: AnswerService) -> APIRouter:
    router = APIRouter(responses=PROBLEMS)

    @router.post(
        "/ask",
        response_model=None,
        summary="Ask a question",
        responses={
            200: {
                "description": "The report, whose fields docs/report.md describes; with `stream`, the events "
                "`waiting`, `progress`, `text`, and at the end `report` or `error`.",
                "content": {"application/json": {"schema": {"type": "object"}}, "text/event-stream": {}},
            }
        },
    )
    async def ask(body: AskBody, request: Request) -> Response:
        shared = service.settings
        settings = replace(
            shared,
            top=shared.top if body.top is None else body.top,
            threshold=shared.threshold if body.threshold is None else body.threshold,
            answer=body.answer or shared.answer,
        )
        previous = None
        if body.previous:
            previous = Turn(body.previous.understood, tuple(body.previous.selected))
        edition = await run_in_threadpool(service.find_edition, body.code) if body.code else None
        question = Question(body.question, settings, previous, edition)
        running = RunningQuestion(service, question, client=client_of(request.scope))
        if body.stream:
            return StreamingResponse(
                stream_events(running), media_type="text/event-stream", headers={"Cache-Control": "no-cache"}
            )
        try:
            answer = await running.wait(request)
        except QuestionCancelledError:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        return JSONResponse(answer.report.to_json())

    @router.get("/codes", summary="List the codes and their editions")
    def codes() -> list[dict[str, Any]]:
        with service.open_assistant() as assistant:
            return list_codes(assistant)

    @router.get("/codes/{code}/articles", summary="List the articles of a code")
    def articles(
        code: Annotated[str, Path(max_length=MAX_NAME, description="As the `id` of /codes, or its name.")],
    ) -> dict[str, Any]:
        with service.open_assistant() as assistant:
            return list_articles(assistant, code)

    @router.get("/articles/{number}", summary="Read an article")
    def article(
        number: Annotated[str, Path(max_length=40, description="As printed, such as 144 or 72^1.")],
        code: Code = "",
    ) -> dict[str, Any]:
        with service.open_assistant() as assistant:
            return describe_article(assistant, parse_reference(number).article, code)

    @router.get("/search", summary="Find articles by their words")
    def search(
        words: Annotated[str, Query(max_length=MAX_NAME, description="The article contains all of them.")],
        code: Code = "",
        limit: Annotated[int, Query(ge=1, le=100)] = 10,
    ) -> dict[str, Any]:
        with service.open_assistant() as assistant:
            return search_articles(assistant, words, code, limit)

    @router.get("/diff", summary="Compare two editions of a code")
    def diff(
        old: Annotated[
            str, Query(max_length=MAX_NAME, description="NAME@DATE, or a date of the current code.")
        ],
        new: Annotated[str, Query(max_length=MAX_NAME, description="As `old`.")],
        words: Annotated[bool, Query(description="With the words that changed.")] = True,
    ) -> dict[str, Any]:
        with service.open_assistant() as assistant:
            return assistant.compare(old, new).to_json(with_words=words)

    return router


async def stream_events(running: RunningQuestion) -> AsyncIterator[bytes]:
    """The events of a question as server-sent events; the last one is the report or a problem."""
    silent = 0
    try:
        async with aclosing(running.events()) as events:
            async for event in events:
                if event is not None:
                    silent = 0
                    yield format_event(_event_name(event), asdict(event))
                    continue
                silent += 1
                if silent % SILENT_EVENTS == 0:
                    yield format_sse_event(comment="still working")
        yield format_event("report", running.answer.report.to_json())
    except LabourQAError as error:
        yield format_event("error", problem(status_of(error), str(error)))
    except Exception:  # noqa: BLE001  # a bug; the stream ends with an event all the same
        _log.exception("A question failed.")  # its status was sent long ago
        yield format_event("error", problem(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL_ERROR))


def format_event(name: str, document: dict[str, Any]) -> bytes:
    return format_sse_event(event=name, data_str=json.dumps(document, ensure_ascii=False))


def _event_name(event: Event) -> str:
    match event:
        case Waiting():
            return "waiting"
        case Done():
            return "progress"
        case Text():
            return "text"
