"""Load generators: they send requests, time them and check every answer."""
