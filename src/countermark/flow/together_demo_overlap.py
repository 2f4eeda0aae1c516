"""The private overlap of `countermark share demo --together`: three runs, and the opening of one."""

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from countermark.errors import Error
from countermark.flow.share_demo_parties import Told, Words, access, approve
from countermark.flow.share_demo_place import HOME, MEMBERS, Place
from countermark.flow.together_demo_outcome import Pair, Refusal, Together
from countermark.flow.together_demo_place import in_common, matches_in
from countermark.share.overlap.messages import FLOOR
from countermark.world.members import ALPHA, BETA, SUSPENDED

MATCHES = "matches.jsonl"


@dataclass
class PrivateOverlap:
    """Between the members of the demo."""

    place: Place
    told: Told
    url: str
    outcome: Together

    def run(self) -> None:
        """Sizes of all pairs, a run that is refused, and what two of them learn."""
        self._prepare()
        self._sizes()
        self._again()
        self._review()
        self._open()

    def _prepare(self) -> None:
        self.told.step("prepare", "identifiers of suspended accounts: blinded, committed to")
        for pair in combinations(MEMBERS, 2):
            for member, peer in (pair, pair[::-1]):
                shown = (member, peer) == (ALPHA, BETA)
                done = self.told.ask(*self._prepared(member, peer, _name(pair), "with"), shown=shown)
                if shown:
                    counts = ", ".join(f"{count} of kind {kind}" for kind, count in done["counts"].items())
                    self.told.say(f"alpha: {counts}, hidden in a list of {done['size']:,} points")
        self.told.say("the same for each of the others, with each of the others")

    def _prepared(self, member: str, peer: str, run: str, folder: str) -> Words:
        folders = self.place.out / member
        names = ("--run", run, "--with", peer, "--as", member)
        files = ("--identifiers", folders / SUSPENDED, "--key", folders / "member.key")
        return "share", "overlap", "prepare", *files, *names, "--out", folders / f"{folder}-{peer}"

    def _sizes(self) -> None:
        self.told.step("overlap", "how many have two in common? neither sees the other's")
        for pair in combinations(MEMBERS, 2):
            one, other = pair
            shown = pair == (ALPHA, BETA)
            with self.told.beside(*self._running(one, other), shown=shown) as there:
                here = self.told.ask(*self._running(other, one), shown=shown)
            sizes = (there.answer["size"], here["size"])
            found = Pair(pair, sizes, len(in_common(self.place, one, other)))
            self.outcome.pairs.append(found)
            self.told.say(f"{one} and {other}: {_size(here['size'])}")

    def _running(self, member: str, peer: str, folder: str = "with") -> Words:
        """As `member`; the peer's key is had from the peer itself."""
        own = self.place.out / member
        peers = ("--peer-key", self.place.out / peer / "member.key.pub")
        to = ("--to", self.url, *peers, *access(self.place, member))
        return "share", "overlap", "run", own / f"{folder}-{peer}", *to

    def _again(self) -> None:
        """A second run of one pair, which the operator's quota does not allow."""
        self.told.step("quota", "alpha would ask again: sets that differ a little tell more")
        self.told.run(*self._prepared(ALPHA, BETA, "second-run", "again-with"))
        refused = self.told.refused(*self._running(ALPHA, BETA, "again-with"))
        self.told.say(f"refused: {refused.message}")
        self.outcome.refusals.append(Refusal("a second run of alpha and beta", refused.message))

    def _review(self) -> None:
        size = self.outcome.pairs[0].sizes[0]
        if size is None:
            raise Error(f"the networks of this seed have under {FLOOR} in common", hint="try another --seed")
        self.told.step("review", "what would beta learn? then two people of each have to sign")
        for member, peer in ((ALPHA, BETA), (BETA, ALPHA)):
            own, shown = self.place.out / member / f"with-{peer}", member == ALPHA
            of = ("--identifiers", self.place.out / member / SUSPENDED, "--to", self.url)
            how = (*of, *access(self.place, member), *self._home(member))
            done = self.told.ask("share", "overlap", "review", own, *how, shown=shown)
            if shown:
                self.told.say(f"which {done['size']} of its own items alpha has too, no other item")
                for warning in done["warnings"]:
                    self.told.say(f"warning: {warning}")
            approve(self.told, self.place, member, own / "opening", shown)
        self.told.say("the same at beta")

    def _open(self) -> None:
        self.told.step("open", "each learns which of its own the other has, with a proof")
        with self.told.beside(*self._opening(ALPHA, BETA)) as there:
            here = self.told.ask(*self._opening(BETA, ALPHA), shown=False)
        self.told.say("and beta the same meanwhile")
        common = in_common(self.place, ALPHA, BETA)
        for member, count in ((ALPHA, there.answer["size"]), (BETA, here["size"])):
            if matches_in(self.place.out / member / MATCHES) != common:
                raise Error(f"what {member} learned is not what the two have in common")
            self.outcome.matches[member] = count
        self.told.say(f"{len(common)} matches at each: what both have suspended, and no other")

    def _opening(self, member: str, peer: str) -> Words:
        own = self.place.out / member
        more: Words = ("--open", "--identifiers", own / SUSPENDED, "--out", own / MATCHES)
        return *self._running(member, peer), *more

    def _home(self, member: str) -> tuple[str, Path]:
        return "--home", self.place.out / member / HOME


def _name(pair: tuple[str, str]) -> str:
    return "-".join(pair)


def _size(size: int | None) -> str:
    return f"under {FLOOR}" if size is None else str(size)
