"""Chart specifications (Vega-Lite)."""
