"""What a client may send to io_create and io_fanout.

Plain functions and not `django.forms`: two strings need no widgets, no cleaning and no per-request
copies of fields, which would be measured with everything else. `BadRequest` is Django's exception
for what a client got wrong; its text becomes the answer.
"""

from typing import NamedTuple
from urllib.parse import unquote_to_bytes
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpRequest

URL_ENCODED = "application/x-www-form-urlencoded"
FANOUT = 5


class NewPost(NamedTuple):
    title: str
    content: str


def read_new_post(request: HttpRequest) -> NewPost:
    """The two fields, or `RequestDataTooBig`, or `BadRequest` with the sentence to answer."""
    body = request.body  # the size is judged first, whatever the body is
    charset = request.content_params.get("charset", "utf-8").lower()
    if request.content_type != URL_ENCODED or charset != "utf-8":
        raise BadRequest(f"the body must be a form in UTF-8, sent as {URL_ENCODED}")
    _check_form(body)
    return NewPost(
        title=_field(request, "title", most=100),
        content=_field(request, "content", most=10_000),
    )


def read_ids(request: HttpRequest) -> list[UUID]:
    """The ids in the query string, or `BadRequest` with the sentence to answer."""
    try:
        ids = [UUID(text) for text in request.GET.get("ids", "").split(",")]
    except ValueError:
        raise BadRequest("ids must be UUIDs, separated by commas") from None
    if len(ids) != FANOUT:
        raise BadRequest(f"ids must be {FANOUT} UUIDs, not {len(ids)}")
    return ids


def _check_form(body: bytes) -> None:
    """Refuse what `QueryDict` would repair: bytes that are not UTF-8 become Latin-1 or U+FFFD.

    Django itself counts the fields, and refuses more than DATA_UPLOAD_MAX_NUMBER_FIELDS.
    """
    if not body.isascii():
        raise BadRequest("the form must percent-encode what is not ASCII")
    try:
        unquote_to_bytes(body).decode()
    except UnicodeDecodeError:
        raise BadRequest("the form must be in UTF-8") from None


def _field(request: HttpRequest, name: str, most: int) -> str:
    value = request.POST.get(name, "")
    if not value.strip():
        raise BadRequest(f"{name} is required")
    if len(value) > most:
        raise BadRequest(f"{name} must have at most {most} characters")
    if "\x00" in value:
        raise BadRequest(f"{name} must not contain NUL characters")
    return value
