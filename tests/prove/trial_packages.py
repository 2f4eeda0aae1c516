"""Ten small packages of every kind, for trials: with and without a log, redacted, timestamped."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from log_stories import ALLY, LINK, OUTSIDER, PROMPTS, SUSPECT, Story, acquisition, day
from loopback_tsa import Authority, Server
from tests.prove.conftest import write_events, write_findings

from countermark.prove.custody.custody import Custody
from countermark.prove.package.trustfile import SignerEntry, WitnessEntry, read_trust, write_trust
from countermark.prove.redacting.redact import RedactOptions, redact
from countermark.prove.redacting.takes import parse_rows, parse_take
from countermark.prove.sealing.seal import SealOptions, seal
from countermark.records.attributions import Attribution, ValidityDomain
from countermark.records.attributions import Test as AttributionTest
from countermark.records.canonical import canonical_json, file_sha256
from countermark.records.events import EVENT_SCHEMA
from countermark.trust.runs import Run
from countermark.trust.signing import SigningKey

CREATED = datetime(2026, 7, 1, 12, tzinfo=UTC)
TAKES = (
    "personal-data:data/findings/findings.json#/campaigns/*/null",
    "privilege:data/custody.json#/acquisitions/*/by",
)


@dataclass(frozen=True)
class Trial:
    """A package as a folder, and the trust file by which it verifies."""

    name: str
    folder: Path
    trust: Path
    key: SigningKey | None = None
    """With which it can be sealed again: of one signer, without timestamps, and nothing is taken out."""


class Place:
    """Where the packages of a trial are made."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self._stack = folder, stack
        self.keys = [SigningKey.generate(), SigningKey.generate()]
        events = with_rows(write_events(folder / "events"))
        findings = write_findings(folder / "findings", events)
        self.plain = SealOptions(
            findings=findings, events=events, case_id="TRIAL", out=folder, keys=self.keys[:1], created=CREATED
        )
        self.roots: list[str] = []
        self.story: Story | None = None

    def authorities(self) -> list[str]:
        """URLs of two different authorities on the loopback."""
        made = []
        for name in ("first", "second"):
            (self.folder / name).mkdir(exist_ok=True)
            authority = Authority(self.folder / name)
            self.roots.append(authority.root_pem)
            made.append(self._stack.enter_context(Server(authority.reply)))
        return made

    def with_log(self) -> dict[str, Any]:
        """Options of a case whose attribution is confirmatory."""
        story = Story(self.folder / "story").fixed()
        run = story.start()
        attribution = _attribution(self.folder / "attribution", run)
        story.finish(run, (attribution / "attribution.json").read_bytes())
        story.finish(story.start(), status="failed")
        story.tick(day(12), OUTSIDER, ALLY)
        self.story = story
        plan = self.folder / "PLAN.json"
        plan.write_bytes(story.plans["PLAN"])
        return {
            "log": story.folder / "log",
            "matter": "matter-7",
            "plans": [plan],
            "custody": Custody(acquisitions=[acquisition()]),
            "attributions": [attribution],
            "results": [LINK],
        }

    def trust(self) -> Path:
        """The trust file, for all that was made so far."""
        path = self.folder / "trust.json"
        signers = [
            SignerEntry(f"signer {number}", one.public.to_base64()) for number, one in enumerate(self.keys)
        ]
        more: dict[str, Any] = {"tsa_roots": self.roots}
        if self.story is not None:
            more["logs"] = [str(self.story.book.public.verifier)]
            more["witnesses"] = [WitnessEntry(str(one.key), one.alliance) for one in (OUTSIDER, ALLY)]
        write_trust(path, signers, **more)
        return path


def with_rows(events: Path) -> Path:
    """Twelve requests in the EVENTS folder of `write_events`."""
    rows = [
        {
            "ts": datetime(2026, 6, 1, 0, at, tzinfo=UTC),
            "account_id": "abc"[at % 3],
            "request_id": f"req-{at:04d}",
            "source_digest": "ab" * 32,
            "source_offset": at,
            "capture_version": "1",
        }
        for at in range(12)
    ]
    pq.write_table(pa.Table.from_pylist(rows, EVENT_SCHEMA), events / "events-00000.parquet")
    capture = json.loads((events / "capture.json").read_bytes())
    for file in capture["files"]:
        file["sha256"] = file_sha256(events / file["name"])
    (events / "capture.json").write_text(json.dumps(capture))
    return events


def _attribution(folder: Path, run: Run) -> Path:
    folder.mkdir()
    test = AttributionTest(
        name="mark in text",
        subject="0123456789abcdef",
        null="the text is independent of the key",
        statistic=1.5,
        n=400,
        p_value=0.5,
        log10_p_value=-0.301,
        law="exact",
        exact=True,
        calibrated_to=1e-6,
        calibration="docs/attribution-benchmarks.md",
    )
    record = Attribution(
        kind="text",
        verdict="not shown",
        reasons=[],
        conclusions=[],
        tests=[test],
        alpha=0.01,
        family=1,
        minimum_detectable={},
        other_explanations=[],
        controls=[],
        validity_domain=ValidityDomain(measured={}, where="docs/attribution-benchmarks.md"),
        not_validated=[],
        inputs={"suspect": SUSPECT, "prompts": PROMPTS},
        parameters={"seed_source": {"source": "what decides hangs on no random draw"}},
        origin={},
        software={},
        case_run={"matter": run.matter, "run": run.number},
        files={},
    )
    (folder / "attribution.json").write_bytes(canonical_json(record))
    return folder


@contextmanager
def ten_packages(folder: Path) -> Iterator[list[Trial]]:
    """Sealed below `folder`, each with what only it has; all verify with one trust file."""
    with ExitStack() as stack:
        place = Place(folder, stack)
        tsa, log = place.authorities(), place.with_log()
        trust = place.trust()
        log |= {"trust": read_trust(trust)}
        rows: dict[str, Any] = {"include_events": True}
        kinds: dict[str, dict[str, Any]] = {
            "plain": {},
            "rows": rows,
            "two signers": {"keys": place.keys},
            "timestamps": {"tsa_urls": tsa},
            "custody": {"custody": Custody(acquisitions=[acquisition()])},
            "log": log,
            "everything": {**log, **rows, "tsa_urls": tsa, "keys": place.keys},
        }
        made = {
            name: seal(replace(place.plain, out=folder / name.replace(" ", "-"), **options))
            for name, options in kinds.items()
        }
        for name, takes in {
            "custody": TAKES,
            "rows": (TAKES[0],),
            "everything": (TAKES[0], "trade-secret:data/findings/report.html"),
        }.items():
            options = RedactOptions(
                package=made[name],
                out=folder / f"{name}-redacted",
                keys=place.keys[:1],
                what=[parse_take(one) for one in takes]
                + ([parse_rows("data/tables/requests.jsonl:3-5", "privilege")] if name == "rows" else []),
                why="a trial",
                allow_elsewhere=True,
                created=CREATED,
            )
            redact(options)
            made[f"{name}, redacted"] = options.out
        again = dict.fromkeys(("plain", "rows", "custody", "log"), place.keys[0])
        yield [Trial(name, path, trust, again.get(name)) for name, path in made.items()]
