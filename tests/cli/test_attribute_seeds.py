"""In a case the seed of an attribution is shown to have been fixed before, as a user does it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import tiny_models as tiny
from attribute.identity_samples import line
from attribute.identity_samples import written as transcripts
from attribute.marked_worlds import KEY_A, VOCABULARY, language, own_key, texts
from beacons import written
from committed_secrets import CommittedSecret, committed_secret, own_chain
from countermark.records.canonical import file_sha256
from countermark.trust.committed_seeds import NOT_SHOWN, OF_INPUTS
from countermark.trust.keyfiles import read_secret
from countermark.trust.log import Log
from countermark.trust.seeds import seed_key_id
from running import Done, countermark
from watermark_samples import own_profile

LAWS = language(2, 0.3)
CONTROLS = "of the 20 negative controls"


def text_file(path: Path, seed: int, *, marked: bool = False) -> Path:
    found = texts(LAWS, 40, 41, seed, own_key() if marked else None)
    rows = [{"id": str(at), "token_ids": one.tolist()} for at, one in enumerate(found)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def asked(tmp_path: Path) -> dict[str, list[Path | str]]:
    """Options of each verb that draws at random."""
    key = tmp_path / "mark.key"
    key.write_text(KEY_A + "\n")
    key.chmod(0o600)
    profile = written(tmp_path / "profile.json", msgspec.to_builtins(own_profile(1, VOCABULARY)))
    text = text_file(tmp_path / "text.jsonl", 1, marked=True)
    keyed = ["--profile", profile, "--key-file", key, "--suspect", text, "--decoys", "19"]
    sides = [
        transcripts(
            tmp_path / f"side-{seed}.jsonl",
            [
                line(at, [at // 4 + 1], row)
                for at, row in enumerate(np.random.default_rng(seed).integers(0, 5, (24, 6)).tolist())
            ],
        )
        for seed in (1, 2)
    ]
    models = [tiny.write(tmp_path / f"model-{seed}", tiny.independent(seed)) for seed in (0, 1)]
    return {
        "text": keyed,
        "radioactivity": keyed,
        "identity": ["--reference", sides[0], "--suspect", sides[1], "--permutations", "199"],
        "lineage": ["--reference", models[0], "--suspect", models[1]],
    }


@pytest.fixture
def one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommittedSecret:
    return committed_secret(tmp_path / "seed", tmp_path / "book", own_chain(monkeypatch))


def run(out: Path, verb: str, *options: Path | str) -> tuple[int, dict[str, Any]]:
    done = countermark("attribute", verb, *options, "--out", out, "--json")
    assert done.out, done.err
    answer = json.loads(done.out)
    assert answer["parameters"] == json.loads((out / "attribution.json").read_text())["parameters"]
    return done.code, answer


VERBS = ["text", "radioactivity", "identity", "lineage"]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_asks_for_a_committed_seed_in_a_case(
    tmp_path: Path, asked: dict[str, list[Path | str]], one: CommittedSecret, verb: str
) -> None:
    case = ("--log", one.log, "--matter", "M-1")
    code, answer = run(tmp_path / "a", verb, *asked[verb], *case)
    assert (code, answer["reasons"][0]) == (11, OF_INPUTS)
    assert answer["parameters"]["seed_source"]["committed"] == f"not shown: {OF_INPUTS}"
    code, answer = run(tmp_path / "a", verb, *asked[verb], *case, "--seed-file", one.key_file)
    assert (code, answer["reasons"][0]) == (11, NOT_SHOWN)
    code, answer = run(tmp_path / "a", verb, *asked[verb], *case, *one.options)
    assert code == 11
    assert [CONTROLS in reason for reason in answer["reasons"]] == [True]
    source = answer["parameters"]["seed_source"]
    assert (source["entry"], source["key_id"], source["times_by"]) == (0, one.key_id, "the log alone")
    assert source["committed"] == f"entry 0 of the log, round {one.document.beacon.round}"


@pytest.mark.parametrize("verb", VERBS)
def test_outside_a_case_the_record_claims_no_commitment(
    tmp_path: Path, asked: dict[str, list[Path | str]], one: CommittedSecret, verb: str
) -> None:
    _, answer = run(tmp_path / "a", verb, *asked[verb])
    assert answer["parameters"]["seed_source"] == {
        "source": "digests of the inputs",
        "committed": "not held against a log",
    }
    _, answer = run(tmp_path / "a", verb, *asked[verb], "--seed-file", one.key_file)
    assert answer["parameters"]["seed_source"] == {
        "source": "a seed file",
        "key_id": one.key_id,
        "committed": "not held against a log",
    }


@pytest.mark.parametrize("verb", ["text", "radioactivity"])
def test_what_draws_nothing_needs_no_seed(
    tmp_path: Path, asked: dict[str, list[Path | str]], one: CommittedSecret, verb: str
) -> None:
    options = [*asked[verb][:-1], "0"]
    plain = countermark("attribute", verb, *options, "--out", tmp_path / "a")
    assert "  what decides hangs on no random draw\n" in plain.out
    _, answer = run(tmp_path / "a", verb, *options, "--log", one.log, "--matter", "M-1")
    assert answer["parameters"]["seed_source"] == {"source": "what decides hangs on no random draw"}
    assert [CONTROLS in reason for reason in answer["reasons"]] == [True]
    *_, outcome = Log.open(one.log).entries()
    assert outcome.payload["digests"]["answer"] == file_sha256(tmp_path / "a" / "attribution.json")


def test_half_of_what_shows_a_seed_is_refused(
    tmp_path: Path, asked: dict[str, list[Path | str]], one: CommittedSecret
) -> None:
    case = ("--log", one.log, "--matter", "M-1")
    for options in ((*case, *one.options[:-2]), (*case, *one.shown), one.options):
        done = countermark("attribute", "text", *asked["text"], "--out", tmp_path / "a", *options)
        assert (done.code, bool(done.error())) == (2, True)
    one.opening.write_text("{")
    done = countermark("attribute", "text", *asked["text"], "--out", tmp_path / "a", *case, *one.options)
    assert (done.code, "is no key opening" in done.error()) == (3, True)
    assert len((one.log / "entries.jsonl").read_text().splitlines()) == 1  # nothing was begun


def test_a_commitment_from_after_the_start_does_not_count(
    tmp_path: Path,
    asked: dict[str, list[Path | str]],
    one: CommittedSecret,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The log of the case is another, which gets the commitment while the run is under way."""
    from countermark.attribute.text import TextMark
    from countermark.trust.commitments import publish
    from countermark.trust.log import open_or_create

    examine = TextMark.examine

    def late(*given: Any) -> Any:
        if not (tmp_path / "done").exists():
            (tmp_path / "done").touch()
            publish(open_or_create(tmp_path / "other"), one.document)
        return examine(*given)

    monkeypatch.setattr(TextMark, "examine", late)
    case = ("--log", tmp_path / "other", "--matter", "M-1")
    code, answer = run(tmp_path / "a", "text", *asked["text"], *case, *one.options)
    assert (code, "does not hold the commitment" in answer["reasons"][0]) == (11, True)
    assert run(tmp_path / "a", "text", *asked["text"], *case, *one.options)[1]["reasons"] != answer["reasons"]


