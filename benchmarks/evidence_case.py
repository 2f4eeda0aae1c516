"""A case folder as counsel has it before the seal: events, findings, log, plan, terms, who accepted them.

`evidence.py` runs it in a process of its own, with the stories of the tests on its path.
"""

import json
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
from log_stories import ALLY, MATTER, OUTSIDER, Story, acquisition, day
from whole_case import attribution

from countermark.prove.case_folder.workspace import Workspace
from countermark.prove.case_folder.workspace_records import add_acceptances, add_terms, log_acquisitions
from countermark.prove.case_folder.workspace_state import Link
from countermark.prove.custody.custody import Custody, Item
from countermark.prove.package.trustfile import SignerEntry, WitnessEntry, write_trust
from countermark.records.canonical import sha256_hex
from countermark.trust.signing import SigningKey
from evidence_rows import SOURCES, account_ids, write_events, write_findings

CASE_ID = "CASE-1"


def make_case(folder: Path, rows: int, accounts: int, plain: int) -> None:
    """The case below `folder`, where it is not there yet. Its attribution will be confirmatory.

    Beside it: `signer.key`, `trust.json`, `half.txt` with half of the account ids.
    """
    if (folder / "made").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    names = account_ids(accounts)
    events = write_events(folder / "events", rows, names)
    findings = write_findings(folder / "findings", events, names, plain)
    (folder / "story").mkdir()
    story = Story(folder / "story").fixed()
    case = Workspace.create(folder / "case", CASE_ID, matter=MATTER, log=story.folder / "log")
    items = [Item(name, sha256, 2_000 * rows // len(SOURCES)) for name, sha256 in SOURCES.items()]
    raw = acquisition("acq-2", "2026-06-11T08:00:00Z", what="gateway logs", items=items, purpose="routine")
    case.record(Custody(acquisitions=[*story.custody, raw]))
    log_acquisitions(case, story.log)
    run = story.start()
    story.finish(run, attribution(folder / "attribution", run.number))
    story.tick(day(12), OUTSIDER)
    plan = folder / "PLAN.json"
    plan.write_bytes(story.plans["PLAN"])
    case.add_plan(plan)
    case.add_findings(findings, events, Link(acquisitions=["acq-2"]))
    case.add_attribution(folder / "attribution", Link(plan="PLAN", hypothesis="H1", acquisitions=["acq-1"]))
    _terms(case, folder, names)
    _trust(folder, story)
    (folder / "half.txt").write_text("\n".join(names.to_pylist()[::2]) + "\n")
    (folder / "made").touch()


def _terms(case: Workspace, folder: Path, accounts: pa.Array) -> None:
    """Two versions of the terms, and which account accepted which, when."""
    for version, since in (("2026-03", "2026-03-01"), ("2026-05", "2026-05-01")):
        text = folder / f"terms-{version}.txt"
        text.write_text(f"Terms of {since}. You will not train competing models on what you get.\n" * 300)
        add_terms(case, text, terms_id="usage-policy", version=version, title="Usage policy", effective=since)
    with (folder / "acceptances.jsonl").open("w") as stream:
        for number, account in enumerate(accounts.to_pylist()):
            moment = datetime(2026, 5, 2 + number % 28, number % 24, number % 60, tzinfo=UTC)
            line = {
                "account_id": account,
                "terms_id": "usage-policy",
                "version": "2026-05",
                "accepted": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
                "record_sha256": sha256_hex(account.encode()),
                "source": "sign-up",
            }
            stream.write(json.dumps(line) + "\n")
    add_acceptances(case, folder / "acceptances.jsonl")


def _trust(folder: Path, story: Story) -> None:
    key = SigningKey.generate()
    key.save(folder / "signer.key")
    witnesses = [WitnessEntry(str(one.key), one.alliance) for one in (OUTSIDER, ALLY)]
    signers = [SignerEntry("Ann Example", key.public.to_base64())]
    write_trust(folder / "trust.json", signers, logs=[str(story.trust.key)], witnesses=witnesses)


if __name__ == "__main__":
    make_case(Path(sys.argv[1]), *map(int, sys.argv[2:]))
