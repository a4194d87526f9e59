"""The bridgetoll contract."""
