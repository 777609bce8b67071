"""What hygiene's processes do in tests: clean pictures, but for some bytes, on which they fare as decoders do."""

import os
import re
import resource
import signal
import sys
import time
from pathlib import Path

from stylegram.common.errors import InvalidImage
from stylegram.ingest.hygiene import Cleaned, clean
from stylegram.ingest.hygiene.cleaning import Judge

CRASH = b"crash"
HANG = b"hang"
GREED = b"greed"
REFUSAL = b"refusal"
CONFESSION = b"confession"
_STAY = b"stay "


def stay(pid_file: Path) -> bytes:
    """Bytes over which the first process that has them stays until it is killed, its number in that file."""
    return _STAY + os.fsencode(pid_file)


def perilous_clean(data: bytes, judge: Judge | None) -> Cleaned:
    """As `clean`, but for the bytes above."""
    if data == CRASH:
        os.kill(os.getpid(), signal.SIGSEGV)
    if data == HANG:
        # Matching keeps the interpreter's lock, as a decoder in C may, and would take years.
        re.match("(a+)+$", "a" * 60 + "b")
    if data == GREED:
        bytearray(2**33)
    if data == REFUSAL:
        raise InvalidImage("What happened.", advice="What to do.")
    if data == CONFESSION:
        return Cleaned(repr(_circumstances()).encode(), 16, 16, "CONFESSION", {})
    if data.startswith(_STAY):
        pid_file = Path(os.fsdecode(data.removeprefix(_STAY)))
        if not pid_file.exists():
            half = pid_file.with_suffix(".half")
            half.write_text(str(os.getpid()))
            half.rename(pid_file)
            time.sleep(60)
        return Cleaned(b"", 16, 16, "STAYED", {})
    return clean(data, judge)


def _circumstances() -> dict[str, object]:
    return {
        "modules": sorted(sys.modules),
        "niceness": os.nice(0),
        "core": resource.getrlimit(resource.RLIMIT_CORE),
        "interrupt": signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
        "pid": os.getpid(),
    }
