"""Starting child processes that bring along nothing of what their parent is."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

_hiding = threading.Lock()


@contextmanager
def no_main_module() -> Iterator[None]:
    """Hide our main module from `multiprocessing`: a child would import it, and that of `stylegram` brings all of it.

    Around the start of a child, in any thread.
    """
    with _hiding:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main
