"""The speed probe: measures the momentary speed of the application's core."""
