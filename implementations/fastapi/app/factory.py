"""What all applications share: everything but the endpoints and the way to the database."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import FastAPI

from app.errors import add_error_handlers
from app.limits import ContractRoute

State = Mapping[str, Any]


def create_app(open_pool: Callable[[], AbstractAsyncContextManager[State | None]]) -> FastAPI:
    """An application without endpoints, and without the pages that are not in the contract."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[State | None]:
        """Open the pool before the server listens, so no request pays for a connection."""
        async with open_pool() as state:
            yield state

    app = FastAPI(lifespan=lifespan, openapi_url=None, redirect_slashes=False)
    app.router.route_class = ContractRoute
    add_error_handlers(app)
    return app
