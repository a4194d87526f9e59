"""What both applications share: everything but the way in which an answer becomes JSON."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.database import open_pool
from app.errors import add_error_handlers
from app.limits import LimitedBodyRoute


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the pool before the server listens, so no request pays for a connection."""
    async with open_pool():
        yield


def create_app() -> FastAPI:
    """An application without endpoints, and without the pages that are not in the contract."""
    app = FastAPI(lifespan=lifespan, openapi_url=None, redirect_slashes=False)
    app.router.route_class = LimitedBodyRoute
    add_error_handlers(app)
    return app
