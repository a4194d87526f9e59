"""The bridgetoll contract in Starlette: one application, and a module per way to the database."""
