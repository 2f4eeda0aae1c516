"""An alliance for joint checks: an operator's node and those of alpha and beta as processes with TLS, and a
gamma that the test plays itself, so that it can lie."""

import json
import secrets
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import msgspec
from certificates import write_certificate
from check_samples import Party, make_parties, make_party
from servers import Server, run

from countermark.share.check.messages import Keys, Question
from countermark.share.check.register import sign_registration
from countermark.share.check.verdicts import sign_verdict
from countermark.share.server.folder import opened
from countermark.store.exchange import ACTIONS
from countermark.trust.signing import SigningKey

WATERMARK = "/watermark"
HUB = "hub"
"""Name of the operator's node at the members'."""
HUB_KEY = SigningKey.generate()
"""Of the hub, which registers keys in tests alone: nobody asks it for answers."""
ROLES: dict[str, Any] = {
    **dict.fromkeys(("alpha", "beta", "gamma", HUB), "member"),
    "regulator": "regulator",
    "facts": "fact-checker",
    "crowd": "public",
    "other": "public",
    "security": "reviewer-security",
}


@dataclass
class Gamma:
    """A node that answers as the test says; by default as it should."""

    party: Party
    asked: list[Question] = field(default_factory=list)
    answer: Callable[[Question], tuple[int, bytes]] | None = None
    server: ThreadingHTTPServer | None = None

    def honest(self, question: Question) -> tuple[int, bytes]:
        """A verdict as it has to be."""
        return 200, self.verdict(question)

    def verdict(self, question: Question, **changes: Any) -> bytes:
        """The verdict with something else in it."""
        fields: dict[str, Any] = {
            "member": self.party.name,
            "request_id": question.request_id,
            "text_digest": question.text_digest,
            "pools": self.party.detectors.answer(question.text),
            "now": datetime.now(UTC),
        }
        key = changes.pop("key", self.party.signing)
        return sign_verdict(key, **(fields | changes))

    def start(self) -> str:
        """Listen; the URL."""
        gamma = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                question = msgspec.json.decode(body, type=Question)
                gamma.asked.append(question)
                status, answer = (gamma.answer or gamma.honest)(question)
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", answer.decode())
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        ThreadingHTTPServer.daemon_threads = True
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def stop(self) -> None:
        """Listen no more."""
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None


@dataclass
class Alliance:
    """What the tests hold in hand."""

    nodes: dict[str, Server]
    """`hub`, `alpha` and `beta`."""
    parties: dict[str, Party]
    """alpha, beta and gamma, and delta, whose opened keys the hub holds."""
    gamma: Gamma
    certificate: Path

    @property
    def hub(self) -> Server:
        """The operator's node."""
        return self.nodes[HUB]

    def check(self, who: str | None, text: str, *, at: str = HUB, key: str = "", **fields: Any) -> Any:
        """One check; every role but the public names a matter, one of its own where none is given."""
        if "matter" not in fields and who not in ("crowd", "other", None):
            fields["matter"] = secrets.token_hex(8)
        headers = {"Idempotency-Key": key} if key else {}
        body = msgspec.json.encode({"text": text} | fields)
        return self.nodes[at].ask(who, "POST", f"{WATERMARK}/check", content=body, headers=headers)

    def entries(self, at: str = HUB, kind: str = "watermark-") -> list[tuple[int, str, dict[str, Any]]]:
        """Index, kind and payload of entries of a node's log."""
        lines = (self.nodes[at].data / "log" / "entries.jsonl").read_text().splitlines()
        found = [(index, json.loads(line)) for index, line in enumerate(lines)]
        return [(index, one["kind"], one["payload"]) for index, one in found if one["kind"].startswith(kind)]


