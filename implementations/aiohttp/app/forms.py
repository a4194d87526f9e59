"""Reading and checking what comes in: the form of `/io_create`, the ids of `/io_fanout`."""

from urllib.parse import unquote_to_bytes
from uuid import UUID

from aiohttp import web

FORM = "application/x-www-form-urlencoded"
MAX_BODY = 65_536
MAX_FIELDS = 1_000
MAX_LENGTHS = {"title": 100, "content": 10_000}
FANOUT = 5


async def read_new_post(request: web.Request) -> dict[str, str]:
    """Return the checked fields, or raise HTTPBadRequest or HTTPRequestEntityTooLarge."""
    # post() does not look at a body that is not a form; read() enforces client_max_size on any.
    body = await _read_body(request)
    charset = "utf-8" if request.charset is None else request.charset.lower()
    if request.content_type != FORM or charset != "utf-8":
        raise web.HTTPBadRequest(text=f"the body must be a form ({FORM}) in UTF-8")
    _check_form(body)
    form = await request.post()
    return {
        # The contract takes the last of several; get() takes the first.
        name: _checked(name, form.getall(name, [None])[-1], most)
        for name, most in MAX_LENGTHS.items()
    }


def read_ids(request: web.Request) -> list[UUID]:
    """Return the ids in the query string, or raise HTTPBadRequest."""
    try:
        ids = [UUID(text) for text in request.query.getall("ids", [""])[-1].split(",")]
    except ValueError:
        raise web.HTTPBadRequest(text="ids must be UUIDs, separated by commas") from None
    if len(ids) != FANOUT:
        raise web.HTTPBadRequest(text=f"ids must be {FANOUT} UUIDs, not {len(ids)}")
    return ids


async def _read_body(request: web.Request) -> bytes:
    try:
        return await request.read()
    except (web.RequestPayloadError, ConnectionResetError):
        raise web.HTTPBadRequest(text="the body is malformed or incomplete") from None


def _check_form(body: bytes) -> None:
    """Refuse what post() would repair: bytes that are not UTF-8 become U+FFFD there."""
    try:
        if not body.isascii():
            raise web.HTTPBadRequest(text="the form must percent-encode what is not ASCII")
        unquote_to_bytes(body).decode()
    except UnicodeDecodeError:
        raise web.HTTPBadRequest(text="the form must be in UTF-8") from None
    if body.count(b"&") >= MAX_FIELDS:
        raise web.HTTPBadRequest(text=f"the form must have at most {MAX_FIELDS:,} fields")


def _checked(name: str, value: object, most: int) -> str:
    if not isinstance(value, str):
        raise web.HTTPBadRequest(text=f"{name} is required")
    if "\0" in value:
        raise web.HTTPBadRequest(text=f"{name} must not contain NUL characters")
    if not value.strip():
        raise web.HTTPBadRequest(text=f"{name} must not be blank")
    if len(value) > most:
        raise web.HTTPBadRequest(text=f"{name} must have at most {most:,} characters")
    return value
