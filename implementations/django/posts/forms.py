"""What a client may send to io_create and io_fanout.

Plain functions and not `django.forms`: two strings need no widgets, no cleaning and no per-request
copies of fields, which would be measured with everything else. `BadRequest` is Django's exception
for what a client got wrong; its text becomes the answer.
"""

from typing import NamedTuple
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
    _ = request.body  # the size is judged first, whatever the body is
    if request.content_type != URL_ENCODED:
        raise BadRequest(f"the body must be a form, sent as {URL_ENCODED}")
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


def _field(request: HttpRequest, name: str, most: int) -> str:
    value = request.POST.get(name, "")
    if not value.strip():
        raise BadRequest(f"{name} is required")
    if len(value) > most:
        raise BadRequest(f"{name} must have at most {most} characters")
    if "\x00" in value:
        raise BadRequest(f"{name} must not contain NUL characters")
    return value
