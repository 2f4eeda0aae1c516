"""What was received: bytes are kept, versions and revocations hold, a kill at any moment loses nothing."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from stix_in_samples import AMBER, OTHER, SAMPLES, T0, T1, T2, encoded, ident, indicator, observable, sdo

from countermark.errors import Error
from countermark.share.stix import reading
from countermark.share.stix.files_in import import_file, stix_in_file
from countermark.share.stix.markings import tlp_marking
from countermark.share.stix.reading import Arrival, Received

FIRST = indicator(valid_until="2027-01-01T00:00:00Z")
LATER = {**FIRST, "modified": T1, "confidence": 50}
GONE = {**FIRST, "modified": "2026-11-28T12:00:00.000Z", "revoked": True}
SPELLINGS = [
    json.dumps(FIRST).encode(),
    b" \t" + json.dumps(FIRST).encode() + b"  ",
    json.dumps(FIRST, indent=3).encode(),
    json.dumps(FIRST, indent="\t").replace("\n", "\r\n").encode(),
    json.dumps({**FIRST, "x_unknown": "\u2028 \x7f é \U0001f600 \u0000"}, ensure_ascii=False).encode(),
    json.dumps({**FIRST, "x_unknown": [1.50, 1e5, -0.0, "\ud83d\ude00"]}).replace("1.5,", "1.50,").encode(),
]


def put(received: Received, *objects: Any) -> list[str]:
    """Add them one after the other."""
    raw = [one if isinstance(one, bytes) else encoded(one) for one in objects]
    return [received.add("c", "2026-11-27T00:00:00.000001Z", one) for one in raw]


@pytest.mark.parametrize("raw", SPELLINGS, ids=range(len(SPELLINGS)))
def test_bytes_are_kept(tmp_path: Path, raw: bytes) -> None:
    with Received(tmp_path) as received:
        assert put(received, raw, raw) == ["new", "known"]
        assert received.raw(ident("indicator")) == raw
    with Received(tmp_path) as received:
        assert received.raw(ident("indicator")) == raw
        assert put(received, raw) == ["known"]
        assert len(received) == 1


def test_the_same_object_spelt_otherwise_is_known(tmp_path: Path) -> None:
    with Received(tmp_path) as received:
        assert put(received, *SPELLINGS[:4]) == ["new", "known", "known", "known"]


def test_every_type_is_taken_and_found_again(tmp_path: Path) -> None:
    with Received(tmp_path) as received:
        assert set(received.add_all("c", [Arrival(encoded(one)) for one in SAMPLES])) == {"new"}
    with Received(tmp_path) as received:
        assert list(received.objects()) == SAMPLES
        assert [one["type"] for one in received.objects("tool", "url")] == ["tool", "url"]


@pytest.mark.parametrize("seed", range(6))
def test_the_version_that_holds_does_not_hang_on_the_order(tmp_path: Path, seed: int) -> None:
    versions = [FIRST, LATER, GONE]
    random.Random(seed).shuffle(versions)
    with Received(tmp_path) as received:
        put(received, *versions)
        assert received.latest(FIRST["id"]) == GONE
        assert list(received.indicators(datetime(2026, 11, 29, tzinfo=UTC))) == []
    with Received(tmp_path) as received:
        assert received.latest(FIRST["id"]) == GONE


def test_a_revoked_object_is_never_revived(tmp_path: Path) -> None:
    revived = [
        {**FIRST, "modified": "2026-12-01T00:00:00.000Z"},
        {**GONE, "modified": "2026-12-02T00:00:00.000Z"},
    ]
    with Received(tmp_path) as received:
        assert put(received, GONE, *revived, FIRST) == ["new", "quarantined", "quarantined", "new"]
        assert received.latest(FIRST["id"]) == GONE
        assert received.quarantine.reasons() == {reading.REVOKED: 2}


def test_only_the_creator_makes_versions(tmp_path: Path) -> None:
    foreign = {**LATER, "created_by_ref": OTHER}
    nobody = {name: value for name, value in LATER.items() if name != "created_by_ref"}
    with Received(tmp_path) as received:
        assert put(received, FIRST, foreign, {**foreign, "revoked": True}, nobody)[1:] == ["quarantined"] * 3
        assert put(received, {**LATER, "created": T1, "modified": T1}) == ["quarantined"]
        assert received.latest(FIRST["id"]) == FIRST
        assert received.quarantine.reasons() == {reading.OTHER_CREATOR: 3, reading.OTHER_CREATED: 1}


def test_other_content_under_the_same_version_is_a_conflict(tmp_path: Path) -> None:
    same_time = {**FIRST, "modified": T0.replace(".000Z", ".000000Z"), "name": "other"}
    marking = tlp_marking("amber") | {"external_references": [{"source_name": "x", "description": "y"}]}
    with Received(tmp_path) as received:
        assert put(received, FIRST, LATER, {**FIRST, "name": "other"}, same_time)[2:] == ["quarantined"] * 2
        assert put(received, tlp_marking("amber"), marking) == ["new", "quarantined"]
        assert received.quarantine.reasons() == {reading.OTHER_CONTENT: 3}


def test_observables_have_no_versions(tmp_path: Path) -> None:
    url = observable("url", value="https://mail.example/", created_by_ref=7, revoked="no")
    with Received(tmp_path) as received:
        first = {**url, "created_by_ref": "identity--x"}
        assert put(received, first, {**first, "object_marking_refs": [AMBER]}) == ["new", "new"]
        assert received.latest(url["id"])["object_marking_refs"] == [AMBER]


def test_indicators_hold_within_their_time(tmp_path: Path) -> None:
    with Received(tmp_path) as received:
        put(
            received,
            indicator(1, valid_from=T0, valid_until=T1),
            indicator(2, valid_from=T2, valid_until="2026-12-01T00:00:00Z"),
        )
        put(received, {n: v for n, v in indicator(3).items() if n != "valid_until"}, sdo("tool", name="T"))

        def holding(text: str) -> list[str]:
            return [one["id"][-12:] for one in received.indicators(datetime.fromisoformat(text))]

        one, two, three = (ident("indicator", number)[-12:] for number in (1, 2, 3))
        assert holding("2026-11-26T23:59:59Z") == []
        assert holding("2026-11-27T00:00:00Z") == [one, three]
        assert holding("2026-11-28T00:00:00.123456Z") == [three]
        assert holding("2026-11-29T01:00:00+01:00") == [two, three]


def test_what_is_not_valid_waits_in_the_quarantine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rubbish = [b"", b"\xff\x00", b"[1]\n", encoded({**FIRST, "pattern": "["}), encoded(sdo("tool"))]
    with Received(tmp_path) as received:
        assert put(received, *rubbish, *rubbish, FIRST) == ["quarantined"] * 10 + ["new"]
        assert len(received.quarantine) == 5
        assert [one.raw for one in received.quarantine.waiting()] == rubbish
        assert all(
            one.reason and one.collection == "c" and one.date_added for one in received.quarantine.waiting()
        )
    with Received(tmp_path) as received:
        assert [one.raw for one in received.quarantine.waiting()] == rubbish
        assert received.recheck() == ["quarantined"] * 5
        check = reading.check_objects
        monkeypatch.setattr(
            reading,
            "check_objects",
            lambda raws, **_: [
                check([encoded(sdo("tool", name="T"))])[0] if b"tool" in raw else check([raw])[0]
                for raw in raws
            ],
        )
        assert received.recheck() == ["quarantined"] * 4 + ["new"]
    with Received(tmp_path) as received:
        assert [one.raw for one in received.quarantine.waiting()] == rubbish[:4]
        assert received.latest(ident("tool")) == sdo("tool", name="T")


def test_a_disk_that_is_full_is_an_error_and_nothing_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with Received(tmp_path) as received:
        put(received, FIRST)
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(Error, match="No space left"):
            put(received, LATER)
        monkeypatch.undo()
        assert received.latest(FIRST["id"]) == FIRST
        assert put(received, LATER, b"{") == ["new", "quarantined"]
    with Received(tmp_path) as received:
        assert received.latest(FIRST["id"]) == LATER


@pytest.mark.parametrize("cut", [1, 10, 200])
def test_a_torn_end_is_moved_aside(tmp_path: Path, cut: int) -> None:
    with Received(tmp_path) as received:
        put(received, FIRST, LATER)
    log = tmp_path / reading.OBJECTS
    whole = log.read_bytes()
    start = whole.index(b"\n") + 1
    log.write_bytes(whole[:-cut])
    with Received(tmp_path) as received:
        assert received.latest(FIRST["id"]) == FIRST
        assert put(received, LATER) == ["new"]
    assert log.read_bytes()[:start] == whole[:start]
    assert (tmp_path / f"{reading.OBJECTS}.torn-{start}").read_bytes() == whole[start:-cut]


def test_a_hole_in_the_last_batch_is_torn_and_one_before_is_damage(tmp_path: Path) -> None:
    with Received(tmp_path) as received:
        put(received, FIRST)
        received.add_all("c", [Arrival(encoded(one)) for one in SAMPLES[:5]])
    log = tmp_path / reading.OBJECTS
    whole = log.read_bytes()
    lines = whole.splitlines(keepends=True)
    log.write_bytes(b"".join([*lines[:2], b"\x00" * (len(lines[2]) - 1) + b"\n", *lines[3:]]))
    with Received(tmp_path) as received:
        assert len(received) == 1
        assert set(received.add_all("c", [Arrival(encoded(one)) for one in SAMPLES[:5]])) == {"new"}
        put(received, LATER)
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([lines[0][:-5] + b"\n", *lines[1:]]))
    with pytest.raises(Error, match="damaged"):
        Received(tmp_path)


CHILD = """
import sys, json
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from stix_in_samples import encoded, indicator
from countermark.share.stix.reading import Arrival, Received
with Received(Path(sys.argv[1])) as received:
    for page in range(1000):
        batch = [Arrival(encoded(indicator(20 * page + n))) for n in range(19)]
        batch.append(Arrival(b"rubbish %d" % page))
        received.add_all("c", batch)
        print(page, flush=True)
