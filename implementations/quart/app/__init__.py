"""The bridgetoll contract, served by Quart."""
