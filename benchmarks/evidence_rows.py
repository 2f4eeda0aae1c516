"""EVENTS and FINDINGS folders of any size, for `evidence.py`: every column that a LiteLLM log fills.

Nothing is tuned to be small or quick: hashes are random 64-bit numbers, so nearly every one is a text in the
tables of a package; nine in ten prompts differ; names are as wide as those of real logs.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from countermark.records.canonical import file_sha256, sha256_hex
from countermark.records.capture import Capture, Counts, File, FormatUsed, Source
from countermark.records.events import ACCOUNT_SCHEMA, EVENT_SCHEMA, SKETCH_SCHEMA, SKETCH_VALUES
from countermark.records.findings import MEMBER_SCHEMA, Campaign, Reason, Window

SEED = 20_261_128
SOURCES = {
    name: sha256_hex(name.encode()) for name in (f"litellm-2026-06-{day:02}.jsonl" for day in range(1, 11))
}
"""Raw logs and what stands for their digests: a log of ten days."""
_BATCH = 1 << 17
PLAIN_FILES = 8
_START = np.datetime64("2026-06-01T00:00:00", "us")
_SPAN_US = 10 * 86_400 * 1_000_000
_AGENTS = (
    "OpenAI/Python 1.99.1",
    "python-requests/2.32.4",
    "axios/1.11.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0"
    " Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5"
    " Safari/605.1.15",
    "Go-http-client/2.0",
    "node-fetch/3.3.2",
)
_MODELS = ("large-2026-05", "large-2026-05-reasoning", "small-2026-04")
_LANGUAGES = ("en", "zh", "ru", "es", "")
_DOMAINS = ("mail.example", "inbox.example", "post.example", "letters.example")


def hexes(rng: np.random.Generator, count: int, size: int) -> pa.Array:
    """Random texts of `size` bytes in hex."""
    digits = np.frombuffer(rng.bytes(count * size).hex().encode(), f"S{2 * size}")
    return pa.array(digits).cast(pa.string())


def account_ids(count: int) -> pa.Array:
    """As gateways write them: `user_` and 24 hex digits."""
    made = hexes(np.random.default_rng(SEED), count, 12)
    return pa.array([f"user_{one}" for one in made.to_pylist()], pa.string())


def _chosen(rng: np.random.Generator, of: tuple[str, ...], count: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(rng.integers(0, len(of), count, np.int32)), list(of)).cast(
        pa.string()
    )


def _hashes(rng: np.random.Generator, count: int, distinct: int = 0) -> pa.Array:
    """64-bit hashes; of `distinct` values where it is given."""
    if not distinct:
        return pa.array(rng.integers(-(2**63), 2**63 - 1, count))
    return pa.array(rng.integers(-(2**63), 2**63 - 1, distinct)[rng.integers(0, distinct, count)])


def event_batches(rows: int, accounts: pa.Array) -> Iterator[pa.Table]:
    """Requests in the order of their times, every account in turn of a random order."""
    rng = np.random.default_rng(SEED + 1)
    who = rng.permutation(np.arange(rows) % len(accounts)).astype(np.int32)
    times = np.sort(rng.integers(0, _SPAN_US, rows))
    prefixes, sources = max(len(accounts) // 20, 1), list(SOURCES.values())
    for begin in range(0, rows, _BATCH):
        here = slice(begin, min(begin + _BATCH, rows))
        count = here.stop - here.start
        day = (times[here] // (86_400 * 1_000_000)).astype(np.int32)
        columns: dict[str, Any] = {
            "ts": pa.array(_START + times[here].astype("timedelta64[us]"), pa.timestamp("us")).cast(
                EVENT_SCHEMA.field("ts").type
            ),
            "account_id": accounts.take(pa.array(who[here])),
            "request_id": hexes(rng, count, 18),
            "source_digest": pa.array(sources, pa.string()).take(pa.array(day)),
            "source_offset": pa.array(np.arange(here.start, here.stop) * 2_000),
            "capture_version": pa.array(["1"] * count),
            "model": _chosen(rng, _MODELS, count),
            "input_tokens": pa.array(rng.integers(30, 9_000, count)),
            "output_tokens": pa.array(rng.integers(1, 4_000, count)),
            "ip_hash": _hashes(rng, count, 8 * prefixes),
            "ip_prefix_hash": _hashes(rng, count, prefixes),
            "user_agent": _chosen(rng, _AGENTS, count),
            "api_key_hash": _hashes(rng, count, len(accounts)),
            "org_id": _chosen(rng, tuple(f"org-{number:06d}" for number in range(500)), count),
            "end_user": hexes(rng, count, 8),
            "session_id": hexes(rng, count, 16),
            "system_hash": _hashes(rng, count, 300),
            "prompt_hash": _hashes(rng, count, count * 9 // 10 + 1),
            "template_hash": _hashes(rng, count, 2_000),
            "opening_hash": _hashes(rng, count, 2_000),
            "closing_hash": _hashes(rng, count, 2_000),
            "params_hash": _hashes(rng, count, 50),
            "tools_hash": _hashes(rng, count, 20),
            "status": _chosen(rng, ("success", "success", "success", "failure"), count),
            "access_path": _chosen(rng, ("/v1/chat/completions", "/v1/responses"), count),
            "prompt_lang": _chosen(rng, _LANGUAGES, count),
            "prompt_traits": pa.array(rng.integers(0, 1 << 12, count)),
        }
        yield pa.table(
            [columns.get(field.name, pa.nulls(count, field.type)) for field in EVENT_SCHEMA],
            schema=EVENT_SCHEMA,
        )


def _account_table(accounts: pa.Array) -> pa.Table:
    rng, count = np.random.default_rng(SEED + 2), len(accounts)
    signups = _START - rng.integers(1, 90 * 86_400, count).astype("timedelta64[s]")
    columns = {
        "account_id": accounts,
        "payment_hash": _hashes(rng, count, max(count // 8, 1)),
        "email_domain": _chosen(rng, _DOMAINS, count),
        "signup_ts": pa.array(signups, pa.timestamp("us")).cast(ACCOUNT_SCHEMA.field("signup_ts").type),
        "ban_ts": pa.nulls(count, ACCOUNT_SCHEMA.field("ban_ts").type),
        "plan": _chosen(rng, ("free", "pro", "team"), count),
        "country": _chosen(rng, ("US", "SG", "JP", "DE"), count),
    }
    return pa.table([columns[field.name] for field in ACCOUNT_SCHEMA], schema=ACCOUNT_SCHEMA)


def write_events(folder: Path, rows: int, accounts: pa.Array) -> Path:
    """An EVENTS folder as `capture logs` leaves it, a file of events for every 262,144 rows."""
    folder.mkdir(parents=True)
    files, prompts, open_file = [], [], None
    for number, table in enumerate(event_batches(rows, accounts)):
        prompts.append(table["prompt_hash"].combine_chunks().unique())
        if number % 2 == 0:
            if open_file:
                open_file.close()
            files.append(f"events-{number // 2:05}.parquet")
            open_file = pq.ParquetWriter(folder / files[-1], EVENT_SCHEMA, compression="zstd")
        open_file.write_table(table)
    assert open_file is not None
    open_file.close()
    pq.write_table(_account_table(accounts), folder / "accounts.parquet", compression="zstd")
    hashes = pa.chunked_array(prompts).unique()
    random = np.random.default_rng(SEED + 3).bytes(len(hashes) * SKETCH_VALUES)
    sketches = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(SKETCH_VALUES), len(hashes), [None, pa.py_buffer(random)]
    )
    pq.write_table(
        pa.table([hashes, sketches], schema=SKETCH_SCHEMA), folder / "sketches.parquet", compression="zstd"
    )
    names = [*files, "accounts.parquet", "sketches.parquet"]
    listed = [
        File(name, file_sha256(folder / name), pq.read_metadata(folder / name).num_rows) for name in names
    ]
    (folder / "capture.json").write_bytes(msgspec.json.encode(_capture(rows, listed, len(accounts))))
    return folder


def _capture(rows: int, files: list[File], accounts: int) -> Capture:
    each = rows // len(SOURCES)
    origin = {"distribution": "countermark", "version": "0.1.0", "sha256": sha256_hex(b"plug-in")}
    return Capture(
        countermark_version="0.1.0",
        traits_version="1",
        key_id="4a",
        hash_accounts=False,
        formats=[FormatUsed("litellm", origin, "docs/formats.md")],
        sources=[Source(name, one, 2_000 * each, "litellm", each, each, 0) for name, one in SOURCES.items()],
        files=files,
        counts=Counts(records=rows, requests=rows, accounts=accounts),
        empty_columns=["asn", "country", "ja4", "object_hash"],
        impossible_columns=[],
        costs=[],
        first_ts="2026-06-01T00:00:00Z",
        last_ts="2026-06-10T23:59:59Z",
        tombstones=[],
    )


def write_findings(folder: Path, events: Path, accounts: pa.Array, plain: int = 0) -> Path:
    """A FINDINGS folder as `detect` leaves it: all accounts are members of five campaigns.

    With eight plain files of `plain` MB together beside it, if any.
    """
    folder.mkdir()
    rng, count = np.random.default_rng(SEED + 4), len(accounts)
    names = tuple(f"campaign-{rng.bytes(8).hex()}" for _ in range(5))
    which = np.arange(count) % len(names)
    reasons = [
        ["shared templates", "one payment instrument", "hours of activity"][: 1 + at % 3]
        for at in range(count)
    ]
    members = {
        "campaign_id": pa.array([names[at] for at in which]),
        "account_id": accounts,
        "score": pa.array(np.round(rng.random(count), 6)),
        "member_p": pa.array(np.round(rng.random(count) / 1e4, 10)),
        "member_q": pa.array(np.round(rng.random(count) / 1e2, 8)),
        "reasons": pa.array(reasons, MEMBER_SCHEMA.field("reasons").type),
    }
    pq.write_table(
        pa.table([members[field.name] for field in MEMBER_SCHEMA], schema=MEMBER_SCHEMA),
        folder / "members.parquet",
    )
    (folder / "method.json").write_text(json.dumps({"seed": SEED, "sql": ["SELECT 1"] * 40, "fdr": 0.01}))
    (folder / "report.html").write_text("<!doctype html><title>r</title>" + rng.bytes(200_000).hex())
    listed = ["members.parquet", "method.json", "report.html"]
    for number in range(PLAIN_FILES if plain else 0):
        listed.append(f"plain-{number}.bin")
        _write_random(folder / listed[-1], (plain << 20) // PLAIN_FILES, rng)
    digests = {name: sha256_hex(name.encode()) for name in names}
    document = {
        "schema": "countermark/findings/v1",
        "fdr": 0.01,
        "campaigns": [_campaign(name, count // len(names), one).to_dict() for name, one in digests.items()],
        "files": {name: file_sha256(folder / name) for name in listed},
        "events": {"capture_sha256": file_sha256(events / "capture.json")},
    }
    (folder / "findings.json").write_text(json.dumps(document, indent=1))
    return folder


def _write_random(path: Path, size: int, rng: np.random.Generator) -> None:
    with path.open("wb") as stream:
        for _ in range(size >> 20):
            stream.write(rng.bytes(1 << 20))


def _campaign(name: str, size: int, digest: str) -> Campaign:
    return Campaign(
        campaign_id=name,
        kind="harvest",
        size=size,
        window=Window("2026-06-01T00:00:00Z", "2026-06-10T23:59:59Z"),
        p_value=1e-9,
        log10_p_value=-9.0,
        q_value=1e-7,
        null="accounts are exchangeable within their stratum",
        discovery_families=["infrastructure"],
        confirmation_families=["prompts"],
        reasons=[Reason("shared_templates", 0.5, "half of the prompts share a template")],
        members_digest=digest,
    )
