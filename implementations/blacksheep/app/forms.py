"""What comes in: the form of `/io_create`, the ids of `/io_fanout`."""

from email.message import Message
from functools import lru_cache
from urllib.parse import parse_qs, parse_qsl
from uuid import UUID

from blacksheep import Request
from blacksheep.exceptions import BadRequest, HTTPException

FORM = "application/x-www-form-urlencoded"
MAX_BODY, MAX_FIELDS, FANOUT = 65_536, 1_000, 5
MAX_LENGTHS = {"title": 100, "content": 10_000}


async def read_new_post(request: Request) -> dict[str, str]:
    """Read no more than is allowed, and decode the form strictly: `FromForm` has no limit, ignores
    the charset, leaves out blank fields, and replaces bytes that are not UTF-8."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise HTTPException(413, f"the body must have at most {MAX_BODY:,} bytes")
    if not _is_form(request.content_type()):
        raise BadRequest(f"the body must be a form ({FORM}) in UTF-8")
    try:
        fields = dict(
            parse_qsl(
                body.decode("ascii"),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=MAX_FIELDS,
            )
        )
    except ValueError:
        raise BadRequest(
            f"the form must be percent-encoded UTF-8 of at most {MAX_FIELDS:,} fields"
        ) from None
    return {name: _checked(name, fields.get(name, ""), most) for name, most in MAX_LENGTHS.items()}


@lru_cache(maxsize=16)
def _is_form(content_type: bytes | None) -> bool:
    message = Message()
    message["Content-Type"] = (content_type or b"").decode("latin-1")
    return message.get_content_type() == FORM and message.get_content_charset("utf-8") == "utf-8"


def _checked(name: str, value: str, most: int) -> str:
    if not value.strip():
        raise BadRequest(f"{name} must not be blank")
    if len(value) > most:
        raise BadRequest(f"{name} must have at most {most:,} characters")
    if "\0" in value:
        raise BadRequest(f"{name} must not contain NUL characters")
    return value


def read_ids(request: Request) -> list[UUID]:
    """Read five UUIDs from the last parameter `ids`; `request.query` leaves out blank ones."""
    query = parse_qs(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    texts = query.get("ids", [""])
    try:
        ids = [UUID(text) for text in texts[-1].split(",")]
    except ValueError:
        raise BadRequest("ids must be UUIDs, separated by commas") from None
    if len(ids) != FANOUT:
        raise BadRequest(f"ids must be {FANOUT} UUIDs, not {len(ids)}")
    return ids
