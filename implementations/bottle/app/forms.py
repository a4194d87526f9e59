"""What the contract takes as a form and as ids, without a framework.

Let your framework parse and validate instead, as far as it refuses the same.
"""

from urllib.parse import parse_qsl
from uuid import UUID

FORM = "application/x-www-form-urlencoded"
MAX_BODY = 65_536
MAX_FIELDS = 1_000
MAX_LENGTHS = {"title": 100, "content": 10_000}
FANOUT = 5


class BadRequest(Exception):
    """A request to be answered 400; the message is the sentence for the client."""


def read_new_post(content_type: str, body: bytes) -> dict[str, str]:
    """Return the checked fields of a form, or raise BadRequest; MAX_BODY is yours to enforce."""
    if not _is_form(content_type):
        raise BadRequest(f"the body must be a form ({FORM}) in UTF-8")
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError:
        raise BadRequest(
            f"the form must be percent-encoded UTF-8 with at most {MAX_FIELDS:,} fields"
        ) from None
    fields = dict(pairs)  # of several values the last one counts
    return {name: _checked(name, fields.get(name, ""), most) for name, most in MAX_LENGTHS.items()}


def read_ids(text: str) -> list[UUID]:
    """Return the ids of the parameter `ids`, or raise BadRequest."""
    try:
        ids = [UUID(part) for part in text.split(",")]
    except ValueError:
        raise BadRequest("ids must be UUIDs, separated by commas") from None
    if len(ids) != FANOUT:
        raise BadRequest(f"ids must be {FANOUT} UUIDs, not {len(ids)}")
    return ids


def _is_form(content_type: str) -> bool:
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    names = dict(part.split("=", 1) for part in parameters if "=" in part)
    return kind == FORM and names.get("charset", "utf-8").strip('"') == "utf-8"


def _checked(name: str, value: str, most: int) -> str:
    if not value.strip():
        raise BadRequest(f"{name} must not be missing or blank")
    if "\0" in value:
        raise BadRequest(f"{name} must not contain NUL characters")
    if len(value) > most:
        raise BadRequest(f"{name} must have at most {most:,} characters")
    return value
