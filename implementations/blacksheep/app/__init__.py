"""The bridgetoll contract, served by BlackSheep."""
