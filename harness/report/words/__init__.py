"""Numbers and findings as short texts."""
