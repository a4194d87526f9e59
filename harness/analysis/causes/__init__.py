"""Why variants differ: contrasts, waterfalls, squares, prices."""