def test_the_plain_answer_says_where_draws_came_from(
    tmp_path: Path, asked: dict[str, list[Path | str]], one: CommittedSecret
) -> None:
    plain = ("attribute", "identity", *asked["identity"], "--out", tmp_path / "a")
    assert "random draws from digests of the inputs: not held against a log" in countermark(*plain).out
    shown = countermark(*plain, "--log", one.log, "--matter", "M-1", *one.options)
    number = one.document.beacon.round
    assert f"random draws from a seed file: entry 0 of the log, round {number}" in shown.out
    assert "random draws from" not in countermark(*plain, "--log", one.log, "--matter", "M-1").out


def user(*arguments: Path | str) -> Done:
    done = countermark(*arguments)
    assert done.code in (0, 10), (done.err, done.out[:600])
    return done


def test_from_the_master_to_the_verdict(
    tmp_path: Path, asked: dict[str, list[Path | str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = own_chain(monkeypatch)
    number = own.chain.round_at(datetime.now(UTC)) + 20
    chain, beacon = (
        written(tmp_path / "chain.json", own.info()),
        written(tmp_path / "round.json", own.round(number)),
    )
    terms = ("--purpose", "seed", "--epoch", "2026-Q4", "--chain", chain)
    book, master, seed = tmp_path / "book", tmp_path / "master.key", tmp_path / "seed.key"
    said = [
        user("watermark", "keygen", "--master", "--out", master),
        user(
            *("watermark", "commit", master, *terms, "--round", str(number)),
            *("--log", book, "--out", tmp_path / "c.json"),
        ),
        user("watermark", "keygen", "--derive", master, *terms, "--beacon", beacon, "--out", seed),
        user(
            *("watermark", "commit", master, "--open", tmp_path / "c.json"),
            *("--log", book, "--out", tmp_path / "opening.json"),
        ),
    ]
    assert "key of purpose seed" in said[-1].err
    controls = [
        part
        for at in range(20)
        for part in ("--control", text_file(tmp_path / f"control-{at}.jsonl", 100 + at))
    ]
    done = user(
        *("attribute", "text", *asked["text"], *controls, "--log", book, "--matter", "M-1"),
        *("--seed-file", seed, "--seed-opening", tmp_path / "opening.json"),
        *("--seed-chain", chain, "--seed-beacon", beacon, "--out", tmp_path / "answer", "--json"),
    )
    answer = json.loads(done.out)
    assert (done.code, answer["verdict"].split(" key ")[0]) == (10, "not independent of")
    source = answer["parameters"]["seed_source"]
    assert source["key_id"] == seed_key_id(read_secret(seed))
    assert source["committed"] == f"entry 0 of the log, round {number}"
    assert source["terms"] == {"epoch": "2026-Q4", "profile_id": "no-profile", "purpose": "seed"}
    opening = json.loads((tmp_path / "opening.json").read_text())
    hidden = [seed.read_text().strip(), master.read_text().strip(), opening["nonce"], opening["epoch_secret"]]
    outputs = [one.out + one.err for one in [*said, done]]
    outputs += [path.read_text() for path in (tmp_path / "answer").iterdir()]
    outputs += [path.read_text() for path in book.iterdir() if path.is_file()]
    assert not [secret for secret in hidden for text in outputs if secret in text]
