"""The bridgetoll contract in FastAPI, with SQLAlchemy's asynchronous ORM or with asyncpg."""
