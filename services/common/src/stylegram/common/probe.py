"""`python -m stylegram.common.probe [--ready]`: whether the service of this container is well, by its own word.

For HEALTHCHECK, every few seconds, in images that have nothing else to ask with: the standard library does, quickly.
"""

import os
import sys
from http.client import HTTPConnection, HTTPException

_PORT = "STYLEGRAM_METRICS_PORT"
# The service itself gives those it asks two seconds.
_TIMEOUT = 5.0
# The reasons, which who runs containers keeps the beginning of.
_MOST_BYTES = 2000


def main(arguments: list[str]) -> int:
    """Ask `/healthz`, or with `--ready` `/readyz`, at the port for metrics; what is wrong is printed.

    Returns:
        The exit status: 0 where the answer is 200, else 1.
    """
    pages = {(): "/healthz", ("--ready",): "/readyz"}
    page = pages.get(tuple(arguments))
    if page is None:
        sys.stderr.write("It is `python -m stylegram.common.probe`, or that with `--ready`.\n")
        return 1
    port = os.environ.get(_PORT, "")
    if not port.isdecimal():
        sys.stderr.write(f"{_PORT} does not say where the service answers.\n")
        return 1
    try:
        connection = HTTPConnection("127.0.0.1", int(port), timeout=_TIMEOUT)
        connection.request("GET", page)
        response = connection.getresponse()
        said = response.read(_MOST_BYTES)
    except (OSError, HTTPException) as error:
        sys.stderr.write(f"Nobody answers at port {port}: {error or type(error).__name__}.\n")
        return 1
    if response.status == 200:
        return 0
    sys.stderr.write(f"{said.decode(errors='replace')}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
