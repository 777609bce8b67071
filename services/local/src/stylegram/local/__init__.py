"""Stylegram on a laptop: the same services, composed in one place on embedded adapters."""
