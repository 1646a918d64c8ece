"""Files that are complete or absent: atomic writes, folders with a manifest of hashes, recovery after a kill."""
