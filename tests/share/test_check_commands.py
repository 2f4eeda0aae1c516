"""`share check` and `share keys` against nodes that run."""

import io
import json
import sys
from pathlib import Path

import pytest
from alliances import HUB_KEY, Alliance
from check_samples import hexes, make_party, marked_text, profile_of

from countermark.cli.share_check import _show
from countermark.share.check.messages import Finding, Outcome, Row
from countermark.share.client.checks import Found
from countermark.trust.keyfiles import write_secret
from running import Done, countermark

PLAIN = marked_text(None, seed=10)


def ask(allied: Alliance, tmp: Path, who: str | None, text: str, *more: str, at: str = "hub") -> Done:
    """`share check` of a text as somebody."""
    (tmp / "text.txt").write_text(text)
    arguments = [str(tmp / "text.txt"), "--to", allied.nodes[at].url, "--ca-file", str(allied.certificate)]
    if who is not None:
        token = tmp / f"{who}.token"
        if not token.exists():
            write_secret(token, allied.nodes[at].tokens[who].encode())
        arguments += ["--token-file", str(token)]
    return countermark("share", "check", *arguments, *more)


def test_it_prints_the_word_whose_and_a_table(allied: Alliance, tmp_path: Path) -> None:
    out, proof = tmp_path / "answer.json", tmp_path / "outcome.proof"
    more = ("--matter", "cli-1", "--consent", "--out", str(out), "--proof", str(proof))
    done = ask(allied, tmp_path, "alpha", marked_text("beta"), *more)
    assert done.code == 10, done.err
    first, head, *rows = done.out.splitlines()
    assert first == "marked: beta"
    assert head.split()[:4] == ["member", "profile", "epoch", "key"]
    assert len(rows) == 11
    assert rows[0].startswith("beta")
    assert rows[0].endswith("*")
    assert "goes to" in done.err
    assert "every member" in done.err
    found = json.loads(out.read_text())
    assert (found["schema"], found["marks"]) == ("countermark/joint-check/v1", ["beta"])
    log_key = allied.hub.data / "log.key.pub"
    checked = countermark("share", "audit", "check", str(proof), "--log-key", str(log_key), "--json")
    assert checked.code == 0
    assert found["check_id"] in checked.out


@pytest.mark.parametrize(
    ("text", "more", "code", "word"),
    [
        (PLAIN, ("--consent",), 0, "not shown"),
        (PLAIN, (), 0, "not shown"),
        ("w001 w002", ("--consent",), 11, "too short"),
        (marked_text("delta"), (), 10, "marked"),
        (marked_text("delta"), ("--no-exit-codes",), 0, "marked"),
    ],
)
def test_exit_codes_tell_what_was_found(
    allied: Alliance, tmp_path: Path, text: str, more: tuple[str, ...], code: int, word: str
) -> None:
    done = ask(allied, tmp_path, "regulator", text, "--matter", "cli-2", "--json", *more)
    assert (done.code, json.loads(done.out)["word"]) == (code, word)
    assert ("no further" in done.err) is ("--consent" not in more)


def test_incomplete_is_inconclusive(allied: Alliance, tmp_path: Path) -> None:
    allied.gamma.answer = lambda _: (500, b"")
    done = ask(allied, tmp_path, "alpha", PLAIN, "--matter", "cli-3", "--consent")
    assert done.code == 11
    assert "gamma gave no answer that counts: it answered with status 500" in done.err
    for who in ("facts", "crowd"):
        matter = ("--matter", "cli-3") if who == "facts" else ()
        done = ask(allied, tmp_path, who, PLAIN, "--consent", *matter)
        assert (done.code, done.out) == (11, "")
        assert "come back in 600 seconds" in done.err
        assert ("salt of the digest" in done.err) is (who == "facts")  # its digest is in the log


def test_the_public_gets_its_word(allied: Alliance, tmp_path: Path) -> None:
    done = ask(allied, tmp_path, None, marked_text("beta"), "--consent")
    assert (done.code, done.out) == (10, "marked\n")
    # there is no proof for the public, and what was answered is told all the same
    done = ask(allied, tmp_path, "crowd", PLAIN, "--proof", str(tmp_path / "p"))
    assert (done.code, done.out) == (1, "not shown\n")


@pytest.mark.parametrize(
    ("who", "text", "more", "said"),
    [
        ("alpha", PLAIN, (), "names the matter"),
        ("alpha", PLAIN, ("--matter", "no matter"), "the matter is not as it has to be"),
        ("alpha", "", ("--matter", "m"), "the text is empty"),
        ("security", PLAIN, ("--matter", "m"), "403"),
        ("narrow", PLAIN, ("--matter", "m"), "403"),
    ],
)
def test_what_cannot_be_asked_is_one_line(
    allied: Alliance, tmp_path: Path, who: str, text: str, more: tuple[str, ...], said: str
) -> None:
    error = ask(allied, tmp_path, who, text, *more).error()
    assert said in error
    assert PLAIN[:20] not in error


def test_no_file_consents_for_anybody(
    allied: Alliance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "countermark.toml").write_text("[share.check]\nconsent = true\n")
    assert "share.check" in ask(allied, tmp_path, "alpha", PLAIN, "--matter", "m").error()


