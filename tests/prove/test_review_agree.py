"""Where the two verifiers differ, or one of them falls over, on packages that no `seal` writes."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from forging import forge
from log_stories import OUTSIDER, Story, day
from test_case_lies import as_confirmatory
from whole_case import attribution, options_of, told, trust_in

from countermark.errors import Error
from countermark.prove.leaves import leaf_files
from countermark.prove.package.trustfile import read_trust
from countermark.prove.redacting import redact as redacting
from countermark.prove.redacting.redact import RedactOptions, redact
from countermark.prove.redacting.takes import Take
from countermark.prove.verifying.verify import verify
from countermark.records.canonical import canonical_json, sha256_hex
from countermark.trust.notes import COSIGNATURE, ED25519, VerifierKey
from countermark.trust.signing import SigningKey

Make = Callable[..., Path]
METHOD, FINDINGS, CUSTODY = "data/findings/method.json", "data/findings/findings.json", "data/custody.json"
RESULTS = "data/results.json"


@pytest.fixture
def make(sealed: Callable[..., Path], tmp_path: Path, key: SigningKey) -> Make:
    def seal(story: Story, *folders: Path) -> Path:
        trust = trust_in(story, tmp_path, key)
        return sealed("whole", **options_of(story, tmp_path, trust=trust, attributions=list(folders)))

    return seal


def both(package: Path, trust: Path, capsys: pytest.CaptureFixture[str]) -> tuple[tuple[int, int], str]:
    """Exit codes of both, and what they printed."""
    try:
        found = verify(package, read_trust(trust))
        mine = 0 if found.verdict == "VERIFIED" else 20
        said = "; ".join(f"{one.number} {one.detail}" for one in found.steps if one.outcome == "FAILED")
    except Error as error:
        mine, said = int(error.exit_code), error.message
    command = [sys.executable, "-m", "countermark_verify", str(package), "--trust", str(trust)]
    other = subprocess.run(command, capture_output=True, text=True, check=False)
    theirs = [one for one in other.stdout.splitlines() if "FAILED" in one][:1] or other.stdout.splitlines()[
        :1
    ]
    return (
        mine,
        other.returncode,
    ), f"first {mine}: {said}\nsecond {other.returncode}: {theirs} {other.stderr[-900:]}"


@pytest.fixture
def agree(tmp_path: Path, key: SigningKey, capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    def check(package: Path, story: Story, full: bool = False) -> None:
        trust_in(story, tmp_path, key)
        codes, text = both(package, tmp_path / "whole-trust.json", capsys)
        assert codes[0] == codes[1] or (full and codes == (20, 0)), text[-1500:]
        assert "Traceback" not in text, text[-1500:]

    return check


def changed(package: Path, name: str, change: Callable[[Any], None]) -> dict[str, bytes | None]:
    document = json.loads((package / name).read_bytes())
    change(document)
    return {name: json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()}


def with_method(package: Path, data: bytes) -> dict[str, bytes | None]:
    return {METHOD: data} | changed(
        package, FINDINGS, lambda one: one["files"].update({"method.json": sha256_hex(data)})
    )


def custody(**changes: Any) -> Callable[[Path], dict[str, bytes | None]]:
    return lambda package: changed(package, CUSTODY, lambda one: one.update(changes))


ACTION = {"at": "2026-06-11T00:00:00Z", "by": "A", "action": "examined", "what": "x", "sha256": [], "to": ""}
CHANGES: dict[str, Callable[[Path], dict[str, bytes | None]]] = {
    "an integer of 5,000 digits": lambda p: with_method(p, b'{"a":' + b"1" * 5000 + b"}"),
    "10,001 actions": custody(actions=[ACTION] * 10_001),
    "a heading without a blank": lambda p: changed(
        p, RESULTS, lambda d: d["results"][0].update(heading="Exploratory:x")
    ),
    "run 0": lambda p: changed(p, RESULTS, lambda d: d["results"][0].update(run=0)),
    "a run below 0": lambda p: changed(p, RESULTS, lambda d: d["results"][0].update(run=-1)),
    "an integer of 5,000 digits in a table": lambda p: {
        "data/tables/more.jsonl": b'{"a":' + b"1" * 5000 + b"}\n"
    },
    "an integer of 5,000 digits in a row": lambda p: {
        "data/tables/requests.jsonl": b'{"a":-' + b"1" * 4301 + b"}\n"
    },
    "an integer of 4,300 digits": lambda p: with_method(p, b'{"a":-' + b"1" * 4300 + b"}"),
    "a run beyond 2^53": lambda p: changed(p, RESULTS, lambda d: d["results"][0].update(run=2**53)),
    "a heading that is null": lambda p: changed(p, RESULTS, lambda d: d["results"][0].update(heading=None)),
    "a reason that is null": lambda p: changed(p, RESULTS, lambda d: d["results"][0].update(reasons=[None])),
    "deep folders": lambda _: {"data/runs/" + "a/" * 9 + "b": b"x"},
    "a folder like a file but for case": lambda _: {"data/runs/a": b"x", "data/runs/A/b": b"x"},
    "a file and a folder": lambda _: {"data/runs/a.json": b"x", "data/runs/A.JSON/b": b"x"},
    "a clock off by 30,000 years": lambda p: changed(
        p, CUSTODY, lambda d: d["acquisitions"][0]["clock"].update(offset_seconds=-1e12)
    ),
    "an offset of 1e308": lambda p: changed(
        p, CUSTODY, lambda d: d["acquisitions"][0]["clock"].update(offset_seconds=-1e308)
    ),
    "an acquisition with no id": lambda p: changed(p, CUSTODY, lambda d: d["acquisitions"][0].update(id="")),
    "a fraction of a byte": lambda p: changed(
        p, CUSTODY, lambda d: d["acquisitions"][0]["items"][0].update(bytes=1.0)
    ),
    "bytes below 0": lambda p: changed(
        p, CUSTODY, lambda d: d["acquisitions"][0]["items"][0].update(bytes=-1)
    ),
    "bytes beyond 2^53": lambda p: changed(
        p, CUSTODY, lambda d: d["acquisitions"][0]["items"][0].update(bytes=2**60)
    ),
    "created empty in a plan": lambda p: changed(p, "data/plans/PLAN.json", lambda d: d.update(created="")),
    "alpha of 0": lambda p: changed(p, "data/plans/PLAN.json", lambda d: d["hypotheses"][0].update(alpha=0)),
    "a huge alpha": lambda p: {
        "data/plans/PLAN.json": (p / "data/plans/PLAN.json").read_bytes().replace(b"0.01", b"1e999")
    },
    "terms with an odd time": lambda p: changed(
        p, "data/terms.json", lambda d: d["terms"][0].update(effective="soon")
    ),
    "terms twice": lambda p: changed(p, "data/terms.json", lambda d: d.update(terms=d["terms"] * 2)),
    "a term of no id": lambda p: changed(p, "data/terms.json", lambda d: d["terms"][0].update(id="")),
}


FULL = {"10,001 actions", "a fraction of a byte", "bytes below 0", "bytes beyond 2^53", "a run beyond 2^53"}
FULL |= {
    "an integer of 5,000 digits in a table",
    "terms with an odd time",
    "terms twice",
    "no action",
    "no term",
}
"""What rules with (full) in the specification refuse: the one file may leave them to the full verifier."""


@pytest.mark.parametrize("what", CHANGES)
def test_they_agree(make: Make, tmp_path: Path, key: SigningKey, agree: Any, what: str) -> None:
    story, folder = told(tmp_path / "story")
    package = make(story, folder)
    agree(forge(package, tmp_path / "other", key, CHANGES[what](package)), story, what in FULL)


def test_they_agree_of_a_test_that_does_not_say_whether_it_decides(
    make: Make, tmp_path: Path, key: SigningKey, agree: Any
) -> None:
    story = Story(tmp_path / "story").fixed()
    run = story.start()
    attribution(tmp_path / "att", run.number)
    path = tmp_path / "att" / "attribution.json"
    content = json.loads(path.read_bytes())
    del content["tests"][0]["decides"]
    path.write_bytes(canonical_json(content))
    story.finish(run, path.read_bytes())
    story.tick(day(12), OUTSIDER)
    package = make(story, tmp_path / "att")
    agree(forge(package, tmp_path / "other", key, as_confirmatory(package)), story)


def redacted(package: Path, out: Path, key: SigningKey, name: str, *pointers: str) -> Path:
    what = [Take(ground="privilege", name=name, pointers=pointers)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leaf_files.Chooser, "stays", lambda _, pointer: leaf_files.is_kept(pointer))
        patch.setattr(redacting, "_check_verifies", lambda *_: None)
        redact(
            RedactOptions(
                package=package,
                out=out,
                keys=[key],
                what=what,
                why="x",
                allow_elsewhere=True,
                keep_attachments=True,
            )
        )
    return out


TAKEN: dict[str, tuple[str, Any, tuple[str, ...]]] = {
    "no acquisition": (CUSTODY, lambda d: d.update(acquisitions=[{}]), ("/acquisitions/0",)),
    "no clock": (CUSTODY, lambda d: d["acquisitions"][0].update(clock={}), ("/acquisitions/0/clock",)),
    "no action": (CUSTODY, lambda d: d.update(actions=[{}]), ("/actions/0",)),
    "no term": ("data/terms.json", lambda d: d.update(terms=[{}]), ("/terms/0",)),
    "no hypothesis": ("data/plans/PLAN.json", lambda d: d.update(hypotheses=[{}]), ("/hypotheses/0",)),
    "no reason given": (RESULTS, lambda d: d["results"][0].update(reasons=[]), ("/results/0/reasons",)),
    "a reason": (RESULTS, lambda d: None, ("/results/0/reasons/0",)),
    "a heading": (RESULTS, lambda d: None, ("/results/0/heading",)),
    "an acquisition of an exploratory result": (
        RESULTS,
        lambda d: d["results"][0].update(acquisitions=["acq-1"]),
        ("/results/0/acquisitions/0",),
    ),
    "the schema of custody is never out": (CUSTODY, lambda d: None, ("/acquisitions/0/items/0/name",)),
    "an item's bytes": (CUSTODY, lambda d: None, ("/acquisitions/0/items/0/bytes",)),
    "the run of a result": (
        "data/attributions/1/attribution.json",
        lambda d: None,
        ("/case_run/run", "/case_run/matter"),
    ),
    "campaigns": (FINDINGS, lambda d: d.update(campaigns=[]), ("/campaigns",)),
    "a key of a plan": ("data/plans/PLAN.json", lambda d: None, ("/hypotheses/0/commitments/0",)),
    "keyed": ("data/plans/PLAN.json", lambda d: None, ("/hypotheses/0/keyed",)),
    "matter": ("data/plans/PLAN.json", lambda d: None, ("/matter",)),
    "given": ("data/plans/PLAN.json", lambda d: None, ("/hypotheses/0/given/0",)),
    "id of a hypothesis": ("data/plans/PLAN.json", lambda d: None, ("/hypotheses/0/id",)),
    "alpha": ("data/attributions/1/attribution.json", lambda d: None, ("/alpha",)),
    "tests": ("data/attributions/1/attribution.json", lambda d: None, ("/tests/0/name",)),
    "id of an acquisition": (CUSTODY, lambda d: None, ("/acquisitions/0/id",)),
    "terms text": ("data/terms.json", lambda d: None, ("/terms/0/file",)),
}


@pytest.mark.parametrize("what", TAKEN)
def test_they_agree_of_what_was_taken_out(
    make: Make, tmp_path: Path, key: SigningKey, agree: Any, what: str
) -> None:
    story, folder = told(tmp_path / "story")
    package = make(story, folder)
    name, change, pointers = TAKEN[what]
    other = forge(package, tmp_path / "other", key, changed(package, name, change)) if change else package
    agree(redacted(other, tmp_path / "left", key, name, *pointers), story, what in FULL)


def test_an_ally_under_a_second_name_is_no_outsider(
    make: Make, tmp_path: Path, key: SigningKey, capsys: Any
) -> None:
    story, folder = told(tmp_path / "story")
    package = make(story, folder)
    trust_in(story, tmp_path, key)
    path = tmp_path / "whole-trust.json"
    trust = json.loads(path.read_bytes())
    trust["witnesses"][1]["vkey"] = str(VerifierKey("another.example", OUTSIDER.key.public, COSIGNATURE))
    path.write_text(json.dumps(trust))
    codes, text = both(package, path, capsys)
    assert codes == (3, 3), text[-500:]


def test_a_log_is_no_witness_of_itself(make: Make, tmp_path: Path, key: SigningKey, capsys: Any) -> None:
    story, folder = told(tmp_path / "story")
    package = make(story, folder)
    trust_in(story, tmp_path, key)
    path = tmp_path / "whole-trust.json"
    trust = json.loads(path.read_bytes())
    own = story.trust.key.public
    trust["witnesses"].append(
        {"vkey": str(VerifierKey("outsider.example", own, COSIGNATURE)), "alliance": False}
    )
    path.write_text(json.dumps(trust))
    codes, text = both(package, path, capsys)
    assert codes == (3, 3), text[-500:]


def test_a_log_has_one_key(make: Make, tmp_path: Path, key: SigningKey, capsys: Any) -> None:
    story, folder = told(tmp_path / "story")
    package = make(story, folder)
    trust_in(story, tmp_path, key)
    path = tmp_path / "whole-trust.json"
    trust = json.loads(path.read_bytes())
    trust["logs"].append(str(VerifierKey(story.trust.key.name, SigningKey.generate().public, ED25519)))
    path.write_text(json.dumps(trust))
    codes, text = both(package, path, capsys)
    assert codes == (3, 0), text[-500:]  # that no log has two is (full): the second takes either


@pytest.mark.parametrize(("name", "data"), [("x.ZIP", b"junk"), ("x.bin", b"junkPK\3\4junk" * 4)])
def test_only_the_full_one_tells_what_is_no_package(
    tmp_path: Path, key: SigningKey, capsys: Any, name: str, data: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    trust = {
        "schema": "countermark/trust/v1",
        "signers": [{"name": "A", "public_key": key.public.to_base64()}],
        "threshold": 1,
    }
    (tmp_path / "t.json").write_text(json.dumps(trust))
    codes, text = both(path, tmp_path / "t.json", capsys)
    assert codes == (3, 20), text
    path.unlink()
    codes, text = both(path, tmp_path / "t.json", capsys)
    assert codes == (3, 3), text
