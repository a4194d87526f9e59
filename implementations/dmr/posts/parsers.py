from typing import Any

from django.http import HttpRequest
from dmr.exceptions import RequestSerializationError
from dmr.parsers import FormUrlEncodedParser, Parser

from posts.forms import parse_form

FORM = FormUrlEncodedParser.content_type


class StrictFormParser(Parser):
    """Takes bodies of every type, so that the size is judged before the type."""

    content_type = "*/*"

    def parse(
        self,
        to_deserialize: bytes,
        deserializer_hook: Any = None,
        *,
        request: HttpRequest,
        model: Any,
    ) -> dict[str, str]:
        charset = request.content_params.get("charset", "utf-8").lower()
        if (request.content_type, charset) != (FORM, "utf-8"):
            raise RequestSerializationError(f"The body must be a form in UTF-8, sent as {FORM}.")
        try:
            return parse_form(to_deserialize).dict()
        except ValueError as error:
            raise RequestSerializationError(str(error)) from None
