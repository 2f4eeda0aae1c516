"""A case with everything: a log that was witnessed, a plan, terms, custody, an attribution, all events."""

import json
from pathlib import Path
from typing import Any

from log_stories import ALLY, LINK, MATTER, OUTSIDER, PROMPTS, SUSPECT, TEST, Story, day
from test_attributions import write_attribution

from countermark.prove.custody.custody import Custody
from countermark.prove.custody.terms import TermsEntry, TermsText
from countermark.prove.package.trustfile import SignerEntry, Trust, WitnessEntry, read_trust, write_trust
from countermark.records.attributions import NOTHING_DRAWN, SEED_SOURCE
from countermark.records.canonical import canonical_json, sha256_hex
from countermark.trust.signing import SigningKey


def trust_in(story: Story, folder: Path, *keys: SigningKey, **more: Any) -> Trust:
    """Accepted signers, the log's key, a witness outside the alliance and one within."""
    signers = [SignerEntry(f"signer {number}", key.public.to_base64()) for number, key in enumerate(keys, 1)]
    witnesses = [WitnessEntry(str(one.key), one.alliance) for one in (OUTSIDER, ALLY)]
    more = {"logs": [str(story.trust.key)], "witnesses": witnesses, **more}
    write_trust(folder / "whole-trust.json", signers, **more)
    return read_trust(folder / "whole-trust.json")


def attribution(folder: Path, run: int | None, verdict: str = "not shown") -> bytes:
    """An `attribute` folder of this run, deciding by the plan's test; gives its JSON."""
    write_attribution(folder, verdict)
    content = json.loads((folder / "attribution.json").read_text())
    test = {
        "name": TEST,
        "subject": "0123456789abcdef",
        "null": "independent of the key",
        "statistic": 1.0,
        "n": 100,
        "p_value": 0.5,
        "log10_p_value": -0.301,
        "law": "binomial",
        "exact": True,
        "calibrated_to": 0.001,
        "calibration": "docs/attribution-benchmarks.md",
        "decides": True,
    }
    content |= {
        "kind": "text",
        "tests": [test],
        "inputs": {"suspect": SUSPECT, "prompts": PROMPTS},
        "parameters": {SEED_SOURCE: {"source": NOTHING_DRAWN}},
        "case_run": {} if run is None else {"matter": MATTER, "run": run},
    }
    (folder / "attribution.json").write_bytes(canonical_json(content))
    return (folder / "attribution.json").read_bytes()


def told(folder: Path) -> tuple[Story, Path]:
    """Plan and key before the data, a run after it, its outcome in the log: the log and the attribution."""
    story = Story(folder).fixed()
    run = story.start()
    story.finish(run, attribution(folder / "attribution", run.number))
    story.tick(day(12), OUTSIDER)
    return story, folder / "attribution"


def options_of(story: Story, folder: Path, **more: Any) -> dict[str, Any]:
    """Options of the seal beside those of the small case."""
    plans = []
    for name, data in story.plans.items():
        plans.append(folder / f"{name}.json")
        plans[-1].write_bytes(data)
    (folder / "terms.txt").write_text("No competing models.")
    (folder / "acceptances.jsonl").write_bytes(
        canonical_json(
            {
                "account_id": "a",
                "terms_id": "usage-policy",
                "version": "2026-03",
                "accepted": "2026-03-02T10:00:00Z",
                "record_sha256": sha256_hex(b"record"),
                "source": "sign-up",
            }
        )
        + b"\n"
    )
    entry = TermsEntry(
        id="usage-policy",
        version="2026-03",
        title="Usage policy",
        effective="2026-03-01",
        file="usage-policy-2026-03.txt",
        sha256=sha256_hex(b"No competing models."),
    )
    return {
        "log": story.folder / "log",
        "matter": MATTER,
        "plans": plans,
        "custody": Custody(acquisitions=story.custody),
        "terms": [TermsText(entry, folder / "terms.txt")],
        "acceptances": folder / "acceptances.jsonl",
        "results": [LINK],
        "include_events": True,
    } | more
