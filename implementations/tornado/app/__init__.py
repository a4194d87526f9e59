"""The bridgetoll contract, served by Tornado."""
