"""Serve a run over HTTP: `batching` translates what clients ask for together, `app` is the interface, `server` listens."""
