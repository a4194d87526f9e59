"""The database of applications of a public suite; it runs in an implementation's environment."""
