"""The Model Context Protocol with the official client: over HTTP, and over stdio with the server in another process."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp_types import TextContent

from labourqa.answering.report import Report
from tests.cli.process import ROOT
from tests.server.conftest import CODE_ID, QUESTION, RunningServer

Connect = Callable[[], Client]


@pytest.fixture(params=["http", "http of 2025", pytest.param("stdio", marks=pytest.mark.slow)])
def connect(request: pytest.FixtureRequest, server: RunningServer) -> Connect:
    """Connects a client over each transport; one speaks the protocol of before 2026."""
    if request.param == "stdio":
        arguments = ["-m", "tests.server.fake_mcp", str(server.service.settings.home)]
        parameters = StdioServerParameters(command=sys.executable, args=arguments, cwd=ROOT)
        return lambda: Client(stdio_client(parameters))
    mode = "legacy" if request.param == "http of 2025" else "auto"
    return lambda: Client(f"{server.url}/mcp", mode=mode)


def run(connect: Connect, use: Callable[[Client], Awaitable[None]]) -> None:
    async def connect_and_use() -> None:
        async with connect() as client:
            await use(client)

    asyncio.run(connect_and_use())


def text_of(result: Any) -> str:
    [content] = result.content
    assert isinstance(content, TextContent)
    return content.text


def test_a_question_is_answered_with_the_report(connect: Connect, server: RunningServer) -> None:
    async def use(client: Client) -> None:
        shown: list[str | None] = []

        async def show(progress: float, total: float | None, message: str | None) -> None:
            shown.append(message)

        result = await client.call_tool(
            "ask", {"question": QUESTION, "code": CODE_ID}, progress_callback=show
        )
        assert not result.is_error
        assert "articles read" in shown
        assert "one and a half times the pay [Art. 2]" in text_of(result)
        assert "Labour Code of Nowhere, version of 2025-01-01" in text_of(result)
        report = result.structured_content
        assert report is not None
        assert Report.from_json(report).to_json() == report
        over_http = server.ask().json()
        for measured in ("seconds", "peak_memory_bytes"):
            del report[measured], over_http[measured]
        assert report == over_http

    run(connect, use)


def test_codes_articles_and_comparisons_are_tools(connect: Connect) -> None:
    async def use(client: Client) -> None:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        assert tools == {"ask", "search_articles", "get_article", "list_codes", "compare_editions"}
        listed = (await client.call_tool("list_codes", {})).structured_content
        assert listed is not None
        assert [code["id"] for code in listed["codes"]] == [CODE_ID]
        found = (await client.call_tool("search_articles", {"words": "night pay"})).structured_content
        assert found is not None
        assert [hit["number"] for hit in found["articles"]] == ["2"]
        article = (await client.call_tool("get_article", {"number": "2^1"})).structured_content
        assert article is not None
        assert article["text"] == "1. Study leave lasts ten days."
        dates = {"old": "2025-01-01", "new": "2025-01-01"}
        compared = (await client.call_tool("compare_editions", dates)).structured_content
        assert compared is not None
        assert compared["unchanged"] == 3

    run(connect, use)


def test_articles_are_resources_and_a_cited_answer_is_a_prompt(connect: Connect) -> None:
    async def use(client: Client) -> None:
        [contents] = (await client.read_resource(f"labourqa://{CODE_ID}/articles/2")).contents
        assert "Night work is paid at one and a half times the pay." in getattr(contents, "text", "")
        [prompt] = (await client.list_prompts()).prompts
        shown = await client.get_prompt(prompt.name, {"question": QUESTION})
        assert QUESTION in str(shown.messages[0].content)

    run(connect, use)


@pytest.mark.parametrize(
    ("tool", "arguments", "sentence"),
    [
        ("get_article", {"number": "999"}, "The Labour Code of Nowhere has no Article 999."),
        ("ask", {"question": " "}, "The question is empty"),
        ("ask", {"question": QUESTION, "code": "atlantis"}, "No code has 'atlantis' in the name"),
        ("search_articles", {"words": "night", "limit": 0}, "greater than or equal to 1"),
    ],
)
def test_an_error_is_a_sentence_for_the_model(
    server: RunningServer, tool: str, arguments: dict[str, Any], sentence: str
) -> None:
    async def use(client: Client) -> None:
        result = await client.call_tool(tool, arguments)
        assert result.is_error
        assert sentence in text_of(result)
        assert "Traceback" not in text_of(result)

    run(lambda: Client(f"{server.url}/mcp"), use)
