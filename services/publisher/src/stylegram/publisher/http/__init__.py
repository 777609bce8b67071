"""The publisher over HTTP: posts and accounts below `/v1`, and what a cluster asks of a process."""
