"""What comes in with the query string."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, HTTPException

FANOUT = 5


async def read_ids(ids: str) -> list[UUID]:
    """UUIDs in one parameter, separated by commas: FastAPI's own lists repeat the parameter."""
    try:
        found = [UUID(text) for text in ids.split(",")]
    except ValueError:
        raise HTTPException(400, "ids must be UUIDs, separated by commas") from None
    if len(found) != FANOUT:
        raise HTTPException(400, f"ids must be {FANOUT} UUIDs, not {len(found)}")
    return found


PostIds = Annotated[list[UUID], Depends(read_ids)]
