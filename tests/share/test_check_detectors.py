"""Detectors on real text: read and checked at the start, and a mark comes back as its owner's and nobody
else's."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from check_samples import (
    NAMES,
    Party,
    hexes,
    key_of,
    make_parties,
    make_party,
    marked_text,
    opened,
    own_profile,
    register_of,
    write_tokenizer,
)

from countermark.errors import Error
from countermark.share.check.correction import Correction, correct
from countermark.share.check.detectors import MOST_IDS, Detectors
from countermark.share.check.messages import MOST_TEXT
from countermark.share.check.openings import raw_commitment
from countermark.share.check.register import registered_family
from countermark.trust.keyfiles import Secret, write_secret
from countermark.watermark.key_names import name_of_key
from countermark.watermark.profile import Tokenizer, write_profile
from countermark.watermark.scoring import score
from countermark.watermark.tokens import tokenizer_digest


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Party]:
    return make_parties(tmp_path_factory.mktemp("parties"))


def checked(parties: dict[str, Party], text: str, asked: tuple[str, ...] = NAMES) -> Correction:
    """The joint check of a text, by way of signed verdicts."""
    register = register_of(*parties.values())
    verdicts = [
        opened(one, one.verdict(text), register, text) for one in parties.values() if one.name in asked
    ]
    family = registered_family(register, NAMES)
    return correct([pool for one in verdicts for pool in one.pools], family, ordinal=1, alpha=0.01)


@pytest.mark.parametrize("owner", NAMES)
@pytest.mark.parametrize("number", [0, 2])
def test_a_mark_comes_back_as_its_owners_and_nobody_elses(
    owner: str, number: int, parties: dict[str, Party]
) -> None:
    found = checked(parties, marked_text(owner, number=number, seed=number))
    assert (found.word, found.marks) == ("marked", [owner])
    assert [row.key for row in found.rows if row.passes] == [
        name_of_key(Secret(key_of(owner, number).encode()))
    ]
    assert max(row.log10_p for row in found.rows if row.passes) < -20
    assert min(row.log10_p for row in found.rows if not row.passes) > -4
    assert found.hypotheses == 9


def test_a_text_of_nobody_is_not_shown(parties: dict[str, Party]) -> None:
    assert checked(parties, marked_text(None)).word == "not shown"


def test_a_missing_member_leaves_the_marks_of_others(parties: dict[str, Party]) -> None:
    found = checked(parties, marked_text("beta"), asked=("alpha", "beta"))
    assert (found.marks, found.hypotheses, len(found.rows)) == (["beta"], 9, 6)
    assert checked(parties, marked_text("beta"), asked=("alpha",)).word == "not shown"


def test_two_marks_in_one_text_are_both_found(parties: dict[str, Party]) -> None:
    text = marked_text("alpha", tokens=600) + " " + marked_text("gamma", tokens=600)
    assert checked(parties, text).marks == ["alpha", "gamma"]


def test_a_short_text_says_nothing_and_gives_no_figure(parties: dict[str, Party]) -> None:
    text = marked_text("beta", tokens=150)
    found = checked(parties, text)
    assert (found.word, found.marks) == ("too short", [])
    rows = parties["beta"].detectors.answer(text)[0].keys
    assert {row.log10_p for row in rows} == {0.0}
    assert rows[0].scored_tokens == 146


def test_figures_are_those_of_watermark_score(parties: dict[str, Party]) -> None:
    text = marked_text("beta")
    ids = [int(one[1:]) for one in text.split()]
    profile = own_profile("x" * 64, "beta")
    for row, number in zip(parties["beta"].detectors.answer(text)[0].keys, range(3), strict=True):
        expected = score(profile, key_of("beta", number), ids)
        assert expected.log10_p <= row.log10_p < expected.log10_p + 0.0101
        assert row.scored_tokens == expected.evidence.scored


def test_account_names_stay_here(parties: dict[str, Party]) -> None:
    beta = parties["beta"]
    pool = beta.pools[0]
    assert "account" not in msgspec.json.encode(beta.registration).decode()
    assert b"account" not in beta.verdict(marked_text("beta"))
    assert beta.detectors.local_name(pool.commitment, pool.keys[1]) == "beta's account 1"
    assert beta.detectors.local_name(pool.commitment, "x") is None
    assert pool.keys == [name_of_key(Secret(key_of("beta", number).encode())) for number in range(3)]


def test_threads_get_the_same_answers(parties: dict[str, Party]) -> None:
    detectors = parties["beta"].detectors
    texts = [marked_text(name, seed=seed) for name in (*NAMES, None) for seed in range(3)]
    alone = [detectors.answer(text) for text in texts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(detectors.answer, texts * 5)) == alone * 5


class Counting:
    """A tokenizer that counts."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.calls = inner, 0

    def encode(self, text: str, **how: Any) -> Any:
        self.calls += 1
        return self.inner.encode(text, **how)


