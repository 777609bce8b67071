"""The errors that Stylegram raises on purpose.

    StylegramError
    ├── ConfigurationError       a setting or a file named by a setting is wrong
    ├── InvalidInput             what the caller handed over is refused
    │   ├── InvalidImage             not a picture we can use
    │   ├── InvalidHyperparameters   out of range, or impossible together
    │   ├── InvalidObjectName        would escape the storage's root
    │   ├── InvalidMessage           not one of ours, or a version we do not speak
    │   └── InvalidCheckpoint        damaged, of another version, or of another run
    ├── NotFound                 no such object, asset, job or queue
    ├── AlreadyExists            the name is taken, and what is stored never changes
    ├── ChangesLost              a source cannot tell any more what changed since then
    ├── WrongState               what it is asked of has ended already, or has not yet
    ├── Unavailable              a dependency did not answer; the same call may succeed later
    │   └── QueueFull                too many jobs wait already
    ├── LoginNeeded              the account does not take the login; a person logs in again
    ├── CoolDown                 the account wants to be left alone until a certain time
    ├── AccountStopped           to go on would cost the account; a person looks after it first
    ├── OutcomeUnknown           whether the post is out nobody can tell
    ├── Refused                  the account does not take this post, now or later
    ├── WeightsUnavailable       the model's weights are neither cached nor to be had
    ├── WeightsCorrupt           the weights are not the file that was pinned
    ├── NonFinite                the optimisation left the finite numbers, in full precision too
    ├── OutOfMemory              the device's memory does not hold a picture of that size
    ├── DeviceLost               the GPU failed, and this process cannot use it any more
    ├── Interrupted              somebody asked the work to stop; nothing is wrong
    ├── Cancelled                somebody does not want this job any more
    └── DeadlineExceeded         the job took longer than it may

Every message says what happened and to which input; `advice` says what to do about it.
"""

from datetime import datetime
from typing import ClassVar


class StylegramError(Exception):
    """Base of the tree.

    Args:
        message: what happened, and to which input.
        advice: what the reader can do about it; appended to the message.
    """

    code: ClassVar[str] = "error"
    """A stable slug for records, metrics and machine readers."""
    retryable: ClassVar[bool] = False
    """Whether the same call may succeed later without anybody changing anything."""
    ends_process: ClassVar[bool] = False
    """Whether this process can do no more work of that kind, while a new one can."""

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".rstrip()


class ConfigurationError(StylegramError):
    """A setting, or a file that a setting names, is wrong."""

    code = "configuration"


class InvalidInput(StylegramError):
    """What the caller handed over is refused."""

    code = "invalid-input"


class InvalidImage(InvalidInput):
    """The bytes are not a picture that Stylegram can use."""

    code = "invalid-image"


class InvalidHyperparameters(InvalidInput):
    """A hyperparameter is unknown, out of its range, or impossible beside another."""

    code = "invalid-hyperparameters"


class InvalidObjectName(InvalidInput):
    """An object name that is malformed or would escape the storage's root."""

    code = "invalid-object-name"


class InvalidMessage(InvalidInput):
    """A message body that is not one of ours, or of a version that this code does not speak."""

    code = "invalid-message"


class InvalidCheckpoint(InvalidInput):
    """A checkpoint that is damaged, of another version of the engine, or of another run."""

    code = "invalid-checkpoint"


class NotFound(StylegramError):
    """No such object, asset, job or queue."""

    code = "not-found"


class AlreadyExists(StylegramError):
    """The name is taken; stored objects never change."""

    code = "already-exists"


class ChangesLost(StylegramError):
    """What changed since a certain state cannot be told any more; only a listing of everything helps."""

    code = "changes-lost"


class WrongState(StylegramError):
    """Nothing is wrong with what is asked for, but with when: a job has ended already, or has not yet."""

    code = "wrong-state"


class Unavailable(StylegramError):
    """A dependency did not answer; the same call may succeed later."""

    code = "unavailable"
    retryable = True


class QueueFull(Unavailable):
    """So many jobs wait that one more would only wait longer."""

    code = "queue-full"


class LoginNeeded(StylegramError):
    """An account does not take the login that we have; nothing goes on before a person logs in again."""

    code = "login-needed"


class CoolDown(StylegramError):
    """An account wants to be left alone for a while.

    Args:
        message: what it said.
        until: when it may be asked again.
        advice: see `StylegramError`.
    """

    code = "cool-down"

    def __init__(self, message: str, *, until: datetime, advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.until = until


class AccountStopped(StylegramError):
    """To go on would cost the account, as after a challenge; nothing is asked of it before a person has resumed it."""

    code = "account-stopped"


class OutcomeUnknown(StylegramError):
    """A post was handed over to be published, and no answer told whether it was."""

    code = "outcome-unknown"


class Refused(StylegramError):
    """An account does not take this post, nor would it later; others may go out."""

    code = "refused"


class WeightsUnavailable(StylegramError):
    """The model's weights are neither in the cache nor to be had."""

    code = "weights-unavailable"


class WeightsCorrupt(StylegramError):
    """The weights on disk are not the file that was pinned."""

    code = "weights-corrupt"


class NonFinite(StylegramError):
    """The optimisation produced NaN or infinity, in full precision too."""

    code = "non-finite"


class OutOfMemory(StylegramError):
    """The device's memory does not hold the work on a picture of that size."""

    code = "out-of-memory"


class DeviceLost(StylegramError):
    """The GPU failed in a way that leaves it unusable for this process."""

    code = "device-lost"
    retryable = True
    ends_process = True


class Interrupted(StylegramError):
    """Somebody asked the work to stop; nothing is wrong with the work."""

    code = "interrupted"
    retryable = True


class Cancelled(StylegramError):
    """Somebody does not want this job any more; others go on."""

    code = "cancelled"


class DeadlineExceeded(StylegramError):
    """The job took longer than it may."""

    code = "deadline-exceeded"
