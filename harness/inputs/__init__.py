"""What people write, read and checked: manifests, servers, studies, claims, tables."""