def test_a_tokenizer_reads_a_text_once(tmp_path: Path) -> None:
    party = make_party(tmp_path, "beta")
    digest = write_tokenizer(party.folder / "tokenizer.json")
    write_profile(party.folder / "second.json", own_profile(digest, "beta", epoch="2027-Q1"))
    second = msgspec.structs.replace(party.settings[0], profile="second.json", commitment=hexes("second"))
    both = Detectors.open([*party.settings, second], party.folder)
    counting = Counting(both._tokenizers[digest])
    both._tokenizers[digest] = counting
    answers = both.answer(marked_text("beta"))
    assert (len(answers), counting.calls) == (2, 1)
    assert answers[0].keys == answers[1].keys


def test_views_by_owner_and_status(tmp_path: Path) -> None:
    party = make_party(tmp_path, "beta")
    digest = write_tokenizer(party.folder / "tokenizer.json")
    write_profile(party.folder / "second.json", own_profile(digest, "gamma"))
    second = msgspec.structs.replace(
        party.settings[0], profile="second.json", commitment=hexes("2"), owner="gamma", status="opened"
    )
    both = Detectors.open([*party.settings, second], party.folder)
    assert [one.member for one in both.registered()] == ["beta", "gamma"]
    assert [one.member for one in both.of(owner="gamma").registered()] == ["gamma"]
    assert [one.member for one in both.of(statuses=["own"]).registered()] == ["beta"]
    assert len(both.of(owner="alpha")) == 0
    assert both.of(owner="alpha").answer("a text") == []


def test_texts_that_cannot_be_read_are_not_quoted(parties: dict[str, Party]) -> None:
    for text in ("secret " * MOST_TEXT, "secret \ud800"):
        with pytest.raises(Error) as caught:
            parties["beta"].detectors.answer(text)
        assert "secret" not in repr(caught.value)
        assert caught.value.__context__ is None


def profile_of(party: Party, **changes: Any) -> None:
    """Another profile in the party's file."""
    digest = tokenizer_digest(party.folder / "tokenizer.json")
    write_profile(party.folder / "profile.json", own_profile(digest, "beta", **changes))


def keys_of(party: Party, *entries: dict[str, str]) -> None:
    """Another key pool in the party's file."""
    (party.folder / "keys.jsonl").write_text("\n".join(map(json.dumps, entries)))


def append_to(path: Path) -> None:
    """Another file by a byte."""
    path.write_text(path.read_text() + "\n")


SPOILED: dict[str, Callable[[Party], Any]] = {
    "readable by others": lambda party: (party.folder / "keys.jsonl").chmod(0o644),
    "another tokenizer": lambda party: append_to(party.folder / "tokenizer.json"),
    "ids beyond the vocabulary": lambda party: profile_of(
        party, tokenizer=Tokenizer("w", tokenizer_digest(party.folder / "tokenizer.json"), 511)
    ),
    "no digest": lambda party: profile_of(party, tokenizer=Tokenizer("w")),
    "no profile": lambda party: (party.folder / "profile.json").write_text("{}"),
    "a key that is none": lambda party: keys_of(party, {"account": "a", "key": "dead beef"}),
    "a key twice": lambda party: keys_of(party, *({"account": name, "key": key_of("b")} for name in "ab")),
    "another nonce": lambda party: write_secret(party.folder / "nonce", b"00" * 32),
    "another key than the profile names": lambda party: (
        profile_of(party, key_id="0123456789abcdef"),
        write_secret(party.folder / "one.key", key_of("beta").encode()),
    ),
}
SETTINGS: dict[str, dict[str, str | None]] = {
    "two key files": {"key_file": "keys.jsonl"},
    "no key file": {"key_pool": None},
    "another nonce": {"nonce_file": "nonce"},
    "another key than the profile names": {"key_pool": None, "key_file": "one.key"},
}


