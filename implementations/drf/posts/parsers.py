from typing import Any
from urllib.parse import unquote_to_bytes

from django.http import HttpRequest, QueryDict
from rest_framework.exceptions import ParseError
from rest_framework.parsers import FormParser


class StrictFormParser(FormParser):
    """REST framework's, for forms that need no repair: QueryDict makes U+FFFD of what is no UTF-8.

    It takes bodies of every type, to refuse those that are too long before those that are no form.
    """

    media_type = "*/*"

    def parse(self, stream: HttpRequest, *args: Any, **kwargs: Any) -> QueryDict:
        body = stream.body  # where Django checks the size
        charset = stream.content_params.get("charset", "utf-8").lower()
        if (stream.content_type, charset) != (FormParser.media_type, "utf-8"):
            raise ParseError(f"The body must be a form in UTF-8, sent as {FormParser.media_type}.")
        try:
            if not body.isascii():
                raise ParseError("The form must percent-encode what is not ASCII.")
            unquote_to_bytes(body).decode()
        except UnicodeDecodeError:
            raise ParseError("The form must be in UTF-8.") from None
        return QueryDict(body)
