"""Writes vectors/package: small packages, good and bad, each with the verdict that it must get.

    python make_packages.py

The packages stand in packages.tar.xz, because they have most of their bytes in common; vectors.json says of
every one what is wrong with it, the trust file, the verdict and the step that fails. Run again, it keeps
everything but the timestamps, whose authorities are made anew.
"""

import io
import json
import sys
import tarfile
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import rfc8785
from package_builder import (
    CREATED,
    Files,
    Package,
    PrivateLog,
    add_bag,
    b64,
    document,
    envelope,
    key_of,
    note,
    raw_of,
    redact,
    sha,
    statement_of,
    tight,
    unchanged,
    vkey,
    zip_of,
)

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "package"
sys.path.insert(0, str(ROOT.parent / "tests/prove"))
from loopback_tsa import Authority  # noqa: E402

ANN, BOB = key_of("Ann"), key_of("Bob")
LOG, UNIVERSITY, ALLY = key_of("log"), key_of("university"), key_of("ally")
ORIGIN, MATTER, TAG, OTHER_TAG = "member-a.example/log.public", "matter-7", "7" * 32, "8" * 32
FIXED = int(datetime(2026, 6, 10, tzinfo=UTC).timestamp())
KEY_COMMITMENT = sha(b"commitment to a key")
SUSPECT, PROMPTS = sha(b"what the suspect answered"), sha(b"prompts")
REPORT = b"<!doctype html><title>report</title>\n"


def signer(name: str, key: Any, **more: str) -> dict[str, str]:
    return {"name": name, "public_key": b64(raw_of(key)), **more}


def trust(**more: Any) -> dict[str, Any]:
    return {
        "schema": "countermark/trust/v1",
        "signers": [signer("Ann", ANN), signer("Bob", BOB)],
        "threshold": 1,
    } | more


def log_trust(**more: Any) -> dict[str, Any]:
    witnesses = [
        {"vkey": vkey("witness.university.example", UNIVERSITY, 4), "alliance": False},
        {"vkey": vkey("member-b.example", ALLY, 4), "alliance": True},
    ]
    return trust(logs=[vkey(ORIGIN, LOG, 1)], witnesses=witnesses) | more


def campaign() -> dict[str, Any]:
    """With numbers that RFC 8785 writes in every one of its ways."""
    content: dict[str, Any] = {
        "campaign_id": "campaign-1",
        "kind": "harvest",
        "size": 3,
        "p_value": 1e-9,
        "q_value": 1.5e-7,
        "log10_p_value": -9.0,
        "reasons": [
            {"sign": "shared_templates", "value": 0.25, "text": 'half \u2014 \u00e9\U0001f600 "\\ \u0007'}
        ],
        "figures": [0.0, 1e21, 1e20, 123456789.125, 1e-6, 1.2345e-7, -5e-324, 1.7976931348623157e308],
        "\ufb01": {"\U0001f600": 1, "z": []},
    }
    return content | {"revision": sha(rfc8785.dumps(content))[:32], "disposition": None}


def attribution(**more: Any) -> dict[str, Any]:
    test = {"name": "pooled score", "subject": "0123456789abcdef", "null": "independent of the key"}
    test |= {
        "statistic": 9.5,
        "n": 400,
        "p_value": 1e-6,
        "log10_p_value": -6.0,
        "law": "exact",
        "exact": True,
    }
    test |= {"calibrated_to": 1e-4, "calibration": "docs/watermark-benchmarks.md", "decides": True}
    verdict = "not independent of key 0123456789abcdef"
    conclusion = {"subject": "0123456789abcdef", "verdict": verdict, "adjusted_p_value": 1e-6}
    return {
        "schema": "countermark/attribution/v1",
        "kind": "text",
        "verdict": verdict,
        "reasons": [],
        "conclusions": [conclusion | {"adjusted_log10_p_value": -6.0, "reported": "p < 0.0001"}],
        "tests": [test],
        "alpha": 0.01,
        "family": 1,
        "minimum_detectable": {"share": 0.1},
        "other_explanations": ["forgery"],
        "controls": [],
        "validity_domain": {"measured": {"tokens": [100, 1e5]}, "where": "docs/watermark-benchmarks.md"},
        "not_validated": [],
        "inputs": {"suspect": SUSPECT, "prompts": PROMPTS},
        "parameters": {"seed_source": {"entry": 1}},
        "origin": {},
        "software": {},
        "case_run": {"matter": MATTER, "run": 1},
        "files": {},
    } | more


