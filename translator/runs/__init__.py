"""Run folders: layout, records, lookup by name, and the lock that keeps a second process out."""
