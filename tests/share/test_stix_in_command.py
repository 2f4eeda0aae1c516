"""share import, as a user types it."""

import json
from pathlib import Path

from stix_in_samples import indicator, sdo

from countermark.errors import ExitCode
from countermark.share.stix.quarantine import Refusal
from countermark.share.stix.reading import Received
from running import countermark


def test_a_file_is_kept_with_what_nobody_here_understands(tmp_path: Path) -> None:
    odd = indicator(1, x_theirs={"deep": [1, {"y": None}]})
    bundle = {"type": "bundle", "id": "bundle--11111111-1111-4111-8111-111111111111"}
    bad = {**sdo("campaign", 2, name="x"), "created": "yesterday"}
    source = tmp_path / "theirs.json"
    source.write_text(json.dumps({**bundle, "objects": [odd, bad, sdo("x-new-type", 3, what="it is")]}))
    done = countermark("share", "import", source, "--out", tmp_path / "in")
    assert (done.code, done.out) == (0, "2 new, 0 known, 1 quarantined\n")
    assert "2 objects, 1 in the quarantine" in done.err
    with Received(tmp_path / "in") as received:
        assert received.raw(odd["id"]) == json.dumps(odd).encode()
    said = json.loads(countermark("share", "import", source, "--out", tmp_path / "in", "--json").out)
    assert (said["new"], said["known"], said["quarantined"], said["waiting"]) == (0, 2, 1, 1)


def test_what_holds_nothing_valid(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_bytes(b'{"type":"campaign"}\n\xff\n')
    assert countermark("share", "import", tmp_path / "bad.jsonl", "--out", tmp_path / "in").code == 3
    for name in ("missing", "."):
        done = countermark("share", "import", tmp_path / name, "--out", tmp_path / "never")
        assert done.code == ExitCode.NO_INPUT
        assert done.error()
    assert not (tmp_path / "never").exists()


def test_the_quarantine_is_looked_at_again_on_demand(tmp_path: Path) -> None:
    good, bad = indicator(1), {**sdo("campaign", 2, name="x"), "created": "yesterday"}
    with Received(tmp_path / "in") as received:  # as an earlier version refused it, and a bad one
        raws = [json.dumps(one).encode() for one in (good, bad)]
        received.quarantine.add([Refusal("c", "2026-11-27T00:00:00Z", raw, "not known yet") for raw in raws])
    again = ["share", "import", "--recheck", "--out", tmp_path / "in"]
    done = countermark(*again)
    assert (done.code, done.out) == (0, "1 new, 0 known, 1 quarantined\n")
    assert "1 objects, 1 in the quarantine" in done.err
    said = json.loads(countermark(*again, "--json").out)
    assert (said["new"], said["quarantined"], said["waiting"]) == (0, 1, 1)
    with Received(tmp_path / "in") as received:
        assert received.raw(good["id"]) == raws[0]
        assert [one.raw for one in received.quarantine.waiting()] == raws[1:]
    assert countermark("share", "import", "--recheck", "--out", tmp_path / "none").code == ExitCode.NO_INPUT
    assert not (tmp_path / "none").exists()
    for arguments in ([], [tmp_path / "x", "--recheck"]):
        done = countermark("share", "import", *arguments, "--out", tmp_path / "in")
        assert (done.code, "--recheck" in done.error()) == (ExitCode.USAGE, True)
