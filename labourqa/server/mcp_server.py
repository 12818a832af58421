"""A Model Context Protocol server: the codes as tools, resources and a prompt for language-model clients.

Over stdio (`labourqa mcp`), or over HTTP at /mcp of `labourqa serve`. The HTTP transport keeps no sessions.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Annotated, Any, TypeVar

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError, ToolError
from mcp_types import CallToolResult, TextContent, ToolAnnotations
from pydantic import Field

from labourqa import __version__
from labourqa.answering.export import NOTICE
from labourqa.answering.report import Report
from labourqa.errors import BusyError, LabourQAError, UnknownArticleError
from labourqa.law.references import parse_reference
from labourqa.pipeline import Assistant
from labourqa.server.codes import describe_article, find_edition, list_codes, search_articles
from labourqa.server.question_queue import Done, QuestionCancelledError
from labourqa.server.running import RunningQuestion
from labourqa.server.service import AnswerService, Question

INSTRUCTIONS = (
    "Answers questions on labour codes. `ask` lets a model read every article of a code and answers from the articles "
    "that matter; cite the references that it gives, such as [Art. 144(3)]. A question takes seconds to minutes. "
    f"{NOTICE}"
)
STDIO_CLIENT = "stdio"
READING = ToolAnnotations(read_only_hint=True, open_world_hint=False)

Result = TypeVar("Result")
Code = Annotated[
    str,
    Field(
        max_length=200, description="Id or name of a code, and @DATE for an edition; empty: the current one."
    ),
]


def create_mcp_server(service: AnswerService, *, loads_models: bool = False) -> MCPServer:
    """The server on this service. With `loads_models`, it starts and closes the service itself."""

    @asynccontextmanager
    async def lifespan(server: MCPServer) -> AsyncIterator[None]:  # noqa: ARG001  # the server passes itself
        service.start()
        yield
        await asyncio.to_thread(service.close)

    server = MCPServer(
        "labourqa",
        title="Labour code",
        instructions=INSTRUCTIONS,
        version=__version__,
        lifespan=lifespan if loads_models else None,
        log_level="WARNING",
    )
    _add_tools(server, service)
    _add_resources(server, service)

    @server.prompt(title="Answer with citations")
    def cited_answer(question: str) -> str:
        """A question to be answered from the code alone, with a reference for each statement."""
        return (
            f"Answer this question on labour law: {question}\n\nUse the tool `ask` of labourqa, and `get_article` "
            "where you need the whole text. Say only what the articles say, name the reference after each statement, "
            f"such as [Art. 144(3)], and say so if the code does not answer the question. End with: {NOTICE}"
        )

    return server


def _add_tools(server: MCPServer, service: AnswerService) -> None:
    @server.tool(title="Ask a code", annotations=READING)
    async def ask(
        question: Annotated[str, Field(description="In plain words and complete in itself.")],
        context: Context[Any, Any],
        code: Code = "",
    ) -> CallToolResult:
        """Let a model read every article of a labour code and answer the question with citations.

        The structured result is the report of `labourqa ask --json`.
        """
        try:
            edition = await asyncio.to_thread(service.find_edition, code) if code else None
            running = RunningQuestion(
                service, Question(question, service.settings, edition=edition), client=_client(context)
            )
            async with aclosing(running.events()) as events:
                async for event in events:
                    if isinstance(event, Done):
                        await context.report_progress(event.done, event.total or 1, event.what)
            report = running.answer.report
        except LabourQAError as error:
            raise ToolError(_describe(error)) from error
        except QuestionCancelledError as error:
            raise ToolError(str(error)) from error
        return CallToolResult(
            content=[TextContent(type="text", text=_show_answer(report))], structured_content=report.to_json()
        )

    @server.tool("search_articles", title="Search articles", annotations=READING)
    async def find_articles(
        words: Annotated[str, Field(max_length=200, description="The articles contain all of them.")],
        code: Code = "",
        limit: Annotated[int, Field(ge=1, le=100)] = 10,
    ) -> dict[str, Any]:
        """Find articles of a code by their words, best first."""
        return await _read(service, lambda assistant: search_articles(assistant, words, code, limit))

    @server.tool(title="Read an article", annotations=READING)
    async def get_article(
        number: Annotated[str, Field(max_length=40, description="As printed, such as 144 or 72^1.")],
        code: Code = "",
    ) -> dict[str, Any]:
        """The text of an article with its paragraphs and points, and the articles that refer to it."""
        return await _read(
            service,
            lambda assistant: describe_article(assistant, parse_reference(number).article, code),
        )

    @server.tool("list_codes", title="List codes", annotations=READING)
    async def list_stored_codes() -> dict[str, Any]:
        """The codes that are stored, with their editions."""
        return await _read(service, lambda assistant: {"codes": list_codes(assistant)})

    @server.tool(title="Compare editions", annotations=READING)
    async def compare_editions(
        old: Annotated[str, Field(max_length=200, description="NAME@DATE, or a date of the current code.")],
        new: Annotated[str, Field(max_length=200, description="As `old`.")],
        words: Annotated[bool, Field(description="With the words that changed; this may be long.")] = False,
    ) -> dict[str, Any]:
        """Articles that were added, removed, renumbered and changed from one edition of a code to another."""
        return await _read(service, lambda assistant: assistant.compare(old, new).to_json(with_words=words))


def _add_resources(server: MCPServer, service: AnswerService) -> None:
    @server.resource("labourqa://codes", title="Codes", mime_type="application/json")
    async def codes() -> str:
        """The codes that are stored."""
        return json.dumps(await _in_thread(service, list_codes), ensure_ascii=False)

    @server.resource("labourqa://{code}/articles/{number}", title="Article", mime_type="text/plain")
    async def article(code: str, number: str) -> str:
        """The text of an article; `code` is an id of labourqa://codes."""

        def read(assistant: Assistant) -> str:
            edition = find_edition(assistant, code)
            return assistant.store.editions.article(edition, parse_reference(number).article).format()

        try:
            return await _in_thread(service, read)
        except UnknownArticleError as error:
            raise ResourceNotFoundError(str(error)) from error
        except LabourQAError as error:
            raise ResourceError(str(error)) from error


async def _read(service: AnswerService, read: Callable[[Assistant], Result]) -> Result:
    """What `read` finds, as the result of a tool."""
    try:
        return await _in_thread(service, read)
    except LabourQAError as error:
        raise ToolError(_describe(error)) from error


async def _in_thread(service: AnswerService, read: Callable[[Assistant], Result]) -> Result:
    def open_and_read() -> Result:
        with service.open_assistant() as assistant:
            return read(assistant)

    return await asyncio.to_thread(open_and_read)


def _client(context: Context[Any, Any]) -> str:
    """Who asks: the address on the network, or the one program at the other end of stdio."""
    client = getattr(context.request_context.request, "client", None)
    return str(client.host) if client else STDIO_CLIENT


def _describe(error: LabourQAError) -> str:
    wait = f" Ask again in {error.retry_after_seconds} seconds." if isinstance(error, BusyError) else ""
    return f"{error}{wait}"


def _show_answer(report: Report) -> str:
    lines = [report.answer.text]
    lines += [f"The {report.run.edition.code} has no {reference}." for reference in report.unknown]
    lines += [f"{reference} is repealed." for reference in report.repealed]
    for statement in report.answer.statements:
        if statement.doubts:
            lines.append(f"Not supported by the law: {statement.text} ({'; '.join(statement.doubts)})")
    return "\n\n".join([*lines, *report.notices, f"{report.run.edition}. {NOTICE}"])
