"""What every SQLite file that several processes share needs."""

import sqlite3
import time

# Long enough for the slowest disk to finish another process's commit, short enough to notice a stuck one.
LOCK_TIMEOUT = 30.0


def use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Let the file's readers and its writer work side by side; the file remembers it.

    Two processes that open a new file at once would fail: for this one statement SQLite does not wait.
    """
    deadline = time.monotonic() + LOCK_TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