def test_standard_input_is_a_text_too(
    allied: Alliance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_secret(tmp_path / "salt", b"5a" * 32)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(marked_text("delta").encode())))
    node = ["--to", allied.hub.url, "--ca-file", str(allied.certificate)]
    write_secret(tmp_path / "token", allied.hub.tokens["alpha"].encode())
    more = ["--token-file", str(tmp_path / "token"), "--matter", "in", "--salt-file", str(tmp_path / "salt")]
    done = countermark("share", "check", "-", *node, *more, "--json")
    assert done.code == 10, done.err
    assert json.loads(done.out)["salt"] == "5a" * 32


def test_what_is_no_text_is_an_error(allied: Alliance, tmp_path: Path) -> None:
    url = allied.hub.url
    (tmp_path / "x").write_bytes(b"\xff\xfe")
    (tmp_path / "long").write_bytes(b"x" * 1_600_001)
    for name, said in (("x", "not UTF-8"), ("long", "over"), ("none", "cannot be read")):
        assert said in countermark("share", "check", str(tmp_path / name), "--to", url).error()
    (tmp_path / "ok").write_text(PLAIN)
    refused = countermark("share", "check", str(tmp_path / "ok"), "--to", "http://far.example")
    assert (refused.code, "https" in refused.error()) == (2, True)


def test_keys_are_registered_by_name_and_listed(allied: Alliance, tmp_path: Path) -> None:
    extra = make_party(tmp_path, "extra", keys=4)
    HUB_KEY.save(tmp_path / "hub.key")
    write_secret(tmp_path / "token", allied.nodes["alpha"].tokens["hub"].encode())
    node = ["--to", allied.nodes["alpha"].url, "--ca-file", str(allied.certificate)]
    node += ["--token-file", str(tmp_path / "token")]
    who = ["--member", "hub", "--key", str(tmp_path / "hub.key"), *node]
    pools = [
        {"profile_id": profile_of("p"), "epoch": "9", "commitment": hexes("pools"), "keys": ["one", "two"]}
    ]
    (tmp_path / "pools.json").write_text(json.dumps(pools))
    done = countermark("share", "keys", "register", str(tmp_path / "pools.json"), *who)
    assert (done.code, done.out) == (0, "2 keys in 1 pools; 1 pools are new\n"), done.err
    assert countermark("share", "keys", "register", str(tmp_path / "pools.json"), *who).out.endswith(
        "0 pools are new\n"
    )
    files = ["--profile", str(extra.folder / "profile.json"), "--key-pool", str(extra.folder / "keys.jsonl")]
    done = countermark("share", "keys", "register", *files, "--commitment", hexes("x"), *who, "--json")
    assert json.loads(done.out)["keys"] == 4, done.err
    listed = json.loads(countermark("share", "keys", "list", *node, "--json").out)["pools"]
    mine = [one["names"] for one in listed if one["member"] == "hub" and one["commitment"] == hexes("x")]
    assert mine == [[one for pool in extra.pools for one in pool.keys]]
    assert "key" not in countermark("share", "keys", "list", *node).out
    clash = [*files, "--commitment", hexes("y"), *who]
    assert "409" in countermark("share", "keys", "register", *clash).error()
    assert countermark("share", "keys", "register", *who).code == 2
    retire = ["share", "keys", "retire", hexes("pools")]
    assert countermark(*retire, *who).code == 0
    assert "409" in countermark(*retire, *who).error()
    assert countermark("share", "keys", "retire", "short", *who).code == 2
    assert hexes("pools") not in countermark("share", "keys", "list", *node).out


def test_a_nodes_own_detectors_are_registered_elsewhere(allied: Alliance, tmp_path: Path) -> None:
    beta = allied.nodes["beta"]
    write_secret(tmp_path / "token", allied.hub.tokens["beta"].encode())
    node = ["--to", allied.hub.url, "--ca-file", str(allied.certificate)]
    key = allied.parties["beta"].folder / "member.key"
    who = ["--member", "beta", "--key", str(key), "--token-file", str(tmp_path / "token")]
    done = countermark("share", "keys", "register", "--data", str(beta.data), *who, *node)
    assert (done.code, done.out) == (0, "3 keys in 1 pools; 0 pools are new\n"), done.err


def test_a_found_takes_every_kind_of_answer() -> None:
    assert Found(word="marked").marks == []
    assert set(Found.__struct_fields__) >= {*Outcome.__struct_fields__, *Finding.__struct_fields__}


def test_of_a_text_that_is_too_short_no_figures_are_shown(allied: Alliance, tmp_path: Path) -> None:
    done = ask(allied, tmp_path, "alpha", "w001 w002 w003", "--matter", "cli-9", "--consent")
    assert (done.code, done.out) == (11, "too short\n")
    assert "no key was scored on enough distinct pairs" in done.err


def test_of_many_keys_those_that_pass_are_shown_and_ten_more(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        Row(
            member="beta",
            profile_id="profile-1",
            epoch="1",
            key=f"{number:016x}",
            scored_tokens=500,
            log10_p=-30.0 if number < 2 else -1.0,
            log10_adjusted=-20.0 if number < 2 else 0.0,
            log10_holm_so_far=0.0,
            passes=number < 2,
            weak="64-bit key",
        )
        for number in range(100)
    ]
    _show(Found(word="marked", marks=["beta"], rows=rows))
    said = capsys.readouterr()
    table = said.out.splitlines()[1:]
    assert len(table) == 1 + 2 + 10
    assert [line.endswith("*") for line in table[1:4]] == [True, True, False]
    assert max(len(line) for line in table) <= 80
    assert "88 keys more, none of which passes" in said.err
    assert said.err.count("64-bit key") == 1
