"""What comes in: the form of `/io_create`, the ids of `/io_fanout`."""

from urllib.parse import parse_qsl
from uuid import UUID

from quart import Request
from werkzeug.exceptions import BadRequest

FORM = "application/x-www-form-urlencoded"
MAX_FIELDS, FANOUT = 1_000, 5
MAX_LENGTHS = {"title": 100, "content": 10_000}


async def read_new_post(request: Request) -> dict[str, str]:
    """Decode the form strictly. `request.form` would keep percent-encoded bytes that are no UTF-8,
    and give an empty form for a body of another type."""
    body = await request.get_data()
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if request.mimetype != FORM or charset != "utf-8":
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


def _checked(name: str, value: str, most: int) -> str:
    if not value.strip():
        raise BadRequest(f"{name} must not be blank")
    if len(value) > most:
        raise BadRequest(f"{name} must have at most {most:,} characters")
    if "\0" in value:
        raise BadRequest(f"{name} must not contain NUL characters")
    return value


def read_ids(request: Request) -> list[UUID]:
    """Read five UUIDs from the last parameter `ids`; get() returns the first."""
    texts = request.args.getlist("ids") or [""]
    try:
        ids = [UUID(text) for text in texts[-1].split(",")]
    except ValueError:
        raise BadRequest("ids must be UUIDs, separated by commas") from None
    if len(ids) != FANOUT:
        raise BadRequest(f"ids must be {FANOUT} UUIDs, not {len(ids)}")
    return ids
