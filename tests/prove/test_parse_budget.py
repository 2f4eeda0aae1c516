"""What is parsed before any signature is checked has one bound; so have timestamps and opened entries."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from forging import files_of, write
from log_stories import OUTSIDER, Story, day

from countermark.errors import Error
from countermark.prove.beforehand import log_part, log_reading
from countermark.prove.beforehand.log_reading import read_log
from countermark.prove.package import layout
from countermark.prove.package.case import decode_case
from countermark.prove.package.layout import CASE, MAX_STAMPED, OPENINGS, data_of
from countermark.prove.package.payload import Payload
from countermark.prove.package.statements import PAYLOAD_TYPE
from countermark.prove.package.subjects import _check_places
from countermark.prove.verifying.verify import verify
from countermark.trust.cosigned import cosigned_sizes, timestamp_file
from countermark.trust.dsse import seal_envelope
from countermark.trust.signing import SigningKey

Sealed = Callable[..., Path]
MANY = b"1," * 520_000


def failed_at(package: Path) -> tuple[str, str]:
    return next((one.name, one.detail) for one in verify(package).steps if one.outcome == "FAILED")


def test_eight_plans_share_one_budget(sealed: Sealed) -> None:
    package = sealed("case")
    (package / "data/plans").mkdir()
    for number in range(8):  # each alone would do
        (package / f"data/plans/P{number}.json").write_bytes(b'{"a":[' + MANY + b"1]}")
    assert failed_at(package) == ("outer layer", "what is to be parsed has more than 4,000,000 values")


def test_what_stands_in_an_envelope_counts(sealed: Sealed, tmp_path: Path, key: SigningKey) -> None:
    files = {name: one for name, one in files_of(sealed("case")).items() if "/" in name}
    body = b'{"_type":"https://in-toto.io/Statement/v1","predicate":{"a":[' + MANY * 8 + b"1]}}"
    files["attestations/capture.dsse.json"] = seal_envelope(PAYLOAD_TYPE, body, [key])
    package = write(tmp_path / "other", decode_case(files[CASE]), files)
    assert failed_at(package) == ("envelopes", "what is to be parsed has more than 4,000,000 values")


def test_opened_entries_have_a_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(tmp_path).fixed().told()
    contents, head = story.contents(), story.part().head
    entries = [json.loads(line).get("entry", "") for line in data_of(contents, OPENINGS).splitlines()]
    size, marks = len("".join(entries)), layout.count_marks("".join(entries).encode())
    monkeypatch.setattr(log_reading, "MAX_KEPT_BYTES", size)
    monkeypatch.setattr(layout, "MAX_MARKS", marks)
    read_log(contents, head, story.trust)
    monkeypatch.setattr(log_reading, "MAX_KEPT_BYTES", size - 1)
    with pytest.raises(Error, match="opened entries of the log are larger"):
        read_log(contents, head, story.trust)
    monkeypatch.setattr(log_reading, "MAX_KEPT_BYTES", size)
    monkeypatch.setattr(layout, "MAX_MARKS", marks - 1)
    with pytest.raises(Error, match="values"):
        read_log(contents, head, story.trust)


@pytest.mark.parametrize("many", [MAX_STAMPED, MAX_STAMPED + 1])
def test_checkpoints_with_a_timestamp_are_counted(sealed: Sealed, many: int) -> None:
    package = sealed("case")
    case = json.loads((package / CASE).read_bytes())
    case |= {"log": {"origin": "a.example/log", "size": 99}, "matter": "matter-7"}
    names = [f"data/log/checkpoints/{at}.{kind}" for at in range(many) for kind in ("note", "tsr")]
    sealed_names = dict.fromkeys([*names, "data/log/entries.jsonl", OPENINGS], "00" * 32)
    payload = Payload(decode_case(layout.canonical_json(case)), sealed_names, {})
    if many == MAX_STAMPED:
        _check_places(payload)
        return
    with pytest.raises(Error, match="more than 64 checkpoints"):
        _check_places(payload)


def test_no_more_timestamps_go_into_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(tmp_path)
    for number in range(5):
        story.commit(f"{number:064x}")
        story.fixed() if not number else story.tick(day(number + 3), OUTSIDER)
    folder = story.book.public.folder
    for size in cosigned_sizes(folder):
        timestamp_file(folder, size).write_bytes(b"a response")
    wanted = set(cosigned_sizes(folder))
    before = log_part._chosen(folder, story.book.public.checkpoint(), wanted, None)
    assert {size for size, (_, stamp) in before.items() if stamp} == wanted
    monkeypatch.setattr(log_part, "MAX_STAMPED", 2)
    after = log_part._chosen(folder, story.book.public.checkpoint(), wanted, None)
    assert after.keys() == before.keys()
    stamped = sorted(size for size, (_, stamp) in after.items() if stamp)
    assert (len(stamped), stamped[0]) == (2, min(wanted))
