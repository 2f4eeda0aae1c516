"""Members, their tokens and their keys.

A token is `cmx_`, 12 characters that name it, `_`, and 43 characters of base64url: 256 random bits, of which
the database has the SHA-256 alone. So many bits need no slow hash.

Every change writes its log entry in its own transaction (`outbox`), so that none can be without one.
"""

import hashlib
import hmac
import json
import re
import secrets
import uuid
from collections.abc import Collection as Many
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast, get_args

import sqlalchemy as sa

from countermark.errors import Error, ExitCode
from countermark.records.exchange import REVIEWERS, ROLES, Action, Caller, Member, Role
from countermark.store.exchange.database import Database, storable
from countermark.store.exchange.names import Fresh
from countermark.store.exchange.outbox import write_entry
from countermark.store.exchange.tables import member_keys, members, tokens
from countermark.store.exchange.times import now as clock
from countermark.trust.signing import PublicKey

MEMBER_ADDED, MEMBER_DISABLED, KEY_ADDED = "member-added", "member-disabled", "key-added"
REVIEWER_ATTACHED = "reviewer-attached"
TOKEN_ADDED, TOKEN_REVOKED = "token-added", "token-revoked"
ACTIONS: dict[Role, frozenset[Action]] = {
    "operator": frozenset({"read", "write", "review", "check"}),
    "member": frozenset({"read", "write", "check"}),
    "reviewer-security": frozenset({"review"}),
    "reviewer-counsel": frozenset({"review"}),
    "regulator": frozenset({"check"}),
    "fact-checker": frozenset({"check"}),
    "public": frozenset({"check"}),
}
_TOKEN = re.compile(r"cmx_([a-z2-7]{12})_([A-Za-z0-9_-]{43})", re.ASCII)
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_MOST_NAME = 200


