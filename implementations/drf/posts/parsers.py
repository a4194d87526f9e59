from io import BytesIO
from typing import Any

from django.http import QueryDict
from django.utils.http import parse_header_parameters
from rest_framework.exceptions import ParseError
from rest_framework.parsers import FormParser

from posts.forms import parse_form


class StrictFormParser(FormParser):
    """Takes bodies of every type, so that the size is judged before the type."""

    media_type = "*/*"

    def parse(self, stream: BytesIO, media_type: str, parser_context: dict[str, Any]) -> QueryDict:
        kind, parameters = parse_header_parameters(media_type)
        charset = parameters.get("charset", "utf-8").lower()
        if (kind, charset) != (FormParser.media_type, "utf-8"):
            raise ParseError(f"The body must be a form in UTF-8, sent as {FormParser.media_type}.")
        try:
            return parse_form(stream.read())
        except ValueError as error:
            raise ParseError(str(error)) from None
