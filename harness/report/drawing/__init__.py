"""Charts drawn in processes beside the report's own."""
