"""The floor: errors, folders, TOML and JSON in, whole files out, channels to processes."""
