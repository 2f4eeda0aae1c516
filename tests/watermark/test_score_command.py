"""`countermark watermark score` and `profile` as a user types them: answers, exit codes, errors, no key
anywhere."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from test_scoring import marked_ids

from countermark.prove.package.trustfile import SignerEntry, write_trust
from countermark.records.canonical import file_sha256
from countermark.trust.derivation import Terms
from countermark.trust.exposure import record_leak, record_opening
from countermark.trust.keyfiles import Secret
from countermark.trust.log import Log, open_or_create
from countermark.trust.signing import SigningKey
from countermark.watermark.key_names import name_of_key
from countermark.watermark.profile import write_profile
from running import countermark
from watermark_samples import KEY, own_profile, random_ids

Write = Callable[..., Path]


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    write_profile(tmp_path / "p.json", own_profile())
    return tmp_path / "p.json"


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_line_a_body_and_exit_code_10(profile: Path, key_file: Path, write_bodies: Write) -> None:
    source = write_bodies(
        {"id": "marked", "token_ids": marked_ids(200).tolist()},
        {"id": "not", "token_ids": random_ids(1, 200).tolist()},
        {"token_ids": [1, 2]},
    )
    done = countermark("watermark", "score", "--profile", profile, "--key-file", key_file, "--input", source)
    assert done.code == 10
    rows = lines(done.out)
    assert [row["id"] for row in rows] == ["marked", "not", "3"]
    assert [row["passes"] for row in rows] == [True, False, False]
    assert {row["family"] for row in rows} == {3}
    assert rows[0]["profile"] == own_profile().profile_id
    assert rows[0]["engine_p_value"] is None
    assert rows[2]["problem"] == "2 tokens are not more than the context of 4"
    assert rows[2]["p_value"] == 1.0
    assert "1 of 3 pass alpha 0.01 after Holm over 3" in done.err
    quiet = countermark(
        "watermark",
        "score",
        "--profile",
        profile,
        "--key-file",
        key_file,
        "--input",
        source,
        "--no-exit-codes",
    )
    assert (quiet.code, quiet.out) == (0, done.out)


def test_nothing_found_is_exit_code_0(profile: Path, key_file: Path, write_bodies: Write) -> None:
    source = write_bodies({"id": "not", "token_ids": random_ids(1, 200).tolist()})
    done = countermark("watermark", "score", "--profile", profile, "--key-file", key_file, "--input", source)
    assert done.code == 0


def test_pooled_bodies_are_one(profile: Path, key_file: Path, write_bodies: Write, tmp_path: Path) -> None:
    ids = random_ids(1, 200).tolist()
    source = write_bodies({"token_ids": ids}, {"token_ids": ids}, {"token_ids": []})
    options = ["--profile", profile, "--key-file", key_file, "--input", source, "--pool"]
    done = countermark("watermark", "score", *options, "--out", tmp_path / "out.jsonl", "--json")
    document = json.loads(done.out)
    assert document["schema"] == "countermark/watermark-score/v1"
    assert document["null"] == "the text is independent of this key"
    (row,) = document["scores"]
    assert (row["id"], row["scored_tokens"]) == ("pooled", 196)
    assert lines((tmp_path / "out.jsonl").read_text()) == [row]


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ({"token_ids": [1, 2, 3]}, 3, "3 tokens are not more than the context of 4"),
        ({"token_ids": []}, 3, "empty text"),
        ({"text": "  "}, 3, "empty text"),
        ({"token_ids": [1, 2, 3, 4, 512]}, 3, "line 1: token id 512 is outside the vocabulary of 512"),
        ({"token_ids": [1, 2, 3, 4, 2**70]}, 3, "line 1 is no body"),
        ({"token_ids": "1 2 3"}, 3, "line 1 is no body"),
        ({"id": "neither"}, 3, "not exactly one of token_ids and text"),
        ({"text": "hello"}, 2, "no tokenizer is given"),
        ({"token_ids": [1, 2, 3, 4, 5], "weights": [1.0]}, 3, "not one weight a token"),
        ({"token_ids": [1, 2], "weights": [1.0, -1.0]}, 3, "a weight is not between"),
    ],
)
def test_a_bad_line_has_its_clear_error(
    profile: Path, key_file: Path, write_bodies: Write, line: dict[str, Any], code: int, message: str
) -> None:
    source = write_bodies(line)
    done = countermark("watermark", "score", "--profile", profile, "--key-file", key_file, "--input", source)
    assert done.code == code
    assert message in done.error()


def test_a_wrong_tokenizer_is_refused(key_file: Path, write_bodies: Write, tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers", reason="text is an extra: countermark[text]")
    paths = []
    for name in ("right", "wrong"):
        model = tokenizers.models.WordLevel({"[UNK]": 0, name: 1, "word": 2}, unk_token="[UNK]")
        made = tokenizers.Tokenizer(model)
        made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
        made.save(str(tmp_path / f"{name}.json"))
        paths.append(tmp_path / f"{name}.json")
    options = ["--tokenizer", paths[0], "--out", tmp_path / "p.json", "--key-file", key_file]
    assert countermark("watermark", "profile", *options).code == 0
    source = write_bodies({"id": "a", "text": "right word right right word word right"})
    asked = [
        "watermark",
        "score",
        "--profile",
        tmp_path / "p.json",
        "--key-file",
        key_file,
        "--input",
        source,
    ]
    done = countermark(*asked, "--tokenizer", paths[0])
    assert lines(done.out)[0]["scored_tokens"] == 3
    wrong = countermark(*asked, "--tokenizer", paths[1])
    assert wrong.code == 3
    assert "is not the profile's tokenizer" in wrong.error()
    assert "cannot be read" in countermark(*asked, "--tokenizer", tmp_path / "none.json").error()


def test_a_key_file_that_others_can_read_is_refused(
    profile: Path, key_file: Path, write_bodies: Write
) -> None:
    key_file.chmod(0o640)
    source = write_bodies({"token_ids": random_ids(1, 9).tolist()})
    done = countermark("watermark", "score", "--profile", profile, "--key-file", key_file, "--input", source)
    assert done.code == 1
    assert "can be read by others" in done.error()
    assert "chmod 600" in done.err


@pytest.mark.parametrize("key", [KEY, f"0x{KEY[:16]}", "123456789"])
def test_a_key_on_the_command_line_is_refused_and_not_repeated(
    profile: Path, write_bodies: Write, key: str
) -> None:
    source = write_bodies({"token_ids": random_ids(1, 9).tolist()})
    done = countermark("watermark", "score", "--profile", profile, "--key-file", key, "--input", source)
    assert done.code == 2
    assert "a key stands on the command line" in done.error()
    assert key not in done.err


@pytest.mark.parametrize("content", ["", "xyz", KEY[:-1], KEY + KEY, "é" * 32])
def test_a_malformed_key_is_refused_and_not_repeated(
    profile: Path, key_file: Path, write_bodies: Write, content: str
) -> None:
    key_file.write_text(content)
    source = write_bodies({"token_ids": random_ids(1, 9).tolist()})
    done = countermark("watermark", "score", "--profile", profile, "--key-file", key_file, "--input", source)
    assert done.code == 1
    assert not content or content not in done.err


def test_another_key_than_the_profile_names_is_refused(
    key_file: Path, write_bodies: Write, tmp_path: Path
) -> None:
    made = countermark("watermark", "profile", "--key-file", key_file, "--out", tmp_path / "p.json")
    assert made.code == 0
    key_file.write_text("f" * 32)
    source = write_bodies({"token_ids": random_ids(1, 9).tolist()})
    asked = ["--profile", tmp_path / "p.json", "--key-file", key_file, "--input", source]
    assert "holds another key than" in countermark("watermark", "score", *asked).error()


def test_a_pool_of_named_keys(profile: Path, write_bodies: Write, tmp_path: Path) -> None:
    pool = tmp_path / "pool"
    keys = {f"account-{n}": f"{n:032x}" for n in range(50)} | {"account-x": KEY}
    lines_of = (json.dumps({"account": name, "key": key}) for name, key in keys.items())
    pool.write_text("".join(line + "\n" for line in lines_of))
    pool.chmod(0o600)
    source = write_bodies({"id": "t", "token_ids": marked_ids(200).tolist()})
    done = countermark("watermark", "score", "--profile", profile, "--key-pool", pool, "--input", source)
    rows = lines(done.out)
    assert len(rows) == 51
    assert [row["key"] for row in rows if row["passes"]] == ["account-x"]
    assert {row["family"] for row in rows} == {51}


def test_a_run_in_a_matter_is_logged_before_and_after(
    profile: Path, key_file: Path, write_bodies: Write, tmp_path: Path
) -> None:
    countermark("case", "keygen", "--out", tmp_path / "s.key")
    source = write_bodies({"id": "t", "token_ids": random_ids(1, 200).tolist()})
    asked = ["--profile", profile, "--key-file", key_file, "--input", source]
    logged = [*asked, "--log", tmp_path / "log", "--log-key", tmp_path / "s.key", "--matter", "m"]
    families = [json.loads(countermark("watermark", "score", *logged, "--json").out)["family"] for _ in "abc"]
    assert families == [1, 2, 3]
    entries = lines((tmp_path / "log" / "entries.jsonl").read_text())
    assert [entry["kind"] for entry in entries] == ["run-start", "run-outcome"] * 3
    assert "needs a log" in countermark("watermark", "score", *asked, "--matter", "m").error()
    refused = countermark("watermark", "score", *asked, "--log", tmp_path / "log", "--matter", "m")
    assert "no signing key" in refused.error()


def test_the_outcome_of_a_run_has_the_digest_of_the_file_that_came_out(
    profile: Path, key_file: Path, write_bodies: Write, tmp_path: Path
) -> None:
    """So that what is shown later is what came out then."""
    source = write_bodies({"id": "t", "token_ids": random_ids(1, 200).tolist()})
    asked = ["--profile", profile, "--key-file", key_file]
    logged = ["--log", tmp_path / "log", "--matter", "m"]
    made = {"scores.jsonl": tmp_path / "s.jsonl", "spans.jsonl": tmp_path / "l.jsonl"}
    for verb, out in zip(("score", "locate"), made.values(), strict=True):
        countermark("watermark", verb, *asked, "--input", source, *logged, "--out", out)
    made["scan.json"] = tmp_path / "scan" / "scan.json"
    countermark("watermark", "scan", source, *asked, *logged, "--out", tmp_path / "scan")
    outcomes = lines((tmp_path / "log" / "entries.jsonl").read_text())[1::2]
    digests = {name: value for one in outcomes for name, value in one["payload"]["digests"].items()}
    assert {name: digests[name] for name in made} == {name: file_sha256(made[name]) for name in made}
    assert {one["payload"]["status"] for one in outcomes} == {"done"}


def test_scan_and_locate_count_into_the_same_matter(
    profile: Path, key_file: Path, write_bodies: Write, tmp_path: Path
) -> None:
    countermark("case", "keygen", "--out", tmp_path / "s.key")
    source = write_bodies(*({"id": str(n), "token_ids": random_ids(n, 100).tolist()} for n in range(4)))
    asked = ["--profile", profile, "--key-file", key_file]
    logged = ["--log", tmp_path / "log", "--log-key", tmp_path / "s.key", "--matter", "m", "--json"]
    scan = countermark("watermark", "scan", source, *asked, *logged, "--out", tmp_path / "scan")
    assert json.loads(scan.out)["family"] == 5  # four documents and the pooled body
    located = json.loads(countermark("watermark", "locate", *asked, "--input", source, *logged).out)
    assert located["run"] == 2
    assert located["family"] > 5 + located["tried"]  # declared before scoring: at most so many spans
    score = json.loads(countermark("watermark", "score", *asked, "--input", source, *logged).out)
    assert score["family"] == located["family"] + 4
    entries = lines((tmp_path / "log" / "entries.jsonl").read_text())
    assert [entry["kind"] for entry in entries] == ["run-start", "run-outcome"] * 3


def test_a_run_that_fails_stays_in_the_log(
    profile: Path, key_file: Path, write_bodies: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    countermark("case", "keygen", "--out", tmp_path / "s.key")
    source = write_bodies({"id": "t", "token_ids": random_ids(1, 200).tolist()})
    logged = ["--log", tmp_path / "log", "--log-key", tmp_path / "s.key", "--matter", "m"]
    asked = ["--profile", profile, "--key-file", key_file, "--input", source, *logged]

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    checkpoint = tmp_path / "kept"
    assert countermark("watermark", "score", *asked).code == 0
    checkpoint.write_bytes((tmp_path / "log" / "checkpoint").read_bytes())
    first = {path.name: path.read_bytes() for path in (tmp_path / "log").iterdir()}
    monkeypatch.setattr("countermark.watermark.examination.Examination.score", interrupted)
    assert countermark("watermark", "score", *asked).code == 130
    entries = lines((tmp_path / "log" / "entries.jsonl").read_text())
    assert entries[-1]["payload"]["status"] == "interrupted"
    listed = json.loads(countermark("watermark", "runs", "--log", tmp_path / "log", "--json").out)
    assert [(row["run"], row["family"]) for row in listed["runs"]] == [(1, 1), (2, 2)]
    later = tmp_path / "later"
    later.write_text(listed["checkpoint"])
    assert countermark("watermark", "runs", "--log", tmp_path / "log", "--earlier", checkpoint).code == 0
    for name, content in first.items():
        (tmp_path / "log" / name).write_bytes(content)
    assert countermark("watermark", "runs", "--log", tmp_path / "log").code == 0
    cut_back = countermark("watermark", "runs", "--log", tmp_path / "log", "--earlier", later)
    assert (cut_back.code, "has shrunk" in cut_back.error()) == (20, True)


def test_text_acquired_after_a_leak_is_refused(
    profile: Path, key_file: Path, write_bodies: Write, tmp_path: Path
) -> None:
    countermark("case", "keygen", "--out", tmp_path / "s.key")
    log = Log.create(tmp_path / "log", "countermark.local/log", SigningKey.load(tmp_path / "s.key"))
    record_leak(log, name_of_key(Secret(KEY.encode())), date(2026, 11, 21))
    logged_key = ["--log", tmp_path / "log", "--log-key", tmp_path / "s.key", "--key-file", key_file]
    told = countermark("watermark", "exposure", *logged_key, "--leaked", "--day", "2026-11-20")
    assert "text is refused from 2026-11-20" in told.out
    served = countermark(
        "watermark", "exposure", *logged_key, "--tokens", "1000", "--accounts", "7", "--json"
    )
    assert json.loads(served.out)["tokens"] == 1000
    source = write_bodies({"id": "t", "token_ids": random_ids(1, 200).tolist()})
    logged = ["--log", tmp_path / "log", "--log-key", tmp_path / "s.key", "--matter", "m"]
    asked = ["watermark", "score", "--profile", profile, "--key-file", key_file, "--input", source, *logged]
    assert countermark(*asked, "--acquired", "2026-11-19").code == 0
    assert "is refused" in countermark(*asked, "--acquired", "2026-11-20").error()
    assert "is no date" in countermark(*asked, "--acquired", "yesterday").error()


def test_an_opened_epoch_bars_what_was_acquired_later(
    profile: Path, key_file: Path, write_bodies: Write, tmp_path: Path
) -> None:
    log = open_or_create(tmp_path / "log")
    record_opening(log, Terms(own_profile().deployment_id, own_profile().epoch), date(2026, 11, 20))
    source = write_bodies({"id": "t", "token_ids": random_ids(1, 200).tolist()})
    logged = ["--log", tmp_path / "log", "--matter", "m"]
    asked = ["watermark", "score", "--profile", profile, "--key-file", key_file, "--input", source, *logged]
    assert "it is not said when the text was acquired" in countermark(*asked).error()
    assert "is refused" in countermark(*asked, "--acquired", "2030-01-01").error()
    assert countermark(*asked, "--acquired", "2026-11-19").code == 0


def test_as_many_signers_as_the_trust_file_asks_for(
    key_file: Path, write_bodies: Write, tmp_path: Path
) -> None:
    one, two = SigningKey.generate(), SigningKey.generate()
    write_profile(tmp_path / "p.json", own_profile(), one)
    signers = [SignerEntry(name, key.public.to_base64()) for name, key in (("a", one), ("b", two))]
    write_trust(tmp_path / "one.json", signers)
    write_trust(tmp_path / "two.json", signers, threshold=2)
    source = write_bodies({"id": "t", "token_ids": random_ids(1, 200).tolist()})
    asked = [
        "watermark",
        "score",
        "--profile",
        tmp_path / "p.json",
        "--key-file",
        key_file,
        "--input",
        source,
    ]
    assert countermark(*asked, "--trust", tmp_path / "one.json").code == 0
    refused = countermark(*asked, "--trust", tmp_path / "two.json")
    assert (refused.code, "not signed by 2 key(s)" in refused.error()) == (20, True)


def test_no_artefact_of_a_run_holds_the_key(
    profile: Path, key_file: Path, write_bodies: Write, tmp_path: Path
) -> None:
    countermark("case", "keygen", "--out", tmp_path / "s.key")
    source = write_bodies({"id": "t", "token_ids": marked_ids(100).tolist()})
    logged = ["--log", tmp_path / "log", "--log-key", tmp_path / "s.key", "--matter", "m"]
    asked = ["--profile", profile, "--key-file", key_file, "--input", source, "--out", tmp_path / "o.jsonl"]
    done = countermark("watermark", "score", *asked, *logged, "--json")
    shown = [done.out, done.err]
    shown += [
        path.read_text("latin-1") for path in tmp_path.rglob("*") if path.is_file() and path != key_file
    ]
    value = int(KEY, 16)
    forms = {
        KEY,
        KEY.upper(),
        str(value),
        hex(value)[2:],
        bytes.fromhex(KEY).decode("latin-1"),
        KEY[:16],
        KEY[16:],
    }
    assert [form for form in forms for text in shown if form in text] == []
