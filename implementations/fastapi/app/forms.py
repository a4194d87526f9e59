"""What a form must be before it is parsed: the parser would repair what the contract refuses."""

from urllib.parse import unquote_to_bytes

from fastapi import HTTPException
from python_multipart.multipart import parse_options_header

FORM = b"application/x-www-form-urlencoded"
MAX_FIELDS = 1_000


def check_form(content_type: str | None, body: bytes) -> None:
    """Answer 400 unless the body is a URL-encoded form in UTF-8.

    python-multipart takes a byte above 127 for a character of Latin-1, and replaces percent-encoded
    bytes that are not UTF-8.
    """
    media_type, parameters = parse_options_header(content_type)
    if media_type != FORM or parameters.get(b"charset", b"utf-8").lower() != b"utf-8":
        raise HTTPException(400, f"the body must be a form ({FORM.decode()}) in UTF-8")
    if not body.isascii():
        raise HTTPException(400, "the form must percent-encode what is not ASCII")
    try:
        unquote_to_bytes(body).decode()
    except UnicodeDecodeError:
        raise HTTPException(400, "the form must be in UTF-8") from None
    if body.count(b"&") >= MAX_FIELDS:
        raise HTTPException(400, f"the form must have at most {MAX_FIELDS} fields")
