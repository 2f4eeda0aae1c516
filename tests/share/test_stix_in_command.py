"""share import, as a user types it."""

import json
from pathlib import Path

from stix_in_samples import indicator, sdo

from countermark.errors import ExitCode
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
