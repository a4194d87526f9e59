"""A run as tables and as the page's data."""
