"""JSON by orjson, to the bytes of a plain response: FastAPI has nothing left to serialise."""

from typing import Any
from uuid import UUID

import orjson
from fastapi import Response


def json_response(content: Any) -> Response:
    return Response(orjson.dumps(content, default=encode), media_type="application/json")


def big_integer(number: int) -> orjson.Fragment:
    """An integer of any size: orjson itself refuses those over 64 bits, and `cpu` answers one."""
    return orjson.Fragment(str(number))


def encode(value: object) -> str:
    """Encode asyncpg's UUID: orjson knows `uuid.UUID` itself, but no subclass of it."""
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
