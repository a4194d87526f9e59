"""Roles on other machines: a place is one machine of a Dask cluster with the roles that it has."""
