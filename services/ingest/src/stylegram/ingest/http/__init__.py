"""Ingest over HTTP: the API below `/v1`, the page at `/`, and what a cluster asks of a process."""