"""


@pytest.mark.parametrize("seed", range(3))
def test_a_kill_between_writes_loses_nothing_that_was_told(tmp_path: Path, seed: int) -> None:
    command = [sys.executable, "-c", CHILD, str(tmp_path), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ}) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "0\n"
        time.sleep(random.Random(seed).uniform(0.01, 0.2))
        child.send_signal(signal.SIGKILL)
        told = [0, *map(int, child.stdout.read().split())]
    with Received(tmp_path) as received:
        ids = {one["id"] for one in received.objects()}
        promised = {ident("indicator", 20 * page + n) for page in told for n in range(19)}
        assert promised <= ids
        assert len(ids) <= len(promised) + 19
        assert len(told) <= len(received.quarantine) + 1
        again = [Arrival(encoded(indicator(20 * page + n))) for page in told for n in range(19)]
        assert set(received.add_all("c", again)) == {"known"}


def test_files_of_every_form_give_the_same_objects(tmp_path: Path) -> None:
    objects = [encoded(one) for one in SAMPLES[:6]]
    joined = b",\n ".join(objects)
    forms = {
        "StixBundle": b'{"type":"bundle","id":"'
        + ident("bundle").encode()
        + b'","objects":[\n'
        + joined
        + b"]}",
        "one line": b'{"type":"bundle","objects":[' + b",".join(objects) + b"]}\n",
        "envelope": b'{"more":true,"next":"x","objects":[' + b",".join(objects) + b"]}",
        "list": b"[" + joined + b"]",
        "lines": b"\n\n" + b"\r\n".join(objects) + b"\n",
    }
    for name, data in forms.items():
        (tmp_path / name).write_bytes(data)
        assert [one.raw for one in stix_in_file(tmp_path / name)] == objects, name
    (tmp_path / "pretty").write_bytes(SPELLINGS[2])
    assert [one.raw for one in stix_in_file(tmp_path / "pretty")] == [SPELLINGS[2]]


def test_a_file_with_bad_lines_is_read_on(tmp_path: Path) -> None:
    long = b'{"x":"' + b"y" * (3 << 20) + b'"}'
    (tmp_path / "in").write_bytes(b"\n".join([encoded(FIRST), b"{broken", long, b"\xff", encoded(LATER)]))
    with Received(tmp_path / "r") as received:
        assert import_file(tmp_path / "in", received) == {"new": 2, "quarantined": 3}
        assert import_file(tmp_path / "in", received) == {"known": 2, "quarantined": 3}
        waiting = list(received.quarantine.waiting())
        assert [one.date_added for one in waiting] == ["line 2", "line 3", "line 4"]
        assert waiting[0].collection == "file:in"


@pytest.mark.parametrize("data", [b"{", b"[1,", b"", b"\xff\xfe", b"[" * 100_000, b'{"objects":'])
def test_what_is_no_file_of_stix(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "in").write_bytes(data)
    with pytest.raises(Error, match="neither a StixBundle nor objects"):
        list(stix_in_file(tmp_path / "in"))
    with pytest.raises(Error, match="cannot be read"):
        list(stix_in_file(tmp_path / "nothing"))
