"""The bridgetoll contract, served by Sanic."""