def payload() -> Files:
    """The smallest case: capture and findings, exploratory, with one table of each form."""
    sources = [{"name": "gateway.jsonl", "sha256": sha(b"raw"), "bytes": 3}] * 2
    events = [{"name": "events-00000.parquet", "sha256": sha(b"events"), "rows": 1}]
    capture = document({"schema": "countermark/capture/v1", "sources": sources, "files": events})
    method = document({"seed": 2**63 - 1, "sql": ["SELECT 1"], "empty": {}, "0": {"~/": 1}})
    listed = {"method.json": sha(method), "report.html": sha(REPORT)}
    findings = {"schema": "countermark/findings/v1", "campaigns": [campaign()], "files": listed, "fdr": 0.01}
    findings["events"] = {"capture_sha256": sha(capture)}
    item = {"name": "gateway.jsonl", "sha256": sha(b"raw"), "bytes": 3}
    texts = {"what": "gateway log", "by": "Ann Example", "role": "analyst", "source": "gateway-3"}
    acquisition = {"id": "acq-1", **texts, "method": "capture", "purpose": "routine", "items": [item]}
    acquisition |= {"started": "2026-06-15T08:00:00Z", "ended": "2026-06-15T08:10:00Z"}
    acquisition |= {"clock": {"source": "ntp", "offset_seconds": 0.02}}
    custody = {"schema": "countermark/custody/v1", "acquisitions": [acquisition], "holds": [], "actions": []}
    members = [{"campaign_id": "campaign-1", "account_id": f"account-{n}", "score": 0.5} for n in range(3)]
    rows = [{"ts": "2026-06-01T00:00:00.000001Z", "account_id": f"account-{n}", "n": n} for n in range(5)]
    return {
        "data/events/capture.json": capture,
        "data/findings/method.json": method,
        "data/findings/report.html": REPORT,
        "data/findings/findings.json": document(findings),
        "data/custody.json": tight(custody),
        "data/results.json": tight(results(detect_result())),
        "data/tables/members.jsonl": b"".join(tight(one) + b"\n" for one in members),
        "data/tables/requests.jsonl": b"".join(rfc8785.dumps(one) + b"\n" for one in rows),
    }


def results(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"schema": "countermark/results/v1", "results": list(entries)}


def detect_result() -> dict[str, Any]:
    entry = {"result": "detect", "heading": "Exploratory: account networks in the access log"}
    entry |= {"class": "exploratory", "reasons": ["no plan"], "plan": "", "hypothesis": "", "run": None}
    return entry | {"acquisitions": [], "commitments": []}


def with_log(
    *,
    plan_first: bool = True,
    witness: bool = True,
    seen: int = FIXED,
    forge: Callable[[Any], None] = unchanged,
    show_start: bool = True,
    offset: float = 0.02,
    digest: str = "",
    more_runs: tuple[dict[str, Any], ...] = (),
    more_files: Files | None = None,
    confirmatory: bool = True,
    keyed: bool = True,
    alpha: float = 0.01,
    named: list[str] | None = None,
    started: str = "2026-06-15T08:00:00Z",
    acquired: str = "after the plan",
    plan: dict[str, Any] = {},  # noqa: B006 - more fields of the plan, and of the record
    record: dict[str, Any] = {},  # noqa: B006
) -> Package:
    """A case with a log and one attribution that says confirmatory; `acquired`: where the log has the record
    of its acquisition, `after the plan`, `before it` or `never`."""
    files, result = payload(), document(attribution(**record))
    hypothesis = {"id": "H1", "null": "independent of the key", "test": "pooled score", "alpha": alpha}
    hypothesis |= {"keyed": keyed, "commitments": [KEY_COMMITMENT] if keyed else [], "given": [PROMPTS]}
    content = {"schema": "countermark/plan/v1", "plan_id": "main", "matter": MATTER, "created": CREATED}
    content |= {"by": "Ann", "title": "t", "hypotheses": [hypothesis], "multiplicity": "holm", "controls": []}
    plan_json = document(content | {"prompts": "p", "stopping": "s", "exclusions": "e"} | plan)
    entry = {"result": "attribute-1", "heading": "Confirmatory: text of the suspect", "class": "confirmatory"}
    entry |= {"reasons": [], "plan": "main", "hypothesis": "H1", "run": 1, "acquisitions": ["acq-1"]}
    named = hypothesis["commitments"] if named is None else named
    if not confirmatory:
        entry |= {"class": "exploratory", "heading": "Exploratory: text", "reasons": ["no plan"], "run": None}
    custody = json.loads(files["data/custody.json"])
    custody["acquisitions"][0]["items"].append({"name": "answers", "sha256": SUSPECT, "bytes": 1})
    custody["acquisitions"][0]["clock"]["offset_seconds"] = offset
    custody["acquisitions"][0] |= {"started": started, "ended": started}
    files |= {
        "data/attributions/1/attribution.json": result,
        "data/plans/main.json": plan_json,
        "data/results.json": tight(results(detect_result(), entry | {"commitments": named})),
        "data/custody.json": tight(custody),
    }
    files |= more_files or {}
    logged = (acquired, sha(rfc8785.dumps(custody["acquisitions"][0])))
    log = private_log(sha(plan_json), digest or sha(result), plan_first, show_start, more_runs, logged)
    forge(log)
    cosigners: dict[str, tuple[Any, int]] = {"member-b.example": (ALLY, seen - 60)}
    if witness:
        cosigners["witness.university.example"] = (UNIVERSITY, seen)
    files["data/log/entries.jsonl"] = b"".join(leaf + b"\n" for leaf in log.leaves)
    files["data/log/openings.jsonl"] = b"".join(line + b"\n" for line in log.openings)
    for size in (1, len(log.leaves)):
        when = {name: (key, time + 10 * 86400 * (size > 1)) for name, (key, time) in cosigners.items()}
        files[f"data/log/checkpoints/{size}.note"] = note(ORIGIN, log.leaves[:size], LOG, when)
    case = {"log": {"origin": ORIGIN, "size": len(log.leaves)}, "matter": MATTER}
    return Package(files, [ANN], case=case, attributions=1)


