"""Small EVENTS in memory: tables with the product's schema from the columns that a test cares about."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from countermark.records.events import ACCOUNT_SCHEMA, EVENT_SCHEMA, SKETCH_SCHEMA, SKETCH_VALUES
from countermark.store.database import Database

START = datetime(2026, 3, 2, tzinfo=UTC)
NETWORK = 40


def events_table(rows):
    """Events of dicts; what a source always has is filled in."""
    filled = [
        {
            "ts": START,
            "request_id": f"r{i}",
            "source_digest": "0" * 64,
            "source_offset": i,
            "capture_version": "1",
        }
        | row
        for i, row in enumerate(rows)
    ]
    return pa.Table.from_pylist(filled, schema=EVENT_SCHEMA)


def accounts_table(rows):
    return pa.Table.from_pylist(rows, schema=ACCOUNT_SCHEMA)


def sketches_table(sketches):
    """Sketches of {prompt hash: bytes}."""
    rows = [{"prompt_hash": name, "sketch": data} for name, data in sketches.items()]
    return pa.Table.from_pylist(rows, schema=SKETCH_SCHEMA)


@contextmanager
def opened(events, accounts=None, sketches=None):
    """A database with the three views that a detector reads."""
    with Database(threads=2, memory="500MB") as database:
        database.register("events", events)
        database.register("accounts", accounts if accounts is not None else accounts_table([]))
        database.register("sketches", sketches if sketches is not None else sketches_table({}))
        yield database


def small_log(seed=0, *, ordinary=360, networks=1, days=10):
    """Events, accounts and sketches of ordinary accounts and `networks` of `NETWORK` accounts (`net0-000`).

    A network shares 12 prefixes, 8 cards and 25 prompt templates with fill-ins; each has ordinary users.
    """
    random = np.random.default_rng(seed)
    names = [f"acct-{i:04d}" for i in range(ordinary)]
    names += [f"net{n}-{i:03d}" for n in range(networks) for i in range(NETWORK)]
    frames = random.integers(0, 256, (400, SKETCH_VALUES), dtype=np.uint8)
    rows, people, sketches = [], [], {}
    for name in names:
        network = int(name[3]) if name.startswith("net") else None
        member = network is not None
        borrowed = random.integers(0, 8 * networks) if networks and random.random() < 0.02 else None
        card = random.integers(0, 8) + 8 * network if member else borrowed
        card = random.integers(1_000, 1_200) if card is None else card
        country = str(random.choice(["DE", "FR"]))
        people.append({"account_id": name, "payment_hash": int(card), "country": country})
        places = 12 * network + random.choice(12, 4, replace=False) if member else random.integers(0, 300, 2)
        for _ in range(int(random.poisson(26) if member else 2 + random.exponential(20))):
            own = member and random.random() < 0.7
            frame = int(100 + 25 * network + random.integers(0, 25) if own else random.zipf(1.3) % 400)
            rows.append(
                _request(random, name, frame, int(random.choice(places)), days, 0.6 if member else 0.2)
            )
    for prompt in sorted({row["prompt_hash"] for row in rows}):
        sketch = frames[prompt // 10_000].copy()
        sketch[random.choice(SKETCH_VALUES, 8, replace=False)] = random.integers(0, 256, 8)
        sketches[prompt] = sketch.tobytes()
    return events_table(rows), accounts_table(people), sketches_table(sketches)


def _request(random, account, frame, prefix, days, eliciting):
    prompt = frame * 10_000 + int(random.integers(0, 500))
    return {
        "account_id": account,
        "ts": START + timedelta(seconds=int(random.integers(0, days * 86_400))),
        "ip_prefix_hash": prefix,
        "ip_hash": prefix * 1_000 + int(random.integers(0, 20)),
        "prompt_hash": prompt,
        "template_hash": prompt,
        "opening_hash": frame,
        "prompt_lang": "en",
        "prompt_traits": int(random.random() < eliciting),
    }
