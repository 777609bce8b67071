"""The posts: what goes out, and when."""