def private_log(
    plan: str,
    result: str,
    plan_first: bool,
    show_start: bool,
    more: tuple[dict[str, Any], ...],
    acquired: tuple[str, str],
) -> PrivateLog:
    def entry(kind: str, payload: dict[str, Any]) -> dict[str, Any]:
        return {"kind": kind, "payload": payload, "time": "2026-06-09T00:00:00Z"}

    def run(number: int, kind: str, matter: str = MATTER, space: str = "testifying", **said: Any) -> Any:
        tag = TAG if matter == MATTER else OTHER_TAG
        head = {"matter": tag, "run": number, "space": space}
        body = {"run": number, "matter": matter, "space": space, "digests": {}, **said}
        if kind == "run-start":
            counts = ("bodies", "keys", "profiles", "epochs", "hypotheses", "family")
            body |= dict.fromkeys(counts, 1) | {"key_ids": [], "profile_ids": [], "text_ids": []}
        body |= {} if kind == "run-start" else {"status": said.get("status", "failed")}
        shown = said.pop("shown", matter == MATTER and space == "testifying")
        body.pop("shown", None)
        return entry(kind, body), shown, head

    def planned(name: str, digest: str, matter: str = MATTER, shown: bool = True, tag: str = "") -> Any:
        head = {} if tag == "none" else {"matter": tag or (TAG if matter == MATTER else OTHER_TAG)}
        payload = {"matter": matter, "plan_id": name, "sha256": digest}
        return entry("analysis-plan", payload), shown, head

    fixed = planned("main", plan)
    key = (entry("commitment", {"commitment": KEY_COMMITMENT}), True, {})
    start = run(1, "run-start", shown=show_start)
    done = run(1, "run-outcome", status="done", digests={"attribution.json": result})
    log = PrivateLog()
    record = (entry("acquisition", {"id": "acq-1", "sha256": acquired[1]}), True, {})
    early, late = ([record] if acquired[0] == one else [] for one in ("before it", "after the plan"))
    log.tick([*early, fixed, key, *late] if plan_first else [key, start])
    log.tick(
        [start, done, run(2, "run-start", "other"), run(2, "run-outcome", "other")]
        if plan_first
        else [fixed, *late, done]
    )
    log.tick([run(3 if plan_first else 2, "run-start", space="privileged")])
    if more:
        log.tick([planned(**one) if "name" in one else run(**one) for one in more])
    return log


