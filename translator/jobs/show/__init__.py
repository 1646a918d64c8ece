"""Show a run: the report page and the live view."""
