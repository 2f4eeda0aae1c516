"""Three members and an operator: a campaign from detection to a sighting back, as `countermark share demo`.

Every step is a command that a user would type, run by `Told`, which also shows it. What no command is for
stands here and in `share_demo_place`: the worlds, the certificate, who the members are, and a look into a
member's own identifiers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from countermark.capture.hashkeys import write_public_key
from countermark.errors import Error
from countermark.flow.local_matches import Match, address_of, matches_here
from countermark.flow.share_demo_outcome import Outcome, holding, look
from countermark.flow.share_demo_parties import Told, access, admit, approve
from countermark.flow.share_demo_place import (
    CERTIFICATE,
    CERTIFICATE_KEY,
    EXCHANGE,
    HOME,
    RECEIVED,
    Place,
    write_certificates,
)
from countermark.flow.share_demo_servers import serving
from countermark.share.policy.release import OBJECTS, REVIEW
from countermark.world.members import ALPHA, BETA, GAMMA, IDENTIFIERS, LOGS, write_providers
from countermark.world.plan import WorldPlan

COLLECTION = "campaigns"
EVENTS, FINDINGS, RELEASE = "events", "findings", "findings.release"
SIGHTING, SIGHTED, WITHDRAWAL = "sighting.jsonl", "sighting.release", "withdrawal.release"
STATEMENT = "statement.txt"
_MOST_RULES = 3
_WEDNESDAY, _DAYS = 2, 2
_SAID = "The address is the gateway of our clinic; the accounts behind it are not ours.\n"


def demo_plan(now: datetime) -> WorldPlan:
    """Small enough for seconds, large enough for a network to be found: the last Wednesday and Thursday that
    are over, so that no weekend makes one run another than the next. Their indicators still hold.
    """
    today = now.astimezone(UTC).date()
    since = (today.weekday() - _WEDNESDAY) % 7
    first_day = today - timedelta(days=since if since >= _DAYS else since + 7)
    return WorldPlan(
        days=_DAYS, ordinary=1000, networks=(200,), pool=0, look_alikes=False, first_day=first_day
    )


@dataclass
class Demo:
    """One run."""

    place: Place
    told: Told
    plan: WorldPlan
    url: str = ""
    sighted: str = ""
    """The indicator that Beta saw."""
    dispute: dict[str, Any] = field(default_factory=dict)
    """What the exchange says of the dispute at the end."""
    compared: tuple[int, int] = (0, 0)
    """Addresses that Beta found here, of how many that it was told of."""

    def run(self) -> Outcome:
        """The whole. Whatever happens, the exchange is stopped.

        Raises `Error` where a step does not do as it should.
        """
        self.place.prepare()
        campaign = self._detect()
        write_certificates(self.place.out)
        self.told.step("exchange", "an operator, three members, two reviewers of each")
        with serving(self.place.out, self._serve()) as self.url:
            self._join()
            self._share(campaign)
            self.told.step("poll", "beta and gamma ask what is new")
            self._poll(BETA, GAMMA)
            self._sight_back()
            self._clear()
            outcome = look(self.place, self.dispute, self.compared)
        self.told.step("audit", "does the log verify, and is the database as it says?")
        outcome.audit = self.told.ask("share", "audit", "verify", "--data", self.place.out / EXCHANGE)
        return outcome

    def _detect(self) -> str:
        """Two providers have a network, and Alpha finds it; the id of the campaign."""
        self.told.step("generate", "three providers; one network harvests at two of them")
        providers = write_providers(self.place.out, self.plan, self.place.seed)
        # with a key drawn anew the same world hashes otherwise each time, and a network may be missed
        write_public_key(self.place.out / ALPHA / "hash-keys.json", f"share-demo-{self.place.seed}")
        self.told.say(f"{providers.requests:,} requests; raw identifiers stay with each member")
        self.told.step("detect", "which accounts of alpha act as one?")
        how = ("--accounts", self._at(ALPHA, "accounts.csv"), "--hash-key", self._at(ALPHA, "hash-keys.json"))
        logs, events = self._at(ALPHA, LOGS), self._at(ALPHA, EVENTS)
        self.told.run("capture", "logs", logs, "--format", "litellm", *how, "--out", events)
        found = self.told.ask("detect", events, "--out", self._at(ALPHA, FINDINGS))
        harvests = [one for one in found["campaigns"] if one["kind"] == "harvest"]
        if not harvests:
            raise Error("nothing was found in the world of this seed", hint="try another --seed")
        largest = max(harvests, key=lambda one: int(one["size"]))
        planted = len(providers.truths[ALPHA].harvest[0].accounts)
        self.told.say(f"a harvest of {largest['size']} accounts; {planted} were planted")
        return str(largest["campaign_id"])

    def _serve(self) -> list[str]:
        """Show the command that starts the exchange, and give it."""
        out = self.place.out
        tls = ("--tls-cert", out / CERTIFICATE, "--tls-key", out / CERTIFICATE_KEY)
        words = ("share", "serve", "--data", out / EXCHANGE, "--port", "0", *tls)
        self.told.show(*words, "&")
        return [str(one) for one in words]

    def _join(self) -> None:
        """The operator admits the members to a collection."""
        data = self.place.out / EXCHANGE
        self.told.run("share", "collection", "add", COLLECTION, "--data", data)
        then = "the same for counsel, and for beta and gamma"
        admit(self.told, self.place, data, lambda _: ("--collection", COLLECTION), then)

    def _share(self, campaign: str) -> None:
        """Alpha's review, two approvals, and the publication."""
        self.told.step("review", "what may leave, field by field, and by which rule?")
        identifiers = ("--identifiers", self._at(ALPHA, IDENTIFIERS), "--campaign", campaign)
        done = self.told.ask("share", "review", self._at(ALPHA, FINDINGS), *identifiers, *self._home(ALPHA))
        self._tell_review(self._at(ALPHA, RELEASE), done)
        self.told.step("approve", "two people in two roles, each with a key, and it leaves")
        self._release(ALPHA, RELEASE)

    def _tell_review(self, release: Path, done: dict[str, Any]) -> None:
        review = msgspec.json.decode((release / REVIEW).read_bytes())
        fields = [field["allowed"] for one in review["objects"] for field in one["fields"]]
        stay = done["objects"] - done["leaving"]
        self.told.say(f"{sum(fields):,} fields allowed, {len(fields) - sum(fields):,} refused")
        rules = sorted(done["refused"].items(), key=lambda rule: -rule[1])
        self.told.say("by " + ", ".join(f"{rule} {count:,}" for rule, count in rules[:_MOST_RULES]))
        self.told.say(f"{done['leaving']:,} objects leave, {stay:,} stay")
        for reason, count in done["identifiers_not_taken"].items():
            self.told.say(f"{count:,} identifiers not taken: {reason.partition(',')[0]}")

    def _release(self, member: str, folder: str, shown: bool = True) -> None:
        """Two people approve, and it is published."""
        release = self._at(member, folder)
        approve(self.told, self.place, member, release, shown)
        to = ("--to", self.url, *self._access(member))
        done = self.told.ask("share", "publish", release, *to, shown=shown)
        if done["accepted"] != done["objects"]:
            raise Error(f"the exchange did not take {len(done['failures'])} objects of {member}")
        self.told.say(f"{member} published {done['accepted']:,} objects")

    def _poll(self, *members: str, shown: bool = True) -> None:
        for member in members:
            how = ("--out", self._at(member, RECEIVED), *self._access(member))
            done = self.told.ask("share", "poll", self.url, *how, shown=shown and member == members[0])
            withdrawn = f", {done['revoked']} of them withdrawals" if done["revoked"] else ""
            self.told.say(f"{member} received {done['new']:,} objects{withdrawn}")
            if done["quarantined"]:
                raise Error(f"{done['quarantined']} objects do not validate at {member}")

    def _sight_back(self) -> None:
        """Beta looks into its own identifiers, and says of one indicator that it saw it too."""
        self.told.step("compare", "beta looks for the addresses among its own; it tells nobody")
        indicators = [one for one in holding(self._at(BETA, RECEIVED)) if address_of(one)]
        matches = matches_here(indicators, self._at(BETA, IDENTIFIERS))
        self.compared = (len(matches), len(indicators))
        nobody = matches_here(indicators, self._at(GAMMA, IDENTIFIERS))
        self.told.say(f"{len(matches)} of {len(indicators)} at beta, {len(nobody)} at gamma")
        if not matches:
            raise Error("the two networks of this seed share no address", hint="try another --seed")
        self.told.step("sighting", "beta says that it saw one of them, by the same way")
        self._sight(matches[0])
        release = ("--out", self._at(BETA, SIGHTED))
        self.told.run("share", "review", self._at(BETA, SIGHTING), *release, *self._home(BETA))
        self._release(BETA, SIGHTED, shown=False)
        self._poll(ALPHA, shown=False)

    def _sight(self, match: Match) -> None:
        self.sighted = match.indicator_id
        bucket = 10 ** (len(str(len(match.accounts))) - 1)
        days = ("--first-day", str(match.first_day), "--last-day", str(match.last_day))
        seen = (self.sighted, "--count-bucket", str(bucket), *days, "--out", self._at(BETA, SIGHTING))
        self.told.run("share", "sight", self._at(BETA, RECEIVED), *seen, *self._home(BETA))

    def _clear(self) -> None:
        """Somebody asks Alpha to be cleared: the indicator is withdrawn, and it shows who knows of that."""
        self.told.step("dispute", "a clinic asks alpha to clear its address")
        lines = (self._at(ALPHA, RELEASE) / OBJECTS).read_bytes().splitlines()
        objects = [msgspec.json.decode(line) for line in lines]
        ids = [one["id"] for one in objects if one["type"] == "indicator" and one["id"] != self.sighted]
        self._at(ALPHA, STATEMENT).write_text(_SAID, encoding="utf-8")
        at_exchange = ("--to", self.url, *self._access(ALPHA))
        said = ("--statement", self._at(ALPHA, STATEMENT))
        filed = self.told.ask("share", "dispute", "record", ids[0], *said, *at_exchange, *self._home(ALPHA))
        out = ("--out", self._at(ALPHA, WITHDRAWAL))
        self.told.run("share", "dispute", "revoke", ids[0], *out, *self._home(ALPHA))
        self._release(ALPHA, WITHDRAWAL, shown=False)
        self._poll(ALPHA, BETA, GAMMA, shown=False)
        self.dispute = self.told.ask("share", "dispute", "status", filed["dispute_id"], *at_exchange)
        readers, missing = len(self.dispute["readers"]), len(self.dispute["missing"])
        self.told.say(f"{readers} had read it; {readers - missing} have its withdrawal")

    def _at(self, member: str, name: str) -> Path:
        return self.place.out / member / name

    def _home(self, member: str) -> Sequence[str | Path]:
        return "--home", self._at(member, HOME)

    def _access(self, member: str) -> Sequence[str | Path]:
        return access(self.place, member)


def run_share_demo(place: Place, told: Told, *, now: datetime | None = None) -> Outcome:
    """Take the whole way; what every member has at the end."""
    return Demo(place, told, demo_plan(now or datetime.now(UTC))).run()
