from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from django.http import QueryDict
from django.utils.http import parse_header_parameters
from rest_framework.exceptions import ParseError
from rest_framework.parsers import FormParser


class StrictFormParser(FormParser):
    """Repairs nothing, where QueryDict makes U+FFFD of what is no UTF-8.

    It takes bodies of every type, so that the size is judged before the type.
    """

    media_type = "*/*"

    def parse(self, stream: BytesIO, media_type: str, parser_context: dict[str, Any]) -> QueryDict:
        kind, parameters = parse_header_parameters(media_type)
        charset = parameters.get("charset", "utf-8").lower()
        if (kind, charset) != (FormParser.media_type, "utf-8"):
            raise ParseError(f"The body must be a form in UTF-8, sent as {FormParser.media_type}.")
        body = stream.read()
        if not body.isascii():
            raise ParseError("The form must percent-encode what is not ASCII.")
        try:
            unquote_to_bytes(body).decode()
        except UnicodeDecodeError:
            raise ParseError("The form must be in UTF-8.") from None
        return QueryDict(body)
