"""The bridgetoll contract in Starlette, with asyncpg."""
