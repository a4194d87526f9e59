"""What both applications check of a request, and how both answer an error."""

import logging
from functools import partial
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import falcon
import orjson

FORM = falcon.MEDIA_URLENCODED
MAX_BODY, MAX_FIELDS, FANOUT = 65_536, 1_000, 5
MAX_LENGTHS = {"title": 100, "content": 10_000}
logger = logging.getLogger(__name__)


def read_new_post(content_type: str | None, body: bytes) -> dict[str, str]:
    """Decode a form strictly. Falcon's own handler drops or replaces what is not UTF-8."""
    if len(body) > MAX_BODY:
        raise falcon.HTTPContentTooLarge(description=f"the body must have at most {MAX_BODY} bytes")
    media_type, parameters = falcon.parse_header(content_type or "")
    if media_type.lower() != FORM or parameters.get("charset", "utf-8").lower() != "utf-8":
        raise falcon.HTTPBadRequest(description=f"the body must be a form ({FORM}) in UTF-8")
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
        raise falcon.HTTPBadRequest(
            description=f"the form must be percent-encoded UTF-8 of at most {MAX_FIELDS:,} fields"
        ) from None
    return {name: _checked(name, fields.get(name, ""), most) for name, most in MAX_LENGTHS.items()}


def _checked(name: str, value: str, most: int) -> str:
    if not value.strip():
        raise falcon.HTTPInvalidParam("It must not be blank.", name)
    if len(value) > most:
        raise falcon.HTTPInvalidParam(f"It must have at most {most:,} characters.", name)
    if "\0" in value:
        raise falcon.HTTPInvalidParam("It must not contain NUL characters.", name)
    return value


def read_ids(req: falcon.Request) -> list[UUID]:
    """Read five UUIDs from the last parameter `ids`; get_param() does not say which it returns."""
    try:
        ids = [UUID(text) for text in req.get_param_as_list("ids", required=True)[-1].split(",")]
    except ValueError:
        raise falcon.HTTPInvalidParam("It must be UUIDs, separated by commas.", "ids") from None
    if len(ids) != FANOUT:
        raise falcon.HTTPInvalidParam(f"It must be {FANOUT} UUIDs, not {len(ids)}.", "ids")
    return ids


def configure(app: falcon.App, failures: tuple[type[Exception], ...], answer: Any) -> None:
    """Set what Falcon's documentation tells to set: the JSON handler, and errors."""
    app.resp_options.media_handlers[falcon.MEDIA_JSON] = falcon.media.JSONHandler(
        dumps=partial(orjson.dumps, default=str)  # asyncpg's UUID
    )
    app.set_error_serializer(serialize_error)
    app.add_error_handler(failures, answer)


def serialize_error(req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError) -> None:
    resp.media = {"error": error.description or error.title}


def database_failure(req: falcon.Request, error: Exception) -> falcon.HTTPServiceUnavailable:
    logger.warning("%s: the database failed: %r", req.path, error)
    return falcon.HTTPServiceUnavailable(description="the database cannot serve this request")
