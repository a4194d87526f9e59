"""JSON answers, encoded to bytes in one step."""

from functools import partial
from uuid import UUID

import orjson
from aiohttp import web


def big_integer(number: int) -> orjson.Fragment:
    """An integer of any size: orjson itself refuses those over 64 bits, and `cpu` answers one."""
    return orjson.Fragment(str(number))


def _encode_uuid(value: object) -> str:
    """Encode asyncpg's subclass of UUID: orjson knows only the exact type."""
    if isinstance(value, UUID):
        return str(value)
    raise TypeError


_dumps = partial(orjson.dumps, default=_encode_uuid)

json_response = partial(web.json_bytes_response, dumps=_dumps)
