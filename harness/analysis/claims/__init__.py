"""Published claims, judged by what was measured."""
