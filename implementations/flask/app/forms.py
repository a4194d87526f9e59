"""Reading and checking what comes in: the form of `/io_create`, the ids of `/io_fanout`."""

from uuid import UUID

from flask import Request
from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge

FORM = "application/x-www-form-urlencoded"
MAX_BODY = 65_536
MAX_LENGTHS = {"title": 100, "content": 10_000}
FANOUT = 5


def read_new_post(request: Request) -> dict[str, str]:
    """Return the checked fields, or raise BadRequest or RequestEntityTooLarge."""
    # Werkzeug keeps these bytes, and parses them when `form` is asked for.
    if len(_read_body(request)) > MAX_BODY:
        raise RequestEntityTooLarge
    if request.mimetype != FORM:
        raise BadRequest(f"the body must be a form ({FORM})")
    return {
        name: _checked(name, request.form.get(name), most) for name, most in MAX_LENGTHS.items()
    }


def read_ids(request: Request) -> list[UUID]:
    """Return the ids in the query string, or raise BadRequest."""
    try:
        ids = [UUID(text) for text in request.args.get("ids", "").split(",")]
    except ValueError:
        raise BadRequest("ids must be UUIDs, separated by commas") from None
    if len(ids) != FANOUT:
        raise BadRequest(f"ids must be {FANOUT} UUIDs, not {len(ids)}")
    return ids


def _read_body(request: Request) -> bytes:
    try:
        return request.get_data()
    except HTTPException:
        raise
    except Exception as error:
        # A malformed chunk: WSGI leaves it to each server which exception its stream raises.
        raise BadRequest("the body is malformed") from error


def _checked(name: str, value: str | None, most: int) -> str:
    if value is None:
        raise BadRequest(f"{name} is required")
    if "\0" in value:
        raise BadRequest(f"{name} must not contain NUL characters")
    if not value.strip():
        raise BadRequest(f"{name} must not be blank")
    if len(value) > most:
        raise BadRequest(f"{name} must have at most {most:,} characters")
    return value