class Vectors:
    """Writes packages and collects what is to be said of them."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.packages: Files = {}

    def add(
        self,
        name: str,
        files: Files | bytes,
        step: str,
        about: str,
        said: Any = None,
        case: str = "",
        full: bool = False,
    ) -> None:
        """`full`: a rule of the full verifier; the one in one file verifies it, or fails later."""
        said = trust() if said is None else said
        data = files if isinstance(files, bytes) else zip_of(files)
        self.packages[f"{name}.zip"] = data
        good = "VERIFIED" if said else "INTACT, SIGNER NOT CHECKED"
        entry = {"file": f"{name}.zip", "about": about, "verdict": "FAILED" if step else good, "step": step}
        self.entries.append(entry | {"case": case, "trust": said or None} | ({"full": True} if full else {}))


def small(**more: Any) -> Files:
    return Package(**({"payload": payload(), "keys": [ANN]} | more)).build()


def after(change: Callable[[Files], None]) -> Files:
    """The small case with files changed after sealing, and the bag made around them."""
    return small(sealed=change)


def put(name: str, old: bytes, new: bytes) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        assert old in files[name], name
        files[name] = files[name].replace(old, new)

    return change


def before(name: str, old: bytes, new: bytes) -> Files:
    """The small case with a payload that an accepted signer sealed although it is wrong."""
    files = payload()
    put(name, old, new)(files)
    if name == "data/events/capture.json":
        put("data/findings/findings.json", sha(payload()[name]).encode(), sha(files[name]).encode())(files)
    return small(payload=files)


def on_statement(kind: str, change: Callable[[Any], Any]) -> Files:
    def edit(statement: dict[str, Any]) -> None:
        if statement["predicateType"].startswith(f"urn:countermark:{kind}:"):
            change(statement)

    return small(statement=edit)


def good_and_outer(vectors: Vectors) -> None:
    files = small()
    data = zip_of(files)
    vectors.add("good", files, "", "capture and findings, one table of rows, one of fields")
    vectors.add("good-no-trust", files, "", "the same without a trust file", {})
    vectors.add(
        "good-two-signers", small(keys=[ANN, BOB]), "", "two signers, both needed", trust(threshold=2)
    )
    vectors.add("outer-comment", data[:-2] + b"\1\0x", "outer layer", "a comment at the end of the zip")
    vectors.add("outer-tail", data + b"\0", "outer layer", "a byte after the end record")
    at = data.index(b"PK\3\4")
    dated = data[: at + 10] + b"\1" + data[at + 11 :]
    vectors.add("outer-time", dated, "outer layer", "a local header with a time")
    vectors.add("outer-cut", data[:-100], "outer layer", "the last 100 bytes are missing")
    wrong_crc = data.replace(b"bagit.txtBagIt", b"bagit.txtBagiT")
    vectors.add("outer-crc", wrong_crc, "outer layer", "a byte of a file changed, its CRC-32 not")
    vectors.add("outer-name", small() | {"data/.hidden": b""}, "outer layer", "a name that begins with a dot")
    vectors.add(
        "outer-case",
        small() | {"BagIt.txt": b""},
        "outer layer",
        "two names that differ only in case",
        full=True,
    )
    vectors.add(
        "outer-folder",
        small(payload=payload() | {"data/x": b"", "data/x/y": b""}),
        "outer layer",
        "a file below the name of a file",
        full=True,
    )
    vectors.add("bag-base", zip_of(files, "CASE-2"), "bag", "the base directory is another case id")
    vectors.add("bag-info", files | {"bag-info.txt": b"x"}, "bag", "bag-info.txt says something of its own")
    changed = files | {"data/findings/report.html": b"another"}
    vectors.add("bag-manifest", changed, "bag", "a changed file under the old manifest")
    stray = dict(files) | {"stray.txt": b""}
    add_bag(stray)
    vectors.add("bag-stray", stray, "bag", "a file outside data/ and attestations/")
    unknown = after(put("data/case.json", b'"timestamps":0', b'"timestamps":0,"x":0'))
    vectors.add("bag-case-field", unknown, "bag", "an unknown field in case.json")
    vectors.add(
        "bag-case-form", after(put("data/case.json", b'"log":null', b'"log": null')), "bag", "no RFC 8785"
    )


def statements(vectors: Vectors) -> None:
    def drop(files: Files) -> None:
        files.pop("attestations/detect.dsse.json")

    def reformat(files: Files) -> None:
        name = "attestations/detect.dsse.json"
        files[name] = json.dumps(json.loads(files[name]), sort_keys=True).encode()

    def other_signer(files: Files) -> None:
        name = "attestations/detect.dsse.json"
        statement = statement_in(files[name])
        files[name] = envelope(statement, [BOB])

    def flip(files: Files) -> None:
        outer = json.loads(files["attestations/close.dsse.json"])
        outer["signatures"][0]["sig"] = "A" * 86 + "=="
        files["attestations/close.dsse.json"] = rfc8785.dumps(outer)

    def one_hash_off(statement: Any) -> None:
        statement["predicate"]["leaves"][0]["root"] = sha(b"")

    vectors.add("envelopes-missing", after(drop), "envelopes", "no Statement of detect")
    vectors.add("envelopes-form", after(reformat), "envelopes", "an envelope that is not RFC 8785")
    type_of = on_statement("detect", lambda s: s.update(predicateType="urn:countermark:detect:v1"))
    vectors.add("envelopes-type", type_of, "envelopes", "a Statement of version 1")
    more = on_statement("seal", lambda s: s["predicate"].update(extra=1))
    vectors.add("envelopes-predicate", more, "envelopes", "an unknown field in the seal's predicate")
    report = "data/findings/report.html"
    vectors.add(
        "digests-changed", after(put(report, b"doctype", b"DOCTYPE")), "digests", "a changed attachment"
    )
    vectors.add(
        "digests-added", after(lambda files: files.update({"data/x.txt": b""})), "digests", "not sealed"
    )
    vectors.add(
        "digests-missing", after(lambda files: files.pop(report) and None), "digests", "a file is missing"
    )
    unlisted = small(payload=payload() | {"data/findings/more.txt": b""})
    about = "a file below findings/ that findings.json does not list"
    vectors.add("digests-unlisted", unlisted, "digests", about, full=True)
    vectors.add(
        "leaves-root", on_statement("seal", one_hash_off), "leaves", "another root than the leaves give"
    )
    leaves = "data/leaves/custody.json.leaves"
    salted = small()
    swapped = salted[leaves].splitlines(keepends=True)
    swap = b"".join([swapped[1], swapped[0], *swapped[2:]])
    vectors.add("digests-salts", after(put(leaves, salted[leaves], swap)), "digests", "two salts exchanged")
    twice = before("data/custody.json", b'"holds":[]', b'"holds":[],"holds":[]')
    vectors.add("digests-json", twice, "digests", "a key twice in custody.json")
    row = before("data/tables/requests.jsonl", b'"n":3', b'"n":3,"n":4')
    vectors.add("leaves-row", row, "leaves", "a key twice in a row")
    roots_alone(vectors)
    wrong = on_statement("detect", lambda s: s["predicate"].update(case_id="CASE-2"))
    vectors.add(
        "chain-statement", wrong, "chain", "a Statement of another case, signed by an accepted signer"
    )
    revision = before("data/findings/findings.json", b'"harvest"', b'"pool"')
    about = "a campaign whose revision is not that of its content"
    vectors.add("chain-revision", revision, "chain", about, full=True)
    capture = before("data/findings/findings.json", b'"capture_sha256": "', b'"capture_sha256": "0')
    vectors.add("chain-capture", capture, "chain", "findings of another capture")
    field = before("data/custody.json", b'"holds":[]', b'"holds":[],"x":1')
    vectors.add("chain-custody", field, "chain", "an unknown field in custody.json", full=True)
    heading = before("data/results.json", b"Exploratory: acc", b"Confirmed: acc")
    vectors.add("results-heading", heading, "results", "a heading that hides the class of its result")
    vectors.add(
        "signatures-signer", after(other_signer), "chain", "changed hands after the seal: its digest is in it"
    )
    vectors.add("signatures-false", after(flip), "signatures", "a signature of zeros")
    vectors.add(
        "signers-unknown", small(), "signers", "no signer is accepted", trust(signers=[signer("Bob", BOB)])
    )
    vectors.add("signers-threshold", small(), "signers", "one of two needed signers", trust(threshold=2))
    until = signer("Ann", ANN, valid_from="2026-01-01T00:00:00Z", valid_until="2026-06-30T23:59:59Z")
    vectors.add("signers-expired", small(), "signers", "a key that had expired", trust(signers=[until]))
    vectors.add(
        "case-trust", small(), "case", "a case that the trust file does not name", trust(cases=["CASE-2"])
    )
    vectors.add("case-option", small(), "case", "another case than was asked for", case="CASE-2")


def roots_alone(vectors: Vectors) -> None:
    """What the seal covers by the root of its leaves alone, without a digest that could be guessed."""
    custody, members = "data/custody.json", "data/tables/members.jsonl"

    def seal(change: Callable[[Any], Any]) -> Files:
        return on_statement("seal", change)

    def root(name: str) -> dict[str, Any]:
        return {"count": 0, "form": "fields", "name": name, "root": sha(b"")}

    def add_root(statement: Any, name: str) -> None:
        leaves = statement["predicate"]["leaves"]
        leaves.append(root(name))
        leaves.sort(key=lambda one: one["name"])

    def add_subject(statement: Any) -> None:
        subject = {"digest": {"sha256": sha(payload()[members])}, "name": members}
        statement["subject"] = sorted([*statement["subject"], subject], key=lambda one: one["name"])

    about = "changed, with the bag around it: the seal has its root alone"
    vectors.add("leaves-custody", after(put(custody, b"Ann Ex", b"Bob Ex")), "leaves", about)
    vectors.add("leaves-table", after(put(members, b"account-1", b"account-9")), "leaves", about)
    blank = before(custody, b'"holds":[]', b'"holds": []')
    vectors.add("leaves-blank", blank, "leaves", "a blank in custody.json that no leaf covers")
    end = small(payload=payload() | {custody: payload()[custody] + b"\n"})
    vectors.add("leaves-end", end, "leaves", "a line feed at the end of custody.json")
    vectors.add("leaves-blank-line", before(members, b":0.5", b": 0.5"), "leaves", "a blank in a table")
    escape = before(custody, b"Ann Example", b"\\u0041nn Example")
    vectors.add("leaves-escape", escape, "leaves", "a letter that is escaped in custody.json")
    key = before(members, b'"score"', b'"\\u0073core"')
    vectors.add("leaves-escape-key", key, "leaves", "a letter of a key that is escaped in a table")
    slash = before(custody, b"gateway log", b"gateway\\/log")
    vectors.add("leaves-escape-slash", slash, "leaves", "an escape that RFC 8785 does not write")
    good = before(custody, b"gateway log", b'\\\\ \\" \\u0007 \\n \xc3\xa9')
    vectors.add("good-escapes", good, "", "escapes that RFC 8785 writes in custody.json")
    number = before(members, b":0.5", b":5.0e-1")
    vectors.add("good-spelled", number, "", "a number in a table as its maker spelled it")
    about = "a table that is a subject of the seal too"
    vectors.add("envelopes-subject", seal(add_subject), "envelopes", about)
    dropped = seal(lambda s: s["predicate"]["leaves"].pop(0))
    vectors.add("digests-no-root", dropped, "digests", "custody.json without a root in the seal")
    more = seal(lambda s: add_root(s, "data/tables/more.jsonl"))
    vectors.add("digests-no-table", more, "digests", "a root of a table that is not there")
    more = seal(lambda s: add_root(s, "data/x.json"))
    vectors.add("leaves-stray", more, "leaves", "a root of what is neither a document nor a table")
    vectors.add(
        "envelopes-leaves", seal(lambda s: s["predicate"]["leaves"].reverse()), "envelopes", "leaves unsorted"
    )


def statement_in(data: bytes) -> Any:
    import base64

    return json.loads(base64.b64decode(json.loads(data)["payload"]))


def redactions(vectors: Vectors) -> None:
    files, findings = small(), "data/findings/findings.json"
    rows, members = "data/tables/requests.jsonl", "data/tables/members.jsonl"
    fields = {findings: ["/campaigns/0/reasons/0/text"], rows: ["1", "3"], members: ["/1/account_id"]}
    report = "data/findings/report.html"
    vectors.add("redacted", redact(files, [BOB], fields, [report]), "", "fields, rows and a file taken out")
    whole = redact(files, [BOB], {}, [members])
    vectors.add("redacted-table", whole, "", "a table taken out whole, with its leaves")
    nothing = redact(files, [BOB], {"data/custody.json": ["/holds", "/acquisitions/0/by"]})
    vectors.add("redacted-list", nothing, "", "an empty list and a name taken out of custody.json")
    attribution = "data/attributions/1/attribution.json"
    gone = redact(with_log(confirmatory=False).build(), [BOB], {}, [attribution])
    vectors.add(
        "redacted-result", gone, "", "a result taken out whole: its Statement stands for it", log_trust()
    )
    gone = redact(with_log().build(), [BOB], {}, [attribution])
    vectors.add(
        "redacted-confirmatory", gone, "results", "the same of one that says confirmatory", log_trust()
    )
    scores = "data/runs/4.scores.jsonl"
    gone = redact(with_log(more_runs=SCORED, more_files={scores: SCORES}).build(), [BOB], {}, [scores])
    about = "what came out of a run that is no step, taken out: the sealed digest shows it"
    vectors.add("redacted-run-file", gone, "", about, log_trust())
    false = Package(payload() | {"data/runs/1.scores.jsonl": SCORES}, [ANN]).build()
    vectors.add("runs-without-log", false, "digests", "the file of a run, and the case has no log", full=True)
    gone = redact(with_log().build(), [BOB], {"data/plans/main.json": ["/stopping"]})
    about = "what a plan is judged by is taken out, and the result says confirmatory"
    vectors.add("redacted-plan", gone, "results", about, log_trust())
    gone = redact(with_log().build(), [BOB], {"data/plans/main.json": ["/title"]})
    vectors.add("redacted-plan-title", gone, "", "the title of a plan is taken out", log_trust())
    gone = redact(with_log().build(), [BOB], {"data/custody.json": ["/acquisitions/0/by"]})
    about = "a record that is not whole is in no entry of the log"
    vectors.add("redacted-acquisition", gone, "results", about, log_trust())
    vectors.add("redacted-no-trust", redact(files, [BOB], fields), "", "no trust file", {})

    def count(statement: Any) -> None:
        statement["predicate"]["taken_out"][0]["count"] += 1

    vectors.add(
        "redaction-count", redact(files, [BOB], fields, change=count), "leaves", "another number than said"
    )
    other = redact(files, [BOB], fields, change=lambda s: s["predicate"].update(seal=sha(b"")))
    vectors.add("redaction-seal", other, "redaction", "a redaction of another seal")
    vectors.add(
        "redaction-file", redact(files, [BOB], {}, ["data/custody.json"]), "redaction", "never taken out"
    )
    protected = redact(files, [BOB], {members: ["/0/campaign_id"]})
    vectors.add("redaction-protected", protected, "leaves", "a field that is never taken out", full=True)
    unknown = key_of("Mallory")
    vectors.add("redaction-signer", redact(files, [unknown], fields), "signers", "nobody accepted redacted")
    changed = redact(files, [BOB], fields)
    put(rows, b'"n":2', b'"n":9')(changed)
    again = dict(statement_in(changed["attestations/redaction.dsse.json"]))
    for subject in again["subject"]:
        subject["digest"]["sha256"] = sha(changed[subject["name"]])
    changed["attestations/redaction.dsse.json"] = envelope(again, [BOB])
    add_bag(changed)
    vectors.add("redaction-changed", changed, "leaves", "a redaction that changed a row that it left")
    silent = small()
    put(members, b"account-1", b"account-9")(silent)
    subjects = [(members, sha(silent[members]))]
    said = statement_in(redact(files, [BOB], fields)["attestations/redaction.dsse.json"])
    silent["attestations/redaction.dsse.json"] = envelope(
        statement_of(
            "redaction:v1", subjects, said["predicate"] | {"taken_out": said["predicate"]["taken_out"][:1]}
        ),
        [BOB],
    )
    add_bag(silent)
    vectors.add("redaction-silent", silent, "redaction", "a changed table out of which nothing was taken")


SCORES = b'{"id":"answer-1","p_value":0.5}\n'
SCORED = (
    {"number": 4, "kind": "run-start"},
    {"number": 4, "kind": "run-outcome", "status": "done", "digests": {"scores.jsonl": sha(SCORES)}},
)


def plans(add: Callable[..., None]) -> None:
    """Plans beside the one that a result rests on, and files of runs that are no step."""
    plan = {"schema": "countermark/plan/v1", "plan_id": "second", "matter": MATTER, "created": CREATED}
    plan |= {"by": "Ann", "title": "t", "hypotheses": [], "multiplicity": "holm", "controls": []}
    second = document(plan | {"prompts": "p", "stopping": "s", "exclusions": "e"})
    there, said = {"data/plans/second.json": second}, {"name": "second", "digest": sha(second)}
    add("log-plan-unused", "", "a plan that no result uses", more_runs=(said,), more_files=there)
    add("log-plan-missing", "log", "a plan of the matter whose file is left out", more_runs=(said,))
    hidden = said | {"shown": False}
    about = "a plan of the matter that is not opened"
    add("log-plan-hidden", "log", about, more_runs=(hidden,), more_files=there)
    other = hidden | {"matter": "matter-8"}
    add("log-plan-other", "", "a plan of another matter, which stays closed", more_runs=(other,))
    about = "a plan of the matter with the tag of another"
    add("log-plan-tag", "log", about, more_runs=(said | {"tag": OTHER_TAG},), more_files=there)
    about = "the head of a plan has no tag"
    add("log-plan-head", "log", about, more_runs=(said | {"tag": "none"},), more_files=there)
    scores = "data/runs/4.scores.jsonl"
    about = "a run that is no step, and what came out of it"
    add("log-run-file", "", about, more_runs=SCORED, more_files={scores: SCORES})
    false = {scores: SCORES, "data/runs/1.scores.jsonl": SCORES}
    add("log-run-file-other", "log", "a file of another run", more_runs=SCORED, more_files=false)
    false = {scores: SCORES, "data/runs/scores.jsonl": SCORES}
    add("log-run-file-name", "digests", "no run in its name", full=True, more_runs=SCORED, more_files=false)


def redactions_of_roots(vectors: Vectors) -> None:
    """Parts taken out of what the seal covers by the root of its leaves alone."""
    files, custody, members = small(), "data/custody.json", "data/tables/members.jsonl"
    fields = {custody: ["/acquisitions/0/by"], members: ["/1/account_id"]}
    vectors.add("redacted-roots", redact(files, [BOB], fields), "", "a name and an account taken out")

    def uncovered(statement: Any) -> None:
        statement["subject"] = [one for one in statement["subject"] if one["name"] != members]

    about = "a redaction that says nothing of what a table is now"
    bare = redact(files, [BOB], fields, change=uncovered)
    vectors.add("redaction-uncovered", bare, "redaction", about)

    def resigned(name: str, old: bytes, new: bytes) -> Files:
        changed = redact(files, [BOB], fields)
        put(name, old, new)(changed)
        again = dict(statement_in(changed["attestations/redaction.dsse.json"]))
        for subject in again["subject"]:
            subject["digest"]["sha256"] = sha(changed[subject["name"]])
        changed["attestations/redaction.dsse.json"] = envelope(again, [BOB])
        add_bag(changed)
        return changed

    about = "a redaction that put a blank into a table"
    vectors.add("redaction-blank", resigned(members, b":null", b": null"), "leaves", about)
    about = "a redaction that changed a name that it left"
    vectors.add("redaction-custody", resigned(custody, b"gateway-3", b"gateway-4"), "leaves", about)


def logs(vectors: Vectors) -> None:
    said = log_trust()

    def add(
        name: str, step: str, about: str, trust_file: Any = said, full: bool = False, **options: Any
    ) -> None:
        vectors.add(name, with_log(**options).build(), step, about, trust_file, full=full)

    def forked(log: PrivateLog) -> None:
        log.leaves[1] = log.leaves[1].replace(b'"time":"2026-07-01', b'"time":"2026-07-02')

    def left_out(log: PrivateLog) -> None:
        log.openings.pop(1)

    add("log", "", "a log, a run of each kind, and a confirmatory result")
    add("log-exploratory", "", "what says exploratory needs no plan", confirmatory=False)
    add("log-no-trust", "", "the same without a trust file", {})
    add("chain-plan", "chain", "an unknown field in a plan", full=True, plan={"x": 1}, confirmatory=False)
    over = {"verdict": "copied", "case_run": {}}
    add(
        "chain-verdict", "chain", "a verdict that does not follow", full=True, record=over, confirmatory=False
    )
    add("log-unknown", "log", "a log whose key is not in the trust file", trust())
    add("log-opening", "log", "an opening is left out", forge=left_out)
    head = PrivateLog()
    head.tick([])
    other = note(ORIGIN, head.leaves, LOG, {}).decode()
    add("log-forked", "log", "somebody kept another checkpoint of that size", log_trust(checkpoints=[other]))
    hidden = {"number": 4, "kind": "run-start", "shown": False}
    shown = {"number": 4, "kind": "run-start"}
    null = {"number": 4, "kind": "run-outcome", "status": "done", "digests": {"attribution.json": sha(b"no")}}
    add("log-hidden-run", "log", "a run of this matter that is not opened", more_runs=(hidden,))
    add("log-null-run", "log", "a run that is done and whose result is left out", more_runs=(shown, null))
    plans(add)
    both = null | {"digests": {"attribution.json": sha(b"no"), "report.html": sha(REPORT)}}
    about = "a run whose picture another one made too, and whose result is left out"
    add("log-null-run-picture", "log", about, more_runs=(shown, both))
    about = "the log had the record of the acquisition before the plan"
    add("results-acquired-early", "results", about, acquired="before it")
    about = "the log has no record of the acquisition"
    add("results-acquired-never", "results", about, acquired="never")
    add("log-gap", "log", "run 4 is left out", more_runs=({"number": 5, "kind": "run-start"},))
    add("log-start-hidden", "log", "the start of the run is not opened", show_start=False)
    add("results-plan-late", "results", "the plan was logged after the run", plan_first=False)
    add("results-allies", "results", "only an ally cosigned", witness=False)
    late = int(datetime(2026, 6, 15, 8, tzinfo=UTC).timestamp())
    add("results-acquired-before", "results", "acquired before the plan was fixed", seen=late)
    add("results-clock", "results", "a clock that was ten days fast", offset=864000.0)
    add("results-digest", "log", "the run gave another file", digest=sha(b"another"), confirmatory=False)
    add("results-alpha", "results", "another level than planned", alpha=0.05)
    add("results-commitments", "results", "other commitments than the hypothesis has", named=[])
    add("results-unkeyed", "", "a hypothesis without a key", keyed=False)


def query(digest: str, nonce: int) -> bytes:
    """A TimeStampReq with this nonce that asks for the certificate."""

    def tlv(tag: int, content: bytes) -> bytes:
        return bytes([tag, len(content)]) + content

    algorithm = tlv(0x30, bytes.fromhex("06096086480165030402010500"))
    imprint = tlv(0x30, algorithm + tlv(4, bytes.fromhex(digest)))
    number = tlv(2, nonce.to_bytes(8, "big"))
    return tlv(0x30, tlv(2, b"\1") + imprint + number + tlv(1, b"\xff"))


def stamped(vectors: Vectors, folder: Path) -> None:
    (folder / "one").mkdir()
    (folder / "two").mkdir()
    one, two = Authority(folder / "one"), Authority(folder / "two", intermediate=True)

    def stamp(authority: Authority, shift: int = 0) -> Callable[[bytes, int], bytes]:
        return lambda seal, nonce: authority.reply(query(sha(seal), nonce + shift))

    roots = [one.root_pem, two.root_pem, two.intermediate_pem]
    said = trust(tsa_roots=roots, timestamp_authorities=2)
    files = small(stamp=[stamp(one), stamp(two)])
    vectors.add(
        "stamped", files, "", "two authorities, one under an intermediate; their certificates expire", said
    )
    vectors.add("stamped-no-trust", files, "", "without a trust file", {})
    vectors.add("timestamps-no-root", files, "timestamps", "timestamps and no root", trust())
    vectors.add(
        "timestamps-unknown",
        files,
        "timestamps",
        "an authority that is not accepted",
        trust(tsa_roots=roots[:1]),
    )
    missing = trust(tsa_roots=roots[:2])
    vectors.add("timestamps-between", files, "timestamps", "the certificate between is not given", missing)
    single = small(stamp=[stamp(one), stamp(one)])
    vectors.add("timestamps-same", single, "timestamps", "two timestamps of one authority", said)
    nonce = small(stamp=[stamp(one, 5)])
    vectors.add(
        "timestamps-nonce", nonce, "timestamps", "another nonce than was asked for", trust(tsa_roots=roots)
    )
    other = small(stamp=[lambda _, nonce: one.reply(query(sha(b"x"), nonce))])
    vectors.add(
        "timestamps-imprint", other, "timestamps", "a timestamp over something else", trust(tsa_roots=roots)
    )
    future = small(stamp=[stamp(one)], case={"created": "2099-01-01T00:00:00Z"})
    vectors.add(
        "timestamps-created", future, "timestamps", "made after its timestamp", trust(tsa_roots=roots)
    )
    package, checkpoint = with_log(witness=False, started="2099-01-01T00:00:00Z"), "data/log/checkpoints/1"
    package.case["created"] = "2099-01-02T00:00:00Z"
    reply = one.reply(query(sha(package.payload[f"{checkpoint}.note"]), 1 << 62))
    package.payload[f"{checkpoint}.tsr"] = reply
    about = "a timestamp over a checkpoint shows when, without a witness"
    vectors.add("log-stamped", package.build(), "", about, log_trust(tsa_roots=roots))
    about = "a timestamp over a checkpoint that leads to no accepted root shows no time"
    vectors.add("results-stamped", package.build(), "results", about, log_trust(tsa_roots=roots[1:]))
    package.payload[f"{checkpoint}.tsr"] = one.reply(query(sha(b"x"), 1 << 62))
    about = "a timestamp that is not over the checkpoint beside it"
    vectors.add("log-stamp-imprint", package.build(), "log", about, log_trust(tsa_roots=roots))
    until = signer("Ann", ANN, valid_until="2026-07-02T00:00:00Z")
    back_dated = trust(signers=[until], tsa_roots=roots)
    vectors.add(
        "signers-back-dated", files, "signers", "created while the key was valid, stamped later", back_dated
    )


def main() -> None:
    vectors = Vectors()
    good_and_outer(vectors)
    statements(vectors)
    redactions(vectors)
    redactions_of_roots(vectors)
    logs(vectors)
    with tempfile.TemporaryDirectory() as folder:
        stamped(vectors, Path(folder))
    with tarfile.open(OUT / "packages.tar.xz", "w:xz") as tar:
        for name, data in vectors.packages.items():
            about = tarfile.TarInfo(name)
            about.size = len(data)
            tar.addfile(about, io.BytesIO(data))
    (OUT / "vectors.json").write_text(json.dumps(vectors.entries, indent=1) + "\n")


if __name__ == "__main__":
    main()