class Members:
    """The members. Whatever is changed here counts at once in this process, in others within a second."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._fresh: Fresh[str, tuple[bytes, bool, int | None, Caller] | None] = Fresh()
        joined = sa.join(tokens, members, tokens.c.member_id == members.c.member_id)
        columns = (tokens.c.secret_sha256, tokens.c.actions, tokens.c.collections, tokens.c.expires)
        query = sa.select(*columns, tokens.c.revoked, *_MEMBER).select_from(joined)
        self._token = database.compile(query.where(tokens.c.token_id == sa.bindparam("token_id")))

    def add(
        self,
        name: str,
        role: Role,
        *,
        of: str | None = None,
        groups: Sequence[str] = (),
        member_id: str | None = None,
    ) -> Member:
        """A new member; `of` is the `member_id` that a reviewer reviews for, None for nobody yet (`attach`).

        Raises `Error` when the name or id exists, the role is none, or one who is no reviewer reviews.
        """
        if role not in ROLES:
            raise Error(f"there is no role of this name: one of {', '.join(ROLES)}", exit_code=ExitCode.USAGE)
        if not 0 < len(name) <= _MOST_NAME or not name.isprintable():
            raise Error("a member's name is 1 to 200 printable characters", exit_code=ExitCode.USAGE)
        if role not in REVIEWERS and of is not None:
            message = "only a reviewer names a member that it reviews for"
            raise Error(message, exit_code=ExitCode.USAGE)
        if of is not None and self.get(of) is None:
            raise Error("the member to review for is not there", exit_code=ExitCode.NO_INPUT)
        made = Member(
            member_id=member_id or f"identity--{uuid.uuid4()}",
            name=name,
            role=role,
            of=of,
            groups=tuple(groups),
        )
        row = {"member_id": made.member_id, "name": name, "role": role, "of": of, "disabled": False}
        with self._database.writing() as connection:
            taken = (members.c.name == name) | (members.c.member_id == made.member_id)
            if connection.execute(sa.select(members.c.number).where(taken)).first():
                raise Error("there is a member of this name already", hint="choose another name")
            connection.execute(sa.insert(members), row | {"groups": json.dumps(made.groups)})
            entry = {"member": made.member_id, "name": name, "role": role, "of": of}
            write_entry(connection, MEMBER_ADDED, entry | {"groups": list(made.groups)})
        return made

    def get(self, member_id: str) -> Member | None:
        """The member of this id."""
        return self._one(members.c.member_id == member_id) if storable(member_id) else None

    def by_name(self, name: str) -> Member | None:
        """The member of this name."""
        return self._one(members.c.name == name) if storable(name) else None

    def all(self) -> list[Member]:
        """All members, in the order in which they were added."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(*_MEMBER).order_by(members.c.number)).all()
        return [_member(tuple(row)) for row in rows]

    def attach(self, member_id: str, of: str) -> None:
        """Let a reviewer of nobody review for the member `of`, from now on and for good.

        Raises `Error` where one of them is not there or not of its role, or the reviewer reviews already.
        """
        reviewed = self.get(of)
        if reviewed is None or reviewed.role != "member":
            raise Error("the member to review for is not there", exit_code=ExitCode.NO_INPUT)
        loose = (members.c.member_id == member_id) & members.c.of.is_(None) & members.c.role.in_(REVIEWERS)
        change = sa.update(members).where(loose).values(of=of)
        missing = "there is no such reviewer, or it reviews for a member already"
        self._change(change, missing, REVIEWER_ATTACHED, {"member": member_id, "of": of})

    def disable(self, member_id: str) -> None:
        """Let none of the member's tokens work any more. It stays: objects and log entries name it."""
        change = sa.update(members).where(members.c.member_id == member_id).values(disabled=True)
        self._change(change, "there is no such member", MEMBER_DISABLED, {"member": member_id})

    def add_token(
        self,
        member_id: str,
        actions: Many[Action],
        *,
        collections: Sequence[str] | None = None,
        expires: datetime | None = None,
    ) -> tuple[str, str]:
        """A new token of a member: its public name, and its text, which is shown this once.

        Raises `Error` for an action that the member's role does not have.
        """
        member = self.get(member_id)
        if member is None:
            raise Error("there is no such member", exit_code=ExitCode.NO_INPUT)
        wanted = set(actions)
        if not wanted <= set(get_args(Action)) or not wanted <= ACTIONS[member.role]:
            raise Error(f"a {member.role} may not do all of that", exit_code=ExitCode.USAGE)
        token_id = "".join(secrets.choice(_LETTERS) for _ in range(12))
        secret = secrets.token_urlsafe(32)
        row = {"token_id": token_id, "member_id": member_id, "revoked": False, "created": clock()}
        row |= {
            "secret_sha256": hashlib.sha256(secret.encode()).digest(),
            "actions": json.dumps(sorted(wanted)),
        }
        row["collections"] = None if collections is None else json.dumps(list(collections))
        row["expires"] = None if expires is None else _microseconds(expires)
        entry: dict[str, Any] = {"member": member_id, "token": token_id, "actions": sorted(wanted)}
        entry["collections"] = None if collections is None else list(collections)
        with self._database.writing() as connection:
            connection.execute(sa.insert(tokens), row)
            write_entry(connection, TOKEN_ADDED, entry | {"expires": row["expires"]})
        return token_id, f"cmx_{token_id}_{secret}"

    def authenticate(self, token: str, now: datetime) -> Caller | None:
        """Whose token this is; None where it is unknown, revoked or expired, or its member disabled."""
        match = _TOKEN.fullmatch(token)
        if match is None:
            return None
        token_id, secret = match.groups()
        digest = hashlib.sha256(secret.encode()).digest()
        known = self._fresh.get(token_id, lambda: self._known(token_id))
        if known is None:
            return None
        expected, revoked, expires, caller = known
        if not hmac.compare_digest(digest, expected) or revoked:
            return None
        if caller.member.disabled or (expires is not None and _microseconds(now) >= expires):
            return None
        return caller

    def is_at_hand(self, token: str) -> bool:
        """Whether `authenticate` would answer without asking the database."""
        match = _TOKEN.fullmatch(token)
        return match is None or self._fresh.has(match[1])

    def _known(self, token_id: str) -> tuple[bytes, bool, int | None, Caller] | None:
        """Digest of a token's secret, whether it is revoked, when it ends, and whose it is."""
        rows = self._database.rows(self._token, {"token_id": token_id})
        if not rows:
            return None
        expected, actions, collections, expires, revoked, *rest = rows[0]
        member = _member(tuple(rest))
        caller = Caller(
            member=member,
            token_id=token_id,
            actions=frozenset(cast("list[Action]", json.loads(actions))) & ACTIONS[member.role],
            collections=None if collections is None else frozenset(json.loads(collections)),
        )
        return expected, revoked, expires, caller

    def caller_of(self, member_id: str, token_id: str) -> Caller | None:
        """A caller that was recognised by a certificate or OIDC, with all that its role may do."""
        member = self.get(member_id)
        if member is None or member.disabled:
            return None
        return Caller(member=member, token_id=token_id, actions=ACTIONS[member.role])

    def revoke_token(self, token_id: str) -> None:
        """Let the token work no more; raises `Error` where there is none of this name."""
        change = sa.update(tokens).where(tokens.c.token_id == token_id).values(revoked=True)
        self._change(change, "there is no such token", TOKEN_REVOKED, {"token": token_id})

    def tokens(self, member_id: str) -> list[dict[str, Any]]:
        """The member's tokens: `token_id`, `actions`, `collections`, `created`, `expires`, `revoked`."""
        names = ("token_id", "actions", "collections", "created", "expires", "revoked")
        query = sa.select(*(tokens.c[name] for name in names)).where(tokens.c.member_id == member_id)
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(tokens.c.created, tokens.c.token_id)).mappings().all()
        return [
            dict(row)
            | {"actions": json.loads(row["actions"])}
            | {"collections": None if row["collections"] is None else json.loads(row["collections"])}
            for row in rows
        ]

    def add_key(self, member_id: str, public_base64: str) -> PublicKey:
        """Register an Ed25519 key by which the member, or reviewer, signs; the same again changes nothing."""
        key = PublicKey.parse(public_base64)
        if self.get(member_id) is None:
            raise Error("there is no such member", exit_code=ExitCode.NO_INPUT)
        if key not in self.keys(member_id):
            with self._database.writing() as connection:
                connection.execute(
                    sa.insert(member_keys), {"member_id": member_id, "public_key": key.to_base64()}
                )
                write_entry(connection, KEY_ADDED, {"member": member_id, "keyid": key.keyid})
        return key

    def keys(self, member_id: str) -> list[PublicKey]:
        """The member's registered keys."""
        query = sa.select(member_keys.c.public_key).where(member_keys.c.member_id == member_id)
        with self._database.reading() as connection:
            found = connection.execute(query.order_by(member_keys.c.public_key)).scalars().all()
        return [PublicKey.parse(text) for text in found]

    def _one(self, condition: sa.ColumnElement[bool]) -> Member | None:
        with self._database.reading() as connection:
            row = connection.execute(sa.select(*_MEMBER).where(condition)).one_or_none()
        return None if row is None else _member(tuple(row))

    def _change(self, change: sa.Update, missing: str, kind: str, entry: dict[str, Any]) -> None:
        with self._database.writing() as connection:
            changed = connection.execute(change).rowcount
            if changed:
                write_entry(connection, kind, entry)
        self._fresh.clear()
        if not changed:
            raise Error(missing, exit_code=ExitCode.NO_INPUT)


_MEMBER = tuple(members.c[name] for name in ("member_id", "name", "role", "of", "groups", "disabled"))


def _member(row: tuple[Any, ...]) -> Member:
    member_id, name, role, of, groups, disabled = row
    return Member(
        member_id=member_id,
        name=name,
        role=role,
        of=of,
        groups=tuple(json.loads(groups)),
        disabled=bool(disabled),
    )


def _microseconds(when: datetime) -> int:
    if when.tzinfo is None:
        raise Error("a time needs a time zone")
    return int(when.timestamp() * 1_000_000)
