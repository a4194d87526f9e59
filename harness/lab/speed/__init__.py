"""The speed probe: how fast the application's core is at this moment."""
