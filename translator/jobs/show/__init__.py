"""Show runs and settings: the report page, the live view, the list of runs, and the meaning of every setting."""
