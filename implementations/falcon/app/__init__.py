"""The bridgetoll contract, served by Falcon: synchronous (WSGI) and asynchronous (ASGI)."""
