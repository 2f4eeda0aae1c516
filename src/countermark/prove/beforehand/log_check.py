"""Check the log in a package: as whole, as signed, with nothing of the case's matter kept back.

Source: spec/package.md, 'Log'.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from countermark.prove.beforehand.log_part import LogPart
from countermark.prove.beforehand.log_reading import LogTrust, check_no_log, read_log
from countermark.prove.beforehand.log_runs import Accounts, account
from countermark.prove.beforehand.log_view import LogView, in_words
from countermark.prove.beforehand.results import NO_LOG, NO_TRUST
from countermark.prove.package.case import Case
from countermark.prove.package.layout import Contents, failed
from countermark.prove.package.trustfile import Trust


@dataclass(frozen=True)
class Checked:
    """What a verifier knows of the log of a case."""

    view: LogView | None
    """None where the case has no log."""
    accounts: Accounts | None
    sentence: str


def check_log(contents: Contents, case: Case, trust: Trust, sealed: Mapping[str, str]) -> Checked:
    """Check the log in a package; `sealed` are the digests of its payload files as they were sealed.

    Raises `Error(VERIFICATION_FAILED)` with what does not hold.
    """
    if case.log is None:
        check_no_log(contents)
        return Checked(
            None, None, "the case has no log: nothing shows what was fixed before, or how often it ran"
        )
    known = LogTrust.of(trust, case.log.origin)
    if known is None:
        raise failed(f"the trust file has no key of the log {case.log.origin}")
    view = read_log(contents, case.log, known)
    accounts = account(view, case.matter, sealed)
    longer = f" of {view.known_size} that are known" if view.known_size > view.size else ""
    ends = f", the last of {in_words(view.ends)}" if view.ends else ""
    sentence = f"{view.size} entries{longer} of {view.origin}{ends}; {accounts.sentence(case.matter)}"
    return Checked(view, accounts, sentence)


@dataclass(frozen=True)
class Sealed:
    """What who seals knows of the log."""

    view: LogView | None
    """By what the trust file trusts; None without one."""
    no_log: str
    """Why there is no view."""
    accounts: Accounts
    opened: LogView
    """What any verifier will find opened, whoever is trusted."""


def check_sealed(
    contents: Contents, part: LogPart, matter: str, sealed: Mapping[str, str], trust: Trust | None
) -> Sealed:
    """As `check_log`, before it is sealed: raises where no verifier could take the log for whole.

    What nobody can be blamed for when sealing is no error: no trust file, or one without the log's key.
    """
    known = LogTrust.of(trust, part.head.origin) if trust else None
    view = read_log(contents, part.head, known or LogTrust(part.key))
    accounts = account(view, matter, sealed)
    if trust is None:
        return Sealed(None, NO_TRUST, accounts, view)
    if known is None:
        return Sealed(None, f"the trust file has no key of the log {part.head.origin}", accounts, view)
    return Sealed(view, NO_LOG, accounts, view)
