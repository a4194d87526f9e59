"""An arm of Django whose hops are made in place; it runs in the implementation's environment."""
