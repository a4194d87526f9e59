"""The answer of a run: its headline, its hero pictures and its caution, by kind of study."""
