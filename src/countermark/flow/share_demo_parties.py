"""What both kinds of `countermark share demo` need: who tells of the commands, and who takes part."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from countermark.errors import Error
from countermark.flow.share_demo_place import CA, HOME, MEMBERS, REVIEWERS, TOKEN, Place, write_home
from countermark.flow.share_demo_servers import Beside

Words = Sequence[str | Path]


class Told(Protocol):
    """Runs commands, and tells of them."""

    def step(self, name: str, about: str) -> None:
        """The next numbered step begins."""

    def say(self, text: str) -> None:
        """A line of what came of it."""

    def show(self, *words: str | Path, into: Path | None = None) -> None:
        """Show a command."""

    def run(self, *words: str | Path, into: Path | None = None, shown: bool = True) -> None:
        """Run a command and show it; its standard output goes to the file `into` (0600)."""

    def ask(self, *words: str | Path, shown: bool = True, unsure: bool = False) -> Any:
        """Run a command with --json (which is not shown); what it answers.

        With `unsure` it may end as inconclusive (11).
        """

    def refused(self, *words: str | Path, shown: bool = True) -> Error:
        """Run a command that has to be refused; what it says."""

    def beside(self, *words: str | Path, shown: bool = True) -> AbstractContextManager[Beside]:
        """Run a command with --json in a process of its own while the block runs."""


def admit(told: Told, place: Place, data: Path, more: Callable[[str], Words], then: str) -> None:
    """The operator admits the members and registers their reviewers' keys; each gets a token and a home.

    `more` are options for a member of that name, `then` is what is said of the commands that are not shown.
    """
    first = MEMBERS[0]
    for member in MEMBERS:
        folder, shown = place.out / member, member == first
        how: Words = ("--role", "member", *more(member), "--data", data)
        told.run("share", "member", "add", member, *how, into=folder / TOKEN, shown=shown)
        for reviewer in REVIEWERS:
            key, shown = folder / f"{reviewer}.key", member == first and reviewer == "security"
            told.run("case", "keygen", "--out", key, shown=shown)
            how = ("--role", f"reviewer-{reviewer}", "--of", member, "--key", f"{key}.pub", "--data", data)
            token = folder / f"{reviewer}.token"
            told.run("share", "member", "add", f"{member}-{reviewer}", *how, into=token, shown=shown)
    told.say(then)
    for one in told.ask("share", "member", "list", "--data", data, shown=False)["members"]:
        if one["role"] == "member":
            write_home(place.out / one["name"] / HOME, one["member_id"], one["name"])


def approve(told: Told, place: Place, member: str, what: Path, shown: bool = True) -> None:
    """Two people of a member, in two roles, sign."""
    folder = place.out / member
    for reviewer, person in REVIEWERS.items():
        who: Words = ("--as", reviewer, "--key", folder / f"{reviewer}.key", "--name", person)
        told.run("share", "approve", what, *who, "--home", folder / HOME, shown=shown)


def access(place: Place, member: str) -> Words:
    """A member's options for what it asks of the exchange."""
    return "--token-file", place.out / member / TOKEN, "--ca-file", place.out / CA
