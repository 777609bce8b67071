"""Paint: a pair is picked, previewed, and put onto the easel."""
