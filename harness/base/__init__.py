"""The floor: named errors, where things are, TOML and JSON in, whole files out."""
