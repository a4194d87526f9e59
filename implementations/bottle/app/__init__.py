"""The bridgetoll contract, served by Bottle."""
