"""The gallery: what was painted."""
