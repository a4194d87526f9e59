"""The bridgetoll contract, served by aiohttp."""
