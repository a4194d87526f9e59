"""The body of `/io_create`."""

from urllib.parse import unquote_to_bytes

from django.http import QueryDict


def parse_form(body: bytes) -> QueryDict:
    """Parse a URL-encoded form, or raise ValueError with the sentence to answer.

    `QueryDict` alone would make Latin-1 or U+FFFD of bytes that are not UTF-8.
    """
    if not body.isascii():
        raise ValueError("The form must percent-encode what is not ASCII.")
    try:
        unquote_to_bytes(body).decode()
    except UnicodeDecodeError:
        raise ValueError("The form must be in UTF-8.") from None
    return QueryDict(body)
