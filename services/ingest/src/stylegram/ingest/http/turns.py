"""Whose turn it is with what takes much memory."""

from stylegram.common.http.turns import Turns

CLEANING = Turns(2)
"""For pictures that come along with requests: one of 100 megapixels takes some 300 MB while it is cleaned."""
