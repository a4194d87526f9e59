"""Every error as `{"error": "<one sentence>"}`."""

from http import HTTPStatus

from flask import Flask, Response, current_app, json
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from .forms import MAX_BODY

# What Werkzeug itself raises; the BadRequests of this application bring their own sentence.
SENTENCES = {
    HTTPStatus.NOT_FOUND: "there is nothing at this path",
    HTTPStatus.METHOD_NOT_ALLOWED: "this path does not allow this method",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: f"the body must have at most {MAX_BODY:,} bytes",
    HTTPStatus.INTERNAL_SERVER_ERROR: "the server failed",
}


def init_app(app: Flask) -> None:
    app.register_error_handler(HTTPException, answer_http_exception)


def answer_http_exception(error: HTTPException) -> Response:
    """Put JSON into Werkzeug's own response, whose headers (Allow) are right.

    An unexpected exception arrives here too: Flask logs it and wraps it as a 500.
    """
    response = error.get_response()
    response.data = json.dumps({"error": SENTENCES.get(error.code) or error.description})
    response.content_type = "application/json"
    return response


def answer_database_failure(error: Exception) -> ResponseReturnValue:
    """Answer 503 for whatever the driver raises, and for a pool that has no connection free."""
    current_app.logger.warning("The database failed: %r", error)
    return {"error": "the database cannot serve this request"}, HTTPStatus.SERVICE_UNAVAILABLE
