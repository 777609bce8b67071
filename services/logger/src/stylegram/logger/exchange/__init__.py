"""The record as files: given away, and taken in from others and from the system that came before."""
