import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.database import Item, create_tables, get_session


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    create_tables()
    yield


app = FastAPI(lifespan=lifespan)


class ItemOut(BaseModel):
    id: int
    name: str
    price: int


def api_key(x_api_key: Annotated[str, Header()]) -> str:
    if x_api_key != os.environ.get("API_KEY"):
        raise HTTPException(401, "unknown key")
    return x_api_key


def fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


@app.get("/ping")
async def ping() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/items", response_model=list[ItemOut])
def items(session: Annotated[Session, Depends(get_session)]):
    return session.scalars(select(Item).order_by(Item.id)).all()


@app.get("/orders")
async def orders(key: Annotated[str, Depends(api_key)]) -> list[str]:
    return []


@app.get("/report")
async def report() -> dict[str, str]:
    return {"fingerprint": await asyncio.to_thread(fingerprint, "the report")}
