"""The endpoints that need no database, answering bytes that orjson has encoded."""

import asyncio

from fastapi import Response

from app.responses import big_integer, json_response
from app.settings import settings


async def health() -> Response:
    return json_response({"status": "ok"})


async def noop() -> Response:
    return json_response({})


async def cpu() -> Response:
    """Compute on the event loop, as the published experiment does: nothing else runs meanwhile."""
    ct = 0
    for i in range(settings.cpu_iterations):
        ct += i * i
    return json_response({"ct": big_integer(ct)})


async def io_wait() -> Response:
    await asyncio.sleep(settings.wait_ms / 1000)
    return json_response({"waited_ms": settings.wait_ms})
