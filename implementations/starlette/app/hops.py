"""Empty hops to a thread and back: what a bridge costs, without anything on the other side."""

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send


class ExtraHops:
    """Hop `count` times, one after the other, before the application sees the request."""

    def __init__(self, app: ASGIApp, count: int) -> None:
        self.app = app
        self.count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for _ in range(self.count):
                await run_in_threadpool(_nothing)
        await self.app(scope, receive, send)


def _nothing() -> None:
    pass
