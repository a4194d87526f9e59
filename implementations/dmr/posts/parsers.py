from typing import Any
from urllib.parse import unquote_to_bytes

from django.http import HttpRequest, QueryDict
from dmr.exceptions import RequestSerializationError
from dmr.parsers import FormUrlEncodedParser, Parser

FORM = FormUrlEncodedParser.content_type


class StrictFormParser(Parser):
    """Repairs nothing, where `request.POST` makes U+FFFD of what is no UTF-8.

    It takes bodies of every type, so that the size is judged before the type.
    """

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
        if not to_deserialize.isascii():
            raise RequestSerializationError("The form must percent-encode what is not ASCII.")
        try:
            unquote_to_bytes(to_deserialize).decode()
        except UnicodeDecodeError:
            raise RequestSerializationError("The form must be in UTF-8.") from None
        return QueryDict(to_deserialize).dict()
