"""Keeps the record of every run, the reason why Stylegram exists."""
