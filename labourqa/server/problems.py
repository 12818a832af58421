"""Errors as HTTP answers: one sentence in the form of RFC 9457, or under /v1 in OpenAI's form."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from labourqa.errors import (
    AnswerTimeoutError,
    BusyError,
    DamagedDatabaseError,
    EngineError,
    LabourQAError,
    NoEditionError,
    StoreError,
    UnknownArticleError,
    WeightsError,
)

_log = logging.getLogger(__name__)

OPENAI_PREFIX = "/v1/"
STATUS_OF_ERROR: Mapping[type[LabourQAError], HTTPStatus] = {
    UnknownArticleError: HTTPStatus.NOT_FOUND,
    NoEditionError: HTTPStatus.NOT_FOUND,
    BusyError: HTTPStatus.TOO_MANY_REQUESTS,
    AnswerTimeoutError: HTTPStatus.GATEWAY_TIMEOUT,
    EngineError: HTTPStatus.SERVICE_UNAVAILABLE,
    WeightsError: HTTPStatus.SERVICE_UNAVAILABLE,
    StoreError: HTTPStatus.SERVICE_UNAVAILABLE,
    DamagedDatabaseError: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Any other error that a user can act on is a wrong request."""
INTERNAL_ERROR = "The server has an error of its own; its log has the details."
_SENTENCES = {
    HTTPStatus.NOT_FOUND: "There is nothing at this address; /docs lists what there is.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take this method; /docs lists what it takes.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The request's body is too large; send less.",
    HTTPStatus.BAD_REQUEST: "The request cannot be read; send a JSON document.",
}


def status_of(error: LabourQAError) -> HTTPStatus:
    return STATUS_OF_ERROR.get(type(error), HTTPStatus.UNPROCESSABLE_ENTITY)


def problem(status: int, detail: str) -> dict[str, Any]:
    """The document of an error, as RFC 9457 defines it."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
    }


def openai_error(status: int, message: str, *, code: str | None = None) -> dict[str, Any]:
    """The document of an error, as OpenAI's interface has it."""
    kind = {429: "rate_limit_error", 401: "authentication_error", 404: "not_found_error"}.get(status)
    kind = kind or ("server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def respond(path: str, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The answer to a request for `path` that failed."""
    if path.startswith(OPENAI_PREFIX):
        return JSONResponse(openai_error(status, sentence), status, headers)
    return JSONResponse(problem(status, sentence), status, headers, media_type="application/problem+json")


def respond_to_error(path: str, error: LabourQAError) -> JSONResponse:
    headers = {"Retry-After": str(error.retry_after_seconds)} if isinstance(error, BusyError) else None
    return respond(path, status_of(error), str(error), headers)


def describe_validation(error: RequestValidationError) -> str:
    """The first thing that is wrong with a request, as one sentence."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
    message = str(first["msg"]).removeprefix("Value error, ").rstrip(".")
    return f"{place}: {message}." if place else f"{message}."


def add_error_handlers(app: FastAPI) -> None:
    async def show_labourqa_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, LabourQAError)
        return respond_to_error(request.url.path, error)

    async def show_validation_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        path = request.url.path
        # OpenAI's interface answers 400 to a body that it does not understand.
        status = HTTPStatus.BAD_REQUEST if path.startswith(OPENAI_PREFIX) else HTTPStatus.UNPROCESSABLE_ENTITY
        return respond(path, status, describe_validation(error))

    async def show_http_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        sentence = _SENTENCES.get(HTTPStatus(error.status_code), f"{str(error.detail).rstrip('.')}.")
        return respond(request.url.path, error.status_code, sentence, error.headers)

    async def show_internal_error(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001
        return respond(request.url.path, HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL_ERROR)

    app.add_exception_handler(LabourQAError, show_labourqa_error)
    app.add_exception_handler(RequestValidationError, show_validation_error)
    app.add_exception_handler(HTTPException, show_http_error)
    app.add_exception_handler(Exception, show_internal_error)
