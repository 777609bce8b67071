"""From a source's bytes to the bytes that are kept: the one call in which foreign bytes meet a decoder.

It is made in processes of its own (`pool.py`, and in them `worker.py`), for a decoder is a C library that strangers
feed: what crashes it, hangs it or makes it ask for all memory costs that one file.
"""

from stylegram.ingest.hygiene.cleaning import Cleaned, clean
from stylegram.ingest.hygiene.pool import Hygiene

__all__ = ["Cleaned", "Hygiene", "clean"]
