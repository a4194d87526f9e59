"""A server as a program: its folder stands first on its path, away from `toys/http.py`."""