@contextmanager
def alliance(
    tmp: Path,
    *,
    operator_url: str | None = None,
    check: str = "",
    names: Sequence[str] = ("alpha", "beta"),
    keys: int = 3,
    escrowed: Sequence[str] = (),
) -> Iterator[Alliance]:
    """All of it, stopped afterwards; `check` is more of the hub's `[check]`, `names` those of processes,
    `escrowed` of whose keys the hub holds a copy."""
    (tmp / "parties").mkdir()
    parties = make_parties(tmp / "parties", keys=keys)
    parties["delta"] = make_party(tmp / "parties", "delta", keys=2)
    certificate, key = write_certificate(tmp)
    gamma = Gamma(parties["gamma"])
    gamma.party.detectors.answer("w001 " * 50)  # compiled before anybody waits
    urls = {name: f"https://127.0.0.1:{_free_port()}" for name in (HUB, *names)}
    if "gamma" not in names:
        urls["gamma"] = gamma.start()
    members = tuple(dict.fromkeys((*names, "gamma")))
    folders = {name: tmp / name for name in (HUB, *names)}
    tokens = {name: _found(tmp, name, parties, operator_url) for name in folders}
    for name, folder in folders.items():
        others = [one for one in members if one != name]
        (folder / "peers").mkdir()
        lines = [f"database = {json.dumps(operator_url)}"] if operator_url and name == HUB else []
        lines += _settings(name, parties, *((check, escrowed) if name == HUB else ()))
        for other in others:
            token = tokens[other][name] if other in tokens else "cmx_" + "a" * 60
            lines += _peer(folder, parties[other], urls[other], token, certificate)
        (folder / "exchange.toml").write_text("\n".join(lines))
        (folder / "exchange.toml").chmod(0o600)
    with ExitStack() as stack:
        stack.callback(gamma.stop)

        def start(name: str) -> Server:
            tls = (
                "--port",
                urls[name].rpartition(":")[2],
                "--tls-cert",
                str(certificate),
                "--tls-key",
                str(key),
            )
            node = run(folders[name], tls)
            stack.callback(node.stop)
            node.tokens = tokens[name]
            context = ssl.create_default_context(cafile=certificate)
            node.client = httpx2.Client(verify=context, trust_env=False, timeout=60)
            return node

        with ThreadPoolExecutor(len(folders)) as pool:
            nodes = dict(zip(folders, pool.map(start, folders), strict=True))
        made = Alliance(nodes, parties, gamma, certificate)
        for node in nodes.values():
            for name in members:
                register(node, name, parties[name])
        yield made


def register(node: Server, who: str, party: Party, **changes: Any) -> Any:
    """Register a member's keys at a node; the answer."""
    fields = {"member": party.name, "pools": party.pools, "created": datetime.now(UTC).replace(microsecond=0)}
    signing = changes.pop("key", party.signing)
    envelope = sign_registration(signing, Keys(**(fields | changes)))
    return node.ask(who, "POST", f"{WATERMARK}/keys", content=envelope)


def _found(tmp: Path, name: str, parties: dict[str, Party], operator_url: str | None) -> dict[str, str]:
    """A node's folder with members; their tokens by name."""
    tokens, folder = {}, tmp / name
    with opened(folder, operator_url if name == HUB else None, create=True) as made:
        members = made.store.members
        for name, role in ROLES.items():
            member = members.add(name, role)
            tokens[name] = members.add_token(member.member_id, ACTIONS[role])[1]
            if name in parties or name == HUB:
                signing = parties[name].signing if name in parties else HUB_KEY
                members.add_key(member.member_id, signing.public.to_base64())
        alpha = members.by_name("alpha")
        assert alpha is not None
        tokens["narrow"] = members.add_token(alpha.member_id, ["read", "write"])[1]
        tokens["checks"] = members.add_token(alpha.member_id, ["check"])[1]
        made.drain()
    tokens["operator"] = (folder / "operator.token").read_text().strip()
    return tokens


def _settings(
    name: str, parties: dict[str, Party], check: str = "", escrowed: Sequence[str] = ()
) -> list[str]:
    lines = ["[limits]", "caller_burst = 100000", "caller_rate = 10000", "address_burst = 100000"]
    lines += ["failure_burst = 100000", "[check]", check]
    if name in parties:
        parties[name].signing.save(parties[name].folder / "member.key")
        lines += [f"member = {json.dumps(name)}", f'key_file = "{parties[name].folder / "member.key"}"']
    held = {name: "own"} if name in parties else {"delta": "opened"} | dict.fromkeys(escrowed, "escrowed")
    for whose, status in held.items():
        lines += _detectors(parties[whose], status)
    return lines


def _detectors(owner: Party, status: str) -> list[str]:
    lines = []
    for one in owner.settings:
        lines += ["[[detectors]]", f'commitment = "{one.commitment}"', f"owner = {json.dumps(owner.name)}"]
        lines += [f'status = "{status}"']
        files = {"profile": one.profile, "key_pool": one.key_pool, "tokenizer": one.tokenizer}
        lines += [f'{what} = "{owner.folder / str(path)}"' for what, path in files.items()]
    return lines


def _peer(folder: Path, party: Party, url: str, token: str, certificate: Path) -> list[str]:
    place = folder / "peers"
    (place / f"{party.name}.token").touch(0o600)
    (place / f"{party.name}.token").write_text(token)
    (place / f"{party.name}.pub").write_text(party.signing.public.to_base64())
    lines = ["[[peers]]", f"name = {json.dumps(party.name)}", f'url = "{url}"']
    lines += [f'token_file = "peers/{party.name}.token"', f'public_key = "peers/{party.name}.pub"']
    return [*lines, f'ca_file = "{certificate}"']


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
