"""The logger over HTTP: the record below `/v1`, and what a cluster asks of a process."""
