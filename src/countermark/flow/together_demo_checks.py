"""The joint watermark check of `countermark share demo --together`: who asks, and what each is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from countermark.flow.share_demo_parties import Told, Words, access
from countermark.flow.share_demo_place import ANSWERS, AUTHORITY, CA, OPERATOR, PROOFS, TEXTS, Place
from countermark.flow.together_demo_outcome import Asked, Refusal, Together
from countermark.flow.together_demo_place import MARKED, NODE, PLAIN, PUBLIC_DAY, SHORT
from countermark.world.members import ALPHA, BETA
from countermark.world.vllm_text import recorded

MATTER, OTHER_MATTER = "case-17", "file-3"
PUBLIC, REGULATOR = "public", "authority"
LONG = ("rows", "salt", "verdicts")
"""Of an answer; they stand in `answers/` alone."""


@dataclass
class JointChecks:
    """At the nodes of the demo."""

    place: Place
    told: Told
    urls: Mapping[str, str]
    outcome: Together

    def run(self) -> None:
        """A member, a regulator and the public ask about the same texts."""
        self._member()
        self._without_consent()
        self._regulator()
        self._public()

    def _member(self) -> None:
        self.told.step("check", "whose mark is in a text? alpha consents that all may see it")
        self.told.say(f"{MARKED}: recorded text that vLLM {recorded().version} marked under beta's key")
        proof = ("--proof", self.place.out / PROOFS / "outcome.tlog-proof")
        matter = ("--matter", MATTER, "--consent")
        words: tuple[tuple[str, str, tuple[str, ...]], ...] = (
            (MARKED, "marked", (BETA,)),
            (PLAIN, "not shown", ()),
            (SHORT, "too short", ()),
        )
        for text, word, marks in words:
            first = text == MARKED
            more: Words = (*matter, *access(self.place, ALPHA), *(proof if first else ()))
            found = self._ask(ALPHA, text, more, word, marks, shown=first)
            self.told.say(f"{text}: {_said(found)}; check {found['ordinal']} of {MATTER}")
            if first:
                self._tell_figures(found)

    def _tell_figures(self, found: dict[str, Any]) -> None:
        rows = found["rows"]
        best = min(rows, key=lambda one: one["log10_adjusted"])
        others = min(one["log10_p"] for one in rows if one is not best)
        self.told.say(
            f"log10 p {best['log10_p']:.0f} under the key of {best['member']}; the least of the "
            f"{len(rows) - 1} other keys: {others:.1f}"
        )

    def _without_consent(self) -> None:
        """The text stays where it was given: Alpha's node asks its own keys, the operator's has none."""
        self.told.step("stay", "without consent a text stays with the node that was asked")
        how = ("--role", "member", "--data", self.place.out / ALPHA / NODE)
        token = self.place.out / ALPHA / "own.token"
        self.told.run("share", "member", "add", "desk", *how, into=token, shown=False)
        more: Words = ("--matter", MATTER, "--token-file", token, "--ca-file", self.place.out / CA)
        found = self._ask("desk", MARKED, more, "not shown", node=ALPHA)
        self.told.say(f"at alpha's own node: {found['word']}, of {found['hypotheses']} keys, all alpha's")
        more = ("--matter", MATTER, *access(self.place, ALPHA))
        self._refused("a check without consent where there are no keys", MARKED, more, "at the operator's")

    def _regulator(self) -> None:
        self.told.step("roles", "a regulator is told the word and whose, and no figure")
        token = ("--token-file", self.place.out / AUTHORITY, "--ca-file", self.place.out / CA)
        more: Words = ("--matter", OTHER_MATTER, "--consent", *token)
        found = self._ask(REGULATOR, MARKED, more, "marked", (BETA,))
        self.told.say(f"{_said(found)}; an answer has {', '.join(sorted(found))}")

    def _public(self) -> None:
        self.told.step("public", "anybody, without a token, is told one of three words")
        more: Words = ("--consent", "--ca-file", self.place.out / CA)
        for text, word in ((MARKED, "marked"), (PLAIN, "not shown"), (SHORT, "too short")):
            found = self._ask(PUBLIC, text, more, word, shown=text == MARKED)
            self.told.say(f"{text}: {found['word']}")
        fields = ", ".join(sorted(found))
        self.told.say(f"an answer has {fields}, and nothing else")
        about = f"a fourth time, {PUBLIC_DAY} being the quota"
        self._refused("the public's check over its quota", MARKED, more, about, shown=False)

    def _ask(
        self,
        by: str,
        text: str,
        more: Words,
        word: str,
        marks: tuple[str, ...] = (),
        *,
        node: str = OPERATOR,
        shown: bool = True,
    ) -> dict[str, Any]:
        """One check, its answer kept beside; what the caller is told."""
        out = ("--out", self.place.out / ANSWERS / f"{by}-{text}.json")
        words: Words = ("share", "check", self.place.out / TEXTS / text, "--to", self.urls[node], *more, *out)
        found: dict[str, Any] = self.told.ask(*words, shown=shown, unsure=True)
        told = {name: value for name, value in found.items() if name not in LONG}
        self.outcome.checks.append(Asked(by, text, "--consent" in more, told, word, marks))
        return found

    def _refused(self, what: str, text: str, more: Words, about: str, shown: bool = True) -> None:
        words: Words = ("share", "check", self.place.out / TEXTS / text, "--to", self.urls[OPERATOR], *more)
        refused = self.told.refused(*words, shown=shown)
        self.told.say(f"{about}: refused, {refused.message}")
        self.outcome.refusals.append(Refusal(what, refused.message))


def _said(found: Mapping[str, Any]) -> str:
    return " ".join([found["word"], *found.get("marks", ())])