BROKEN = {
    "readable by others": "can be read by others",
    "another tokenizer": "is not the profile's tokenizer",
    "ids beyond the vocabulary": "outside the profile's vocabulary of 511",
    "no digest": "does not say which tokenizer",
    "no profile": "no watermark profile",
    "a key that is none": "does not hold 32 hex digits",
    "a key twice": "twice",
    "two key files": "either a key_file or a key_pool",
    "no key file": "either a key_file or a key_pool",
    "the same twice": "two detectors have the same commitment",
    "another nonce": "are not what the commitment is to",
    "another key than the profile names": "another key than 0123456789abcdef",
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_said_at_the_start(name: str, tmp_path: Path) -> None:
    party = make_party(tmp_path, "beta")
    SPOILED.get(name, lambda party: None)(party)
    one = msgspec.structs.replace(party.settings[0], **SETTINGS.get(name, {}))
    settings = [one, one] if name == "the same twice" else [one]
    with pytest.raises(Error, match=BROKEN[name]) as caught:
        Detectors.open(settings, party.folder)
    assert not any(key_of("beta", number) in caught.value.message + caught.value.hint for number in range(3))
    assert "dead" not in caught.value.message + caught.value.hint


def test_a_raw_key_files_commitment_is_checked(tmp_path: Path) -> None:
    party = make_party(tmp_path, "beta")
    write_secret(party.folder / "nonce", b"ab" * 32 + b"\n")
    content = Secret((party.folder / "keys.jsonl").read_bytes())
    commitment = raw_commitment(Secret(b"ab" * 32), content)
    settings = msgspec.structs.replace(party.settings[0], nonce_file="nonce", commitment=commitment)
    assert Detectors.open([settings], party.folder).registered()[0].pool.commitment == commitment


def test_a_scheme_that_gives_its_key_away_answers_only_when_it_is_open(tmp_path: Path) -> None:
    party = make_party(tmp_path, "beta")
    digest = tokenizer_digest(party.folder / "tokenizer.json")
    profile = own_profile(
        digest,
        "beta",
        scheme="sglang-gumbel",
        engine=own_profile("x" * 64, "b").engine,
    )
    write_profile(party.folder / "profile.json", profile)
    for status in ("own", "escrowed"):
        settings = msgspec.structs.replace(party.settings[0], status=status)
        with pytest.raises(Error, match="gives its key to whoever has the text"):
            Detectors.open([settings], party.folder)


def test_a_tokenizer_that_would_cut_or_pad_does_neither(tmp_path: Path) -> None:
    party = make_party(tmp_path, "beta")
    content = json.loads((party.folder / "tokenizer.json").read_text())
    content["truncation"] = {"direction": "Right", "max_length": 10, "strategy": "LongestFirst", "stride": 0}
    (party.folder / "tokenizer.json").write_text(json.dumps(content))
    digest = tokenizer_digest(party.folder / "tokenizer.json")
    write_profile(party.folder / "profile.json", own_profile(digest, "beta"))
    answers = Detectors.open(party.settings, party.folder).answer(marked_text("beta"))
    assert answers[0].keys[0].scored_tokens == 396


def test_a_tokenizer_that_draws_lots_does_not(tmp_path: Path) -> None:
    from tokenizers import Tokenizer as Library
    from tokenizers.models import BPE

    party = make_party(tmp_path, "beta", keys=1)
    letters = {letter: at for at, letter in enumerate("abcdefgh")}
    vocabulary = letters | {a + b: 8 + at for at, (a, b) in enumerate(product("abcdefgh", repeat=2))}
    merges = list(product("abcdefgh", repeat=2))
    library = Library(BPE(vocabulary, merges, dropout=0.5))
    (party.folder / "tokenizer.json").write_text(library.to_str())
    profile_of(party)
    detectors = Detectors.open(party.settings, party.folder)
    text = "".join(np.random.default_rng(1).choice(list("abcdefgh"), 3000))
    assert len({len(library.encode(text).ids) for _ in range(5)}) > 1
    assert len({detectors.answer(text)[0].keys[0].scored_tokens for _ in range(5)}) == 1


class Much:
    """A tokenizer that makes very much of little: ids that do not repeat soon."""

    def encode(self, text: str, **how: Any) -> Any:
        ids = np.random.default_rng(1).integers(0, 512, MOST_IDS + 5000).tolist()
        return type("Encoding", (), {"ids": ids})


def test_a_text_of_very_many_tokens_is_scored_from_its_beginning(tmp_path: Path) -> None:
    detectors = make_party(tmp_path, "beta", keys=1).detectors
    (digest,) = detectors._tokenizers
    detectors._tokenizers[digest] = Much()
    assert detectors.answer("x")[0].keys[0].scored_tokens == MOST_IDS - 4
