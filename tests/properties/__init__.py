"""Properties that hold for whatever is generated: studies, manifests, folders of runs."""
