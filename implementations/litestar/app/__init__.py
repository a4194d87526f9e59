"""The bridgetoll contract, served by Litestar."""
