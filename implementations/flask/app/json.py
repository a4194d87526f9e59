"""JSON by orjson: a dict that a view returns goes to bytes in one step."""

from typing import Any

import orjson
from flask import Response
from flask.json.provider import JSONProvider


def big_integer(number: int) -> orjson.Fragment:
    """An integer of any size: orjson itself refuses those over 64 bits, and `cpu` answers one."""
    return orjson.Fragment(str(number))


class OrjsonProvider(JSONProvider):
    """What `jsonify`, and a view that returns a dict, encode with."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return orjson.dumps(obj, **kwargs).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """Answer with the bytes as they are; the inherited method would go through `str`."""
        body = orjson.dumps(self._prepare_response_obj(args, kwargs))
        return self._app.response_class(body, mimetype="application/json")
