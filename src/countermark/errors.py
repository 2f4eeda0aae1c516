"""The one error that Countermark raises on purpose, and the exit codes of the command line."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every verb; they tell findings from errors."""

    DONE = 0
    """Done, nothing found."""
    ERROR = 1
    """An error that is not one of those below."""
    USAGE = 2
    """The command line is wrong."""
    NO_INPUT = 3
    """No usable input (a path that is no package too)."""
    FOUND = 10
    """Done, something found."""
    INCONCLUSIVE = 11
    """Done, and the data cannot decide."""
    VERIFICATION_FAILED = 20
    """A package that does not verify, or is damaged."""
    INTERRUPTED = 130
    """Interrupted by the user."""


class Error(Exception):
    """What went wrong in one line, what to do about it, and the exit code.

    The message must never contain a secret, a prompt or a raw identifier: it is printed and logged.
    """

    def __init__(self, message: str, *, hint: str = "", exit_code: ExitCode = ExitCode.ERROR) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code


class MissingExtra(Error):
    """An optional part of the installation is not there: says nothing of any input."""

    def __init__(self, message: str, extra: str) -> None:
        super().__init__(message, hint=f"pip install 'countermark[{extra}]'")
