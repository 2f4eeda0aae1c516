"""Members, tokens, keys, collections and rights, on both databases."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from stores import COLLECTION, exchange

from countermark.errors import Error
from countermark.records.exchange import ROLES, Collection, Rights, Role
from countermark.store.exchange import ACTIONS, ExchangeStore
from countermark.trust.signing import SigningKey

NOW = datetime(2026, 7, 1, tzinfo=UTC)
OTHER = Collection(collection_id="00000000-0000-4000-8000-000000000001", api_root="second", title="Other")


def test_a_token_names_its_member_and_what_it_is_for(database_url: str) -> None:
    with exchange(database_url) as one:
        members = one.store.members
        ada = members.by_name("ada")
        assert ada is not None
        token_id, token = members.add_token(ada.member_id, ["read"], collections=[OTHER.collection_id])
        assert token.startswith(f"cmx_{token_id}_")
        assert len(token) == 4 + 12 + 1 + 43
        caller = members.authenticate(token, NOW)
        assert caller is not None
        assert (caller.member, caller.token_id, caller.actions) == (ada, token_id, {"read"})
        assert caller.collections == {OTHER.collection_id}
        (listed,) = members.tokens(ada.member_id)
        assert set(listed) == {"token_id", "actions", "collections", "created", "expires", "revoked"}
        assert (listed["token_id"], listed["actions"]) == (token_id, ["read"])


@pytest.mark.parametrize("change", ["secret", "id", "case", "short", "long", "empty", "other member's id"])
def test_no_other_text_is_a_token(sqlite_url: str, change: str) -> None:
    with exchange(sqlite_url) as one:
        members = one.store.members
        first, second = (members.by_name(name) for name in ("ada", "bob"))
        assert first is not None
        assert second is not None
        token_id, token = members.add_token(first.member_id, ["read"])
        other, _ = members.add_token(second.member_id, ["read"])
        wrong = {
            "secret": token[:-2] + ("AA" if token[-2:] != "AA" else "BB"),
            "id": token.replace(token_id, token_id[::-1] if token_id != token_id[::-1] else "a" * 12),
            "case": token.upper(),
            "short": token[:-1],
            "long": token + "\n",
            "empty": "",
            "other member's id": token.replace(token_id, other),
        }[change]
        assert members.authenticate(wrong, NOW) is None
        assert members.authenticate(token, NOW) is not None


def test_a_token_ends_by_time_revocation_and_with_its_member(database_url: str) -> None:
    with exchange(database_url) as one:
        members = one.store.members
        ada = members.by_name("ada")
        assert ada is not None
        _, dated = members.add_token(ada.member_id, ["read"], expires=NOW)
        revoked_id, revoked = members.add_token(ada.member_id, ["read"])
        _, other = members.add_token(ada.member_id, ["read"])
        assert members.authenticate(dated, NOW - timedelta(microseconds=1)) is not None
        assert members.authenticate(dated, NOW) is None
        assert members.authenticate(revoked, NOW) is not None
        members.revoke_token(revoked_id)
        assert members.authenticate(revoked, NOW) is None
        assert members.authenticate(other, NOW) is not None
        members.disable(ada.member_id)
        assert members.authenticate(other, NOW) is None
        assert members.caller_of(ada.member_id, "oidc") is None
        with pytest.raises(Error, match="no such token"):
            members.revoke_token("a" * 12)
        with pytest.raises(Error, match="no such member"):
            members.disable("identity--none")


def test_another_process_sees_a_revocation_within_a_second(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with exchange(database_url) as one, exchange(database_url) as other:
        ada = one.store.members.by_name("ada")
        assert ada is not None
        token_id, token = one.store.members.add_token(ada.member_id, ["read"])
        assert other.store.members.authenticate(token, NOW) is not None
        one.store.members.revoke_token(token_id)
        monkeypatch.setattr("countermark.store.exchange.names.FRESH_SECONDS", 0)  # as if it had passed
        assert other.store.members.authenticate(token, NOW) is None


def test_the_database_has_no_token(sqlite_url: str) -> None:
    with exchange(sqlite_url) as one:
        ada = one.store.members.by_name("ada")
        assert ada is not None
        _, token = one.store.members.add_token(ada.member_id, ["read", "write"])
        secret = token[17:]
        assert one.store.members.authenticate(token, NOW) is not None
        one.page()
        files = list(Path(sqlite_url.removeprefix("sqlite:///")).parent.glob("exchange.db*"))
        content = b"".join(path.read_bytes() for path in files)
        assert {path.stat().st_mode & 0o077 for path in files} == {0}
    assert hashlib.sha256(secret.encode()).digest() in content
    assert secret.encode() not in content


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_its_actions_and_no_token_more(sqlite_url: str, role: Role) -> None:
    with exchange(sqlite_url) as one:
        members = one.store.members
        ada = members.by_name("ada")
        assert ada is not None
        made = members.add("new", role, of=ada.member_id if role.startswith("reviewer") else None)
        assert members.get(made.member_id) == made
        caller = members.caller_of(made.member_id, "certificate")
        assert caller is not None
        assert caller.actions == ACTIONS[role]
        for action in ("read", "write", "review"):
            if action in ACTIONS[role]:
                members.add_token(made.member_id, [action])  # type: ignore[list-item]
            else:
                with pytest.raises(Error, match="may not do"):
                    members.add_token(made.member_id, [action])  # type: ignore[list-item]


def test_members_that_are_refused(database_url: str) -> None:
    with exchange(database_url) as one:
        members = one.store.members
        assert [member.name for member in members.all()] == ["ada", "bob", "op"]
        with pytest.raises(Error, match="already"):
            members.add("ada", "public")
        for role in ("member", "operator", "public"):
            with pytest.raises(Error, match="reviewer"):
                members.add("rae", role, of=members.all()[0].member_id)  # type: ignore[arg-type]
        with pytest.raises(Error, match="not there"):
            members.add("rae", "reviewer-counsel", of="identity--none")
        with pytest.raises(Error, match="no role"):
            members.add("rae", "root")  # type: ignore[arg-type]
        with pytest.raises(Error, match="printable"):
            members.add("a\nb", "member")


def test_a_reviewer_of_nobody_is_attached_once(database_url: str) -> None:
    with exchange(database_url) as one:
        members = one.store.members
        ada, bob, op = members.all()
        rae = members.add("rae", "reviewer-counsel")
        assert rae.of is None
        token = members.add_token(rae.member_id, ["review"])[1]
        caller = members.authenticate(token, datetime.now(UTC))
        assert caller is not None
        assert caller.member.of is None
        for reviewer, reviewed in ((rae, op), (rae, rae), (ada, bob), (op, bob)):
            with pytest.raises(Error, match=r"not there|no such reviewer"):
                members.attach(reviewer.member_id, reviewed.member_id)
        members.attach(rae.member_id, ada.member_id)
        caller = members.authenticate(token, datetime.now(UTC))
        assert caller is not None
        assert caller.member.of == ada.member_id
        with pytest.raises(Error, match="already"):
            members.attach(rae.member_id, bob.member_id)


def test_keys_of_reviewers(database_url: str) -> None:
    with exchange(database_url) as one:
        members = one.store.members
        ada = members.by_name("ada")
        assert ada is not None
        key = SigningKey.generate().public
        for _ in range(2):
            members.add_key(ada.member_id, key.to_base64())
        assert members.keys(ada.member_id) == [key]
        with pytest.raises(Error):
            members.add_key(ada.member_id, "AAAA")


def rights(store: ExchangeStore, name: str, **token: object) -> tuple[Rights, Rights]:
    member = store.members.by_name(name)
    assert member is not None
    actions = token.pop("actions", ACTIONS[member.role])
    _, text = store.members.add_token(member.member_id, actions, **token)  # type: ignore[arg-type]
    caller = store.members.authenticate(text, NOW)
    assert caller is not None
    return store.collections.rights(caller, COLLECTION), store.collections.rights(caller, OTHER)


def test_rights_are_grants_within_role_and_token(database_url: str) -> None:
    none, both = Rights(), Rights(True, True)
    with exchange(database_url) as one:
        store = one.store
        store.collections.add(OTHER)
        ada = store.members.by_name("ada")
        assert ada is not None
        store.members.add("cyd", "member", groups=["eu"])
        store.members.add("pub", "public", groups=["eu"])
        store.members.add("rev", "reviewer-counsel", of=ada.member_id, groups=["eu"])
        assert rights(store, "ada") == (none, none)
        store.collections.grant(COLLECTION.collection_id, member_id=ada.member_id, read=True, write=True)
        store.collections.grant(COLLECTION.collection_id, group="eu", read=True, write=False)
        store.collections.grant(OTHER.collection_id, group=ada.member_id, read=True, write=True)
        assert rights(store, "ada") == (both, none)  # a group of a member's name is another thing
        assert rights(store, "ada", actions=["read"]) == (Rights(True, False), none)
        assert rights(store, "ada", actions=["write"]) == (Rights(False, True), none)
        assert rights(store, "ada", collections=[OTHER.collection_id]) == (none, none)
        assert rights(store, "bob") == (none, none)
        assert rights(store, "cyd") == (Rights(True, False), none)
        assert rights(store, "pub") == rights(store, "rev") == (none, none)
        assert rights(store, "op") == (both, both)
        assert rights(store, "op", actions=["read"], collections=[OTHER.collection_id]) == (
            none,
            Rights(True, False),
        )
        store.collections.grant(COLLECTION.collection_id, member_id=ada.member_id, read=False, write=False)
        assert rights(store, "ada") == (none, none)


def test_collections_by_id_alias_and_root(database_url: str) -> None:
    with exchange(database_url) as one:
        collections = one.store.collections
        collections.add(OTHER)
        assert collections.get("exchange", COLLECTION.collection_id) == COLLECTION
        assert collections.get("exchange", "ind") == COLLECTION
        assert collections.get("second", COLLECTION.collection_id) is None
        assert collections.get("second", "ind") is None
        assert collections.all() == [COLLECTION, OTHER]
        assert collections.all("second") == [OTHER]
        assert collections.roots() == ["exchange", "second"]
        with pytest.raises(Error, match="already"):
            collections.add(OTHER)
        with pytest.raises(Error, match="UUID"):
            collections.add(Collection(collection_id="x", api_root="exchange", title="t"))
        with pytest.raises(Error, match="no such collection"):
            collections.grant("x", group="eu", read=True, write=True)
