"""Three members and an operator, each a node of its own, run private overlap and joint check together.

`countermark share demo --together`. Every step is a command that a user would type, run by `Told`. What no
command is for stands in `together_demo_place`; the two protocols are `together_demo_overlap` and `_checks`.
"""

from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from countermark.flow.share_demo_parties import Told, Words, access, admit
from countermark.flow.share_demo_place import (
    AUTHORITY,
    CERTIFICATE,
    CERTIFICATE_KEY,
    MEMBERS,
    OPERATOR,
    PROOFS,
    TOKENIZER,
    Place,
    write_certificates,
)
from countermark.flow.share_demo_servers import Server, starting
from countermark.flow.together_demo_checks import JointChecks
from countermark.flow.together_demo_outcome import Proven, Together
from countermark.flow.together_demo_overlap import PrivateOverlap
from countermark.flow.together_demo_place import (
    CHAT_KEY,
    EPOCH,
    HUB,
    NODE,
    PEERS,
    PROFILE,
    VLLM,
    together_plan,
    write_member_settings,
    write_operator_settings,
    write_texts,
    write_watermark_keys,
    write_world,
)
from countermark.share.server.folder import open_log
from countermark.world.members import ALPHA, BETA
from countermark.world.plan import WorldPlan
from countermark.world.vllm_text import MODEL, recorded

CONSENT = "watermark-consent"
REFUSED = ("watermark-refused", "watermark-verdict-refused", "overlap-refused")


