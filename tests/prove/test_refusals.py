"""Whatever spec/package.md does not allow is refused, though an accepted signer sealed it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from forging import forge

from countermark.prove.package.layout import CAPTURE_JSON, CASE, CUSTODY, FINDINGS_JSON, METHOD_JSON, RESULTS
from countermark.prove.verifying.verification import Verification
from countermark.prove.verifying.verify import verify
from countermark.records.canonical import sha256_hex
from countermark.trust.signing import SigningKey

MEMBERS = "data/tables/members.jsonl"
SEAL = "attestations/seal.dsse.json"
TABLE = {"digest": {"sha256": "ab" * 32}, "name": "data/tables/members.jsonl"}


@pytest.fixture
def folder(sealed: Callable[..., Path]) -> Path:
    return sealed("case")


@pytest.fixture
def check(
    folder: Path, tmp_path: Path, key: SigningKey, trust_of: Callable
) -> Callable[..., tuple[str | None, str]]:
    """Verify the forged package: the step that failed, and why."""

    def of(changed: dict[str, Any], statement: Any = lambda _name, _one: None, **more: Any) -> tuple:
        forged = forge(folder, tmp_path / "forged", key, changed, statement, **more)
        return failure(verify(forged, trust_of(key)))

    return of


def failure(verification: Verification) -> tuple[str | None, str]:
    step = next((step for step in verification.steps if step.outcome == "FAILED"), None)
    return (step.name, step.detail) if step else (None, "")


def edited(folder: Path, name: str, change: Callable[[Any], None]) -> bytes:
    document = json.loads((folder / name).read_bytes())
    change(document)
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def test_made_again_without_a_change_it_verifies(check: Callable) -> None:
    """Else the tests below would show nothing."""
    assert check({}) == (None, "")


@pytest.mark.parametrize(
    ("changed", "step", "why"),
    [
        ({"data/findings/more.txt": b"x"}, "digests", "listed by nothing"),
        ({"data/events/more.txt": b"x"}, "digests", "listed by nothing"),
        ({"data/scan/scan.json": b"{}"}, "digests", "listed by nothing"),
        ({"data/attributions/1/attribution.json": b"{}"}, "digests", "listed by nothing"),
        ({"data/plans/plan.txt": b"x"}, "digests", "no plan"),
        ({"data/plans/deep/plan.json": b"{}"}, "digests", "no plan"),
        ({"data/tables/rows.csv": b"x"}, "digests", "no table"),
        ({"data/log/entries.jsonl": b"x\n"}, "digests", "case.json does not name"),
        ({"data/log/more.txt": b"x"}, "digests", "does not belong to a log"),
        ({"data/log/checkpoints/01.note": b"x"}, "digests", "does not belong to a log"),
        ({"data/log/checkpoints/1.tsr": b"x"}, "digests", "without the checkpoint"),
        ({"data/leaves/findings/report.html.leaves": b"x"}, "digests", "listed by nothing"),
        (
            {"data/terms.json": b'{"schema":"countermark/terms/v1","terms":[]}', "data/terms/a.txt": b""},
            "digests",
            "listed by nothing",
        ),
        ({"data/terms.json": b"{}"}, "digests", "terms.json"),
        ({"data/plans/P.json": b"{}"}, "chain", "plan"),
        ({CUSTODY: None}, "digests", "missing"),
        ({RESULTS: None}, "digests", "missing"),
        ({METHOD_JSON: None}, "digests", "missing"),
        ({"data/findings/report.html": None}, "digests", "missing"),
        ({"data/findings/report.html": b"other"}, "digests", "written beside it"),
        ({CUSTODY: b'{"schema":"countermark/custody/v2"}'}, "chain", "custody"),
        ({RESULTS: b'{"schema":"countermark/results/v1","results":[]}'}, "results", "one result a step"),
        ({MEMBERS: b'{"account_id":"a"}'}, "leaves", "line feed"),
        ({MEMBERS: b"[]\n"}, "leaves", "no object"),
        ({MEMBERS: b'{"a":1,"a":2}\n'}, "leaves", "twice"),
        ({MEMBERS: b'{"a":NaN}\n'}, "leaves", "NaN"),
        ({MEMBERS: b'{"a":"\\ud800"}\n'}, "leaves", "surrogate"),
        ({MEMBERS: b'{"a":"\xff"}\n'}, "leaves", "UTF-8"),
        ({MEMBERS: b'{"a":' + b"[" * 64 + b"]" * 64 + b"}\n"}, "leaves", "deeper"),
        ({MEMBERS: b'{"a":"' + b"x" * (1 << 20) + b'"}\n'}, "leaves", "over 1,048,576 bytes"),
        ({"data/tables/requests.jsonl": b"{\n"}, "leaves", "JSON"),
        ({METHOD_JSON: b'{"a":' * 65 + b"1" + b"}" * 65}, "digests", "written beside it"),
    ],
)
def test_payloads_that_are_refused(
    check: Callable, changed: dict[str, bytes | None], step: str, why: str
) -> None:
    found, detail = check(changed)
    assert found == step
    assert why in detail


@pytest.mark.parametrize(
    ("name", "change", "step", "why"),
    [
        (CASE, lambda one: one.update(matter="m"), "bag", "matter without a log"),
        (CASE, lambda one: one.update(log={"origin": "a", "size": 1}), "bag", "matter"),
        (CASE, lambda one: one.update(log={"origin": "a b", "size": 1}, matter="m"), "bag", "log"),
        (CASE, lambda one: one.update(log={"origin": "a", "size": 1}, matter="m"), "digests", "a log"),
        (CASE, lambda one: one.update(schema="countermark/case/v1"), "bag", "schema"),
        (CASE, lambda one: one.update(steps=["capture", "detect", "attribute-2", "seal"]), "bag", "steps"),
        (CASE, lambda one: one.update(signers=[]), "bag", "signers"),
        (CASE, lambda one: one.update(more=1), "bag", "unknown field"),
        (CASE, lambda one: one.update(case_id=".x"), "bag", "case id"),
        (CAPTURE_JSON, lambda one: one["sources"][0].pop("sha256"), "chain", "sources"),
        (CAPTURE_JSON, lambda one: one["files"][0].update(name="a/b"), "digests", "stand beside"),
        (FINDINGS_JSON, lambda one: one["campaigns"][0].update(size=9), "chain", "revision"),
        (FINDINGS_JSON, lambda one: one["events"].update(capture_sha256="0" * 64), "chain", "events"),
        (FINDINGS_JSON, lambda one: one.update(schema="x"), "chain", "schema"),
        (FINDINGS_JSON, lambda one: one.update(files=[]), "digests", "list files"),
        (RESULTS, lambda one: one["results"][0].update({"class": "confirmatory"}), "results", "heading"),
        (
            RESULTS,
            lambda one: one["results"][0].update(
                {"class": "confirmatory", "heading": "Confirmatory: x", "reasons": []}
            ),
            "results",
            "confirmatory",
        ),
    ],
)
def test_documents_that_are_refused(
    check: Callable, folder: Path, name: str, change: Callable[[Any], None], step: str, why: str
) -> None:
    data = edited(folder, name, change)
    changed = {name: data}
    if name == CAPTURE_JSON:  # the findings name it: not what is asked here
        digest = sha256_hex(data)
        changed[FINDINGS_JSON] = edited(
            folder, FINDINGS_JSON, lambda one: one["events"].update(capture_sha256=digest)
        )
    found, detail = check(changed)
    assert found == step, detail
    assert why in detail


def on(name: str, change: Callable[[dict[str, Any]], None]) -> Callable[[str, dict[str, Any]], None]:
    """Change the Statement of one envelope."""

    def of(envelope: str, statement: dict[str, Any]) -> None:
        if envelope == name:
            change(statement)

    return of


@pytest.mark.parametrize(
    ("statement", "step", "why"),
    [
        (on(SEAL, lambda one: one["subject"].pop()), "digests", "not sealed"),
        (on(SEAL, lambda one: one["subject"].reverse()), "envelopes", "sorted"),
        (on(SEAL, lambda one: one["subject"][0]["digest"].update(sha512="0")), "envelopes", "one SHA-256"),
        (on(SEAL, lambda one: one["subject"][0]["digest"].update(sha256="0" * 64)), "digests", "sealed"),
        (on(SEAL, lambda one: one["predicate"].update(created="2025-01-01T00:00:00Z")), "chain", "payload"),
        (on(SEAL, lambda one: one["predicate"].update(more=1)), "envelopes", "predicate"),
        (on(SEAL, lambda one: one["predicate"]["leaves"].pop()), "digests", "not sealed"),
        (on(SEAL, lambda one: one["predicate"]["leaves"].pop(1)), "leaves", "roots of exactly"),
        (on(SEAL, lambda one: one["subject"].append(TABLE)), "envelopes", "root of its leaves alone"),
        (on(SEAL, lambda one: one["predicate"]["leaves"].reverse()), "envelopes", "sorted"),
        (on(SEAL, lambda one: one["predicate"]["leaves"][0].update(count=1)), "leaves", "root"),
        (on(SEAL, lambda one: one["predicate"]["leaves"][0].update(root="0" * 64)), "leaves", "root"),
        (on(SEAL, lambda one: one["predicate"]["leaves"][0].update(form="rows")), "leaves", "cut into rows"),
        (on(SEAL, lambda one: one["predicate"]["materials"].pop()), "chain", "payload"),
        (on(SEAL, lambda one: one.update(predicateType="urn:x")), "envelopes", "type"),
        (on("attestations/close.dsse.json", lambda one: one["subject"].pop()), "digests", "cover the seal"),
        (
            on("attestations/close.dsse.json", lambda one: one["predicate"].update(nonces=["1"])),
            "chain",
            "nonces",
        ),
        (on("attestations/detect.dsse.json", lambda one: one["subject"].pop()), "chain", "payload"),
        (
            on("attestations/detect.dsse.json", lambda one: one["predicate"].update(case_id="CASE-2")),
            "chain",
            "payload",
        ),
        (
            on("attestations/capture.dsse.json", lambda one: one["predicate"]["materials"].pop()),
            "chain",
            "payload",
        ),
    ],
)
def test_statements_that_are_refused(check: Callable, statement: Any, step: str, why: str) -> None:
    found, detail = check({}, statement)
    assert found == step, detail
    assert why in detail


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"0" * 32 + b" ", "neither a salt nor a hash"),
        (b"A" * 32, "neither a salt nor a hash"),
        (b"0" * 200, "over 128 bytes"),
        (b"-" + b"0" * 64 + b" because", "neither a salt nor a hash"),
        (b"-" + b"0" * 64 + b" privilege", "still there"),
        (b"", "neither a salt nor a hash"),
        (None, "not of one length"),
    ],
)
def test_leaves_that_are_refused(check: Callable, folder: Path, line: bytes | None, why: str) -> None:
    name = "data/leaves/tables/members.jsonl.leaves"
    lines = (folder / name).read_bytes().splitlines()
    lines[0:1] = [] if line is None else [line]
    found, detail = check({name: b"\n".join(lines) + b"\n"}, leaves=False)
    assert found == "leaves", detail
    assert why in detail
