"""The record: what was tried, and how it went."""
