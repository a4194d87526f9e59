"""Reading and checking what comes in: the form of `/io_create`, the ids of `/io_fanout`."""

from urllib.parse import unquote_to_bytes
from uuid import UUID

from flask import Request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge

FORM = "application/x-www-form-urlencoded"
MAX_BODY = 65_536
MAX_FIELDS = 1_000
MAX_LENGTHS = {"title": 100, "content": 10_000}
FANOUT = 5


def read_new_post(request: Request) -> dict[str, str]:
    """Return the checked fields, or raise BadRequest or RequestEntityTooLarge."""
    # Werkzeug keeps these bytes, and parses them when `form` is asked for.
    body = _read_body(request)
    if len(body) > MAX_BODY:
        raise RequestEntityTooLarge
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if request.mimetype != FORM or charset != "utf-8":
        raise BadRequest(f"the body must be a form ({FORM}) in UTF-8")
    _check_form(body)
    return {
        name: _checked(name, _last(request.form, name), most) for name, most in MAX_LENGTHS.items()
    }


def read_ids(request: Request) -> list[UUID]:
    """Return the ids in the query string, or raise BadRequest."""
    try:
        ids = [UUID(text) for text in (_last(request.args, "ids") or "").split(",")]
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


def _check_form(body: bytes) -> None:
    """Refuse what `form` would show otherwise: percent-encoded bytes that are not UTF-8 stay so."""
    try:
        if not body.isascii():
            raise BadRequest("the form must percent-encode what is not ASCII")
        unquote_to_bytes(body).decode()
    except UnicodeDecodeError:
        raise BadRequest("the form must be in UTF-8") from None
    if body.count(b"&") >= MAX_FIELDS:
        raise BadRequest(f"the form must have at most {MAX_FIELDS:,} fields")


def _last(values: MultiDict[str, str], name: str) -> str | None:
    """The last of several values, which the contract takes; `get` returns the first."""
    return next(reversed(values.getlist(name)), None)


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
