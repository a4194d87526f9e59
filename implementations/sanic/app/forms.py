"""What comes in: the form of `/io_create`, the ids of `/io_fanout`."""

from urllib.parse import parse_qsl
from uuid import UUID

from sanic import Request
from sanic.exceptions import BadRequest
from sanic.headers import parse_content_header

FORM = "application/x-www-form-urlencoded"
MAX_FIELDS, FANOUT = 1_000, 5
MAX_LENGTHS = {"title": 100, "content": 10_000}


def read_new_post(request: Request) -> dict[str, str]:
    """Decode the form strictly. `request.form` would replace bytes that are not UTF-8, leave out
    blank fields, and be empty for a body of another type."""
    content_type, parameters = parse_content_header(request.headers.get("content-type", ""))
    charset = str(parameters.get("charset", "utf-8")).lower()
    if content_type.lower() != FORM or charset != "utf-8":
        raise BadRequest(f"the body must be a form ({FORM}) in UTF-8")
    try:
        fields = dict(
            parse_qsl(
                request.body.decode("ascii"),
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


def _checked(name: str, value: str, most: int) -> str:
    if not value.strip():
        raise BadRequest(f"{name} must not be blank")
    if len(value) > most:
        raise BadRequest(f"{name} must have at most {most:,} characters")
    if "\0" in value:
        raise BadRequest(f"{name} must not contain NUL characters")
    return value


def read_ids(request: Request) -> list[UUID]:
    """Read five UUIDs from the last parameter `ids`; `request.args` leaves out blank ones."""
    texts = request.get_args(keep_blank_values=True).getlist("ids") or [""]
    try:
        ids = [UUID(text) for text in texts[-1].split(",")]
    except ValueError:
        raise BadRequest("ids must be UUIDs, separated by commas") from None
    if len(ids) != FANOUT:
        raise BadRequest(f"ids must be {FANOUT} UUIDs, not {len(ids)}")
    return ids
