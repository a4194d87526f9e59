"""Reading and checking what comes in: the form of `/io_create`, the ids of `/io_fanout`."""

from uuid import UUID

from aiohttp import web

FORM = "application/x-www-form-urlencoded"
MAX_BODY = 65_536
MAX_LENGTHS = {"title": 100, "content": 10_000}
FANOUT = 5


async def read_new_post(request: web.Request) -> dict[str, str]:
    """Return the checked fields, or raise HTTPBadRequest or HTTPRequestEntityTooLarge."""
    # post() does not look at a body that is not a form; read() enforces client_max_size on any.
    await _read_body(request)
    charset = request.charset or "utf-8"
    if request.content_type != FORM or charset.lower() != "utf-8":
        raise web.HTTPBadRequest(text=f"the body must be a form ({FORM}) in UTF-8")
    try:
        form = await request.post()
    except UnicodeDecodeError:
        raise web.HTTPBadRequest(text="the body must be a form in UTF-8") from None
    return {name: _checked(name, form.get(name), most) for name, most in MAX_LENGTHS.items()}


def read_ids(request: web.Request) -> list[UUID]:
    """Return the ids in the query string, or raise HTTPBadRequest."""
    try:
        ids = [UUID(text) for text in request.query.get("ids", "").split(",")]
    except ValueError:
        raise web.HTTPBadRequest(text="ids must be UUIDs, separated by commas") from None
    if len(ids) != FANOUT:
        raise web.HTTPBadRequest(text=f"ids must be {FANOUT} UUIDs, not {len(ids)}")
    return ids


async def _read_body(request: web.Request) -> None:
    try:
        await request.read()
    except (web.RequestPayloadError, ConnectionResetError):
        raise web.HTTPBadRequest(text="the body is malformed or incomplete") from None


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
