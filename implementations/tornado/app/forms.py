"""What comes in: the form of `/io_create`, the ids of `/io_fanout`."""

from email.message import Message
from functools import lru_cache
from urllib.parse import parse_qsl
from uuid import UUID

from tornado.web import HTTPError

FORM = "application/x-www-form-urlencoded"
MAX_FIELDS, FANOUT = 1_000, 5
MAX_LENGTHS = {"title": 100, "content": 10_000}


def parse_new_post(content_type: str, body: bytes) -> dict[str, str]:
    """Decode the form strictly. get_body_argument() would drop a form that it cannot decode, strip
    white space, and look at no field but its own."""
    if not _is_form(content_type):
        raise HTTPError(400, f"the body must be a form ({FORM}) in UTF-8")
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
        raise HTTPError(
            400, f"the form must be percent-encoded UTF-8 of at most {MAX_FIELDS:,} fields"
        ) from None
    return {name: _checked(name, fields.get(name, ""), most) for name, most in MAX_LENGTHS.items()}


@lru_cache(maxsize=16)
def _is_form(content_type: str) -> bool:
    message = Message()
    message["Content-Type"] = content_type
    return message.get_content_type() == FORM and message.get_content_charset("utf-8") == "utf-8"


def _checked(name: str, value: str, most: int) -> str:
    if not value.strip():
        raise HTTPError(400, f"{name} must not be blank")
    if len(value) > most:
        raise HTTPError(400, f"{name} must have at most {most:,} characters")
    if "\0" in value:
        raise HTTPError(400, f"{name} must not contain NUL characters")
    return value


def parse_ids(text: str) -> list[UUID]:
    try:
        ids = [UUID(part) for part in text.split(",")]
    except ValueError:
        raise HTTPError(400, "ids must be UUIDs, separated by commas") from None
    if len(ids) != FANOUT:
        raise HTTPError(400, f"ids must be {FANOUT} UUIDs, not {len(ids)}")
    return ids