@dataclass
class TogetherDemo:
    """One run."""

    place: Place
    told: Told
    plan: WorldPlan
    urls: dict[str, str] = field(default_factory=dict)
    """Of the nodes, by name."""
    outcome: Together = field(default_factory=Together)

    def run(self) -> Together:
        """The whole. Whatever happens, all nodes are stopped.

        Raises `Error` where a step does not do as it should.
        """
        self.place.prepare()
        self.told.step("generate", "three providers; one network harvests at two of them")
        write_world(self.place, self.plan)
        write_texts(self.place)
        self.told.say("each has suspended accounts, and may not say which")
        write_certificates(self.place.out)
        self._keys()
        with ExitStack() as nodes:
            self._members(nodes)
            self._operator(nodes)
            self._register()
            PrivateOverlap(self.place, self.told, self.urls[OPERATOR], self.outcome).run()
            JointChecks(self.place, self.told, self.urls, self.outcome).run()
        self._audit()
        self._prove()
        return self.outcome

    def _keys(self) -> None:
        """Signing keys, watermark keys, and the profiles that say how each marks."""
        self.told.step("keys", "each member: a key that signs, keys that mark, a profile")
        write_watermark_keys(self.place)
        for member in MEMBERS:
            shown = member == ALPHA
            self.told.run("case", "keygen", "--out", self._at(member, "member.key"), shown=shown)
        for member in MEMBERS:
            self.told.run("watermark", "profile", *self._profile(member), shown=member == BETA)
            write_member_settings(self.place, member)
        self.told.say(
            f"beta marks with vLLM {recorded().version} and the key that the recorded text below was marked "
            "with, alpha and gamma with our own scheme and 100 keys each: all test keys"
        )

    def _profile(self, member: str) -> Words:
        node = self._at(member, NODE)
        tokenizer = ("--tokenizer", self.place.out / TOKENIZER, "--tokenizer-name", MODEL)
        common = (*tokenizer, "--epoch", EPOCH, "--model", f"{member}-1", "--out", node / PROFILE)
        if member == BETA:
            engine = (node / VLLM, "--from-engine", "vllm", "--engine-version", recorded().version)
            return *engine, "--key-file", node / CHAT_KEY, *common
        return "--key-id", f"{member}-pool", *common

    def _members(self, nodes: ExitStack) -> None:
        """Each member's node, which the operator's may ask."""
        self.told.step("nodes", "each member answers for its own keys, in its own process")
        started = {member: self._start(nodes, member, self._at(member, NODE)) for member in MEMBERS}
        for member, server in started.items():
            self.urls[member] = server.url()
            how: Words = ("--role", "member", "--data", self._at(member, NODE))
            token = self.place.out / OPERATOR / PEERS / f"{member}.token"
            self.told.run("share", "member", "add", HUB, *how, into=token, shown=member == ALPHA)
        self.told.say("the same at beta and gamma")

    def _operator(self, nodes: ExitStack) -> None:
        """The operator's node, and who takes part."""
        self.told.step("exchange", "the operator's node knows all members, and no key that marks")
        write_operator_settings(self.place, self.urls)
        data = self.place.out / OPERATOR
        self.urls[OPERATOR] = self._start(nodes, OPERATOR, data).url()

        def key(member: str) -> Words:
            return "--key", self._at(member, "member.key.pub")

        admit(self.told, self.place, data, key, "the same for counsel, and for beta and gamma")
        how = ("--role", "regulator", "--data", data)
        self.told.run("share", "member", "add", "authority", *how, into=self.place.out / AUTHORITY)

    def _start(self, nodes: ExitStack, name: str, data: Path) -> Server:
        out = self.place.out
        tls = ("--tls-cert", out / CERTIFICATE, "--tls-key", out / CERTIFICATE_KEY)
        words: Words = ("share", "serve", "--data", data, "--port", "0", *tls)
        if name in (ALPHA, OPERATOR):
            self.told.show(*words, "&")
        server = nodes.enter_context(starting(out / f"{name}.log", [str(one) for one in words]))
        nodes.callback(server.end)
        return server

    def _register(self) -> None:
        """Names of keys, at the operator's node."""
        self.told.step("register", "names of keys, before anybody asks; keys stay at home")
        for member in MEMBERS:
            who = ("--member", member, "--key", self._at(member, "member.key"))
            to = ("--data", self._at(member, NODE), "--to", self.urls[OPERATOR], *access(self.place, member))
            done = self.told.ask("share", "keys", "register", *who, *to, shown=member == ALPHA)
            self.told.say(f"{member}: {done['keys']} key{'s' if done['keys'] > 1 else ''}")

    def _audit(self) -> None:
        """All four logs."""
        self.told.step("audit", "do the four logs verify, and are the databases as they say?")
        for name in (OPERATOR, *MEMBERS):
            data = self._data(name)
            found = self.told.ask("share", "audit", "verify", "--data", data, shown=name == OPERATOR)
            self.outcome.logs[name] = {one: found[one] for one in ("verified", "size", "root")}
        sizes = ", ".join(f"{name} {one['size']}" for name, one in self.outcome.logs.items())
        self.told.say(f"entries: {sizes}")

    def _prove(self) -> None:
        """Every consent and every refusal."""
        self.told.step("prove", "every consent and every refusal is an entry with a proof")
        data, shown = self.place.out / OPERATOR, set[str]()
        log = open_log(data, writing=False)
        for entry in [one for one in log.entries() if one.kind in (CONSENT, *REFUSED)]:
            first = entry.kind not in shown
            shown.add(entry.kind)
            proof = self.place.out / PROOFS / f"{entry.kind}-{entry.index}.tlog-proof"
            of = ("--entry", str(entry.index), "--proof", proof, "--data", data)
            self.told.run("share", "audit", "verify", *of, shown=first and entry.kind == CONSENT)
            key = ("--log-key", data / "log.key.pub")
            found = self.told.ask("share", "audit", "check", proof, *key, shown=first)
            holds = found["verified"] and (found["index"], found["kind"]) == (entry.index, entry.kind)
            self.outcome.proofs.append(Proven(entry.index, entry.kind, str(proof), holds))
        consents = sum(one.kind == CONSENT for one in self.outcome.proofs)
        self.told.say(f"{consents} consents, {len(self.outcome.proofs) - consents} refusals")

    def _data(self, name: str) -> Path:
        return self.place.out / OPERATOR if name == OPERATOR else self._at(name, NODE)

    def _at(self, member: str, name: str) -> Path:
        return self.place.out / member / name


def run_together_demo(place: Place, told: Told, *, now: datetime | None = None) -> Together:
    """Take the whole way; what came of it."""
    return TogetherDemo(place, told, together_plan(now or datetime.now(UTC))).run()
