"""One picture: on the easel while it is painted, then all about it."""
