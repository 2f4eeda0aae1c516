"""The exchange end to end: pages of 1M objects and ingest, by HTTP through a started `share serve`.

    python benchmarks/exchange.py [pages|ingest|medallion …] [--only sqlite|postgresql] [--medallion PROGRAM]

The databases are those of `exchange_store.py`, filled once and kept. Audit, tokens, limits and logs are on.
The server has one core, the load generator (and PostgreSQL) the other. Rates are medians of rounds in which
the servers take turns. What else runs on the machine moves them, so that the processor time of the server's
process for each request stands beside them: its ratio to the bare route's says the same without the noise.
"""

import argparse
import base64
import hashlib
import json
import os
import random
import shutil
import statistics
import tempfile
import urllib.request
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from countermark.records.canonical import canonical_json
from countermark.share.policy.document import default_policy
from countermark.share.policy.release import RELEASE_TYPE, Held, Release, Rests
from countermark.store.exchange import ExchangeStore, Filters, rfc3339
from countermark.trust.dsse import seal_envelope
from countermark.trust.signing import SigningKey
from exchange_serving import Running, bare, collection, exchange, free_port, load, request, serving, started
from exchange_store import COLLECTION, FOLDER, MEMBER, fill, indicator, last_position, urls

PAGE = f"/exchange/collections/{COLLECTION.collection_id}/objects/?limit=100"
WRITERS = 4
OVER = 3000
"""Different pages, of which each is asked for in turn."""


def show(**line: Any) -> None:
    """One JSON line, figures rounded."""
    rounded = {key: round(one, 4) if isinstance(one, float) else one for key, one in line.items()}
    print(json.dumps(rounded | {"load": round(os.getloadavg()[0], 1)}), flush=True)


def starts(url: str) -> dict[str, list[int | None]]:
    """Positions after which pages begin: the first page, the last, and many between."""
    store = ExchangeStore.open(url)
    here = COLLECTION.collection_id
    first = store.objects.page(here, Filters(), after=None, limit=1).rows[0].date_added
    last = last_position(store)
    tail = store.objects.page(here, Filters(), after=last - 1_000_000, limit=100_000, with_data=False).rows
    store.close()
    between = random.Random(1).choices(range(first, tail[-101].date_added), k=OVER)
    return {"first page": [None], "last page": [tail[-101].date_added], "pages all over": [*between]}


def get(token: str, after: int | None) -> bytes:
    """The request for the page after a position."""
    return request(token, PAGE if after is None else f"{PAGE}&added_after={rfc3339(after)}")


def fetched(port: int, token: str, path: str) -> bytes:
    """The body of one answer."""
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/taxii+json;version=2.1"}
    with urllib.request.urlopen(
        urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    ) as one:
        return bytes(one.read())


def measured(
    folder: Path, running: Running, requests: list[bytes], seconds: float, connections: int
) -> dict[str, float]:
    """What the generator saw, with the server's processor time for each request (µs)."""
    before = running.cpu()
    seen = load(folder, running.port, requests, connections, seconds)
    assert set(seen["statuses"]) <= {"200", "202"}, seen  # type: ignore[call-overload]
    return seen | {"cpu_us": (running.cpu() - before) / seen["requests"] * 1e6}


def pages(folder: Path, kind: str, url: str, rounds: int, seconds: float, connections: int) -> None:
    """Pages against the bare route."""
    served = exchange(folder, url, kind)
    with ExitStack() as stack:
        running = stack.enter_context(serving(served))
        body = fetched(running.port, served.reader, PAGE)
        assert body.count(b'"type": "indicator"') == 100
        plain = stack.enter_context(bare(folder, body))
        asked = {"bare route": (plain, [request("none", "/page/")])}
        for name, positions in starts(url).items():
            asked[name] = (running, [get(served.reader, one) for one in positions])
        seen: dict[str, list[dict[str, float]]] = {name: [] for name in asked}
        for at in range(rounds + 1):
            for name, (server, requests) in asked.items():
                found = measured(folder, server, requests, seconds if at else 1, connections)
                seen[name] += [found] if at else []  # the first is to warm up
                asked_for = int(found["requests"]) % len(requests)  # the next round goes on from there
                asked[name] = server, requests[asked_for:] + requests[:asked_for]
        alone = measured(folder, running, asked["pages all over"][1], seconds, 1)
    table(kind, len(body), seen)
    show(
        database=kind,
        what="one connection",
        **{one: alone[one] for one in ("per_second", "p50_ms", "p99_ms")},
    )


def table(kind: str, size: int, seen: dict[str, list[dict[str, float]]]) -> None:
    """Medians of the rounds, beside the bare route's."""
    medians = {
        name: {
            key: statistics.median(one[key] for one in runs)
            for key in ("per_second", "p50_ms", "p99_ms", "cpu_us", "generator_busy")
        }
        for name, runs in seen.items()
    }
    plain = medians["bare route"]
    for name, one in medians.items():
        ratios = [
            a["per_second"] / b["per_second"] for a, b in zip(seen[name], seen["bare route"], strict=True)
        ]
        ratio, cpu = statistics.median(ratios), plain["cpu_us"] / one["cpu_us"]
        show(database=kind, what=name, bytes=size, **one, ratio=ratio, cpu_ratio=cpu)


def released(digests: list[tuple[str, str, str]]) -> Release:
    """The statement that two people sign; who signed is looked at when it comes, and not with each object."""
    now = datetime.now(UTC).replace(microsecond=0)
    made = Release(
        release_id="",
        member_id=MEMBER,
        policy_sha256=default_policy().sha256,
        purpose="security",
        ground="fabricated-accounts",
        legal_basis=[Rests("us-counsel", "US", now.date() + timedelta(days=9))],
        classes={"address": 3},
        created=now,
        expires=now + timedelta(days=1),
        objects=[Held(*one) for one in digests],
    )
    return replace(made, release_id=made.right_id)


def ingest(folder: Path, url: str, batch: int, release: bool, count: int) -> None:
    """Objects a second that are posted, checked, stored and logged."""
    served = exchange(folder, url, f"ingest-{batch}-{release}")
    store = ExchangeStore.open(url)
    key = collection(store, f"Ingest {batch} {release}", release)
    first = 500_000_000 + len(store.collections.all()) * 1_000_000
    objects = [indicator(first + at) for at in range(count)]
    if release:
        digests = [
            (one.stix_id, one.version or "", hashlib.sha256(canonical_json(json.loads(one.data))).hexdigest())
            for one in objects
        ]
        signed = released(digests)
        envelope = seal_envelope(RELEASE_TYPE, signed.payload, [SigningKey.generate()])
        entry = {"release_id": signed.release_id}
        store.releases.add(MEMBER, signed.release_id, envelope, digests, 1 << 60, entry=entry)
    store.close()
    bodies = [
        b'{"objects":[%s]}' % b",".join(one.data for one in objects[at : at + batch])
        for at in range(0, count, batch)
    ]
    path = f"/exchange/collections/{key}/objects/"
    requests = [request(served.writer, path, "POST", one) for one in bodies]
    with serving(served) as running:
        warm = measured(folder, running, requests[:2], 0, 1)
        found = measured(folder, running, requests[2:], 0, WRITERS)
        page = fetched(running.port, served.writer, f"{path}?limit=1000")
        assert len(json.loads(page)["objects"]) == min(1000, count), page[:200]
    taken = count - batch * 2
    show(
        what="ingest",
        batch=batch,
        release=release,
        objects_per_second=taken / found["seconds"],
        p99_ms=found["p99_ms"],
        cpu_us_per_object=found["cpu_us"] / batch,
        first_ms=warm["p50_ms"],
    )


def medallion(folder: Path, program: str, objects: int, seconds: float) -> None:
    """Pages of the reference server and of ours with few objects: its filter compares all with all."""
    kept = [indicator(at) for at in range(objects)]
    key = COLLECTION.collection_id
    versions = ["application/taxii+json;version=2.1"]
    its = {
        "id": key,
        "title": "rw",
        "can_read": True,
        "can_write": True,
        "media_types": [kept[0].media_type],
        "objects": [json.loads(one.data) for one in kept],
        "manifest": [
            {
                "id": one.stix_id,
                "version": one.version,
                "media_type": one.media_type,
                "date_added": rfc3339(at),
            }
            for at, one in enumerate(kept, 1_700_000_000_000_000)
        ],
    }
    root = {"title": "root", "versions": versions, "max_content_length": 9765625}
    data = {
        "/discovery": {"title": "medallion", "default": "/exchange/", "api_roots": ["/exchange/"]},
        "exchange": {"information": root, "status": [], "collections": [its]},
    }
    (folder / "data.json").write_text(json.dumps(data))
    backend = {"module": "medallion.backends.memory_backend", "module_class": "MemoryBackend"}
    config = {"backend": backend | {"filename": str(folder / "data.json")}, "users": {"a": "b"}}
    (folder / "config.json").write_text(json.dumps(config | {"taxii": {"max_page_size": 100}}))
    url = f"sqlite:///{folder}/few.db"
    fill(url, objects)
    port = free_port()
    line = [program, "--host", "127.0.0.1", "--port", str(port), str(folder / "config.json")]
    served = exchange(folder, url, "few")
    with started(line, port=port) as theirs, serving(served) as ours:
        login = base64.b64encode(b"a:b").decode()
        for name, server, one in (
            ("medallion", theirs, request(login, PAGE, basic=True)),
            ("share serve", ours, request(served.reader, PAGE)),
        ):
            seen = measured(folder, server, [one], seconds, 1)
            show(
                what=name,
                objects=objects,
                **{at: seen[at] for at in ("per_second", "p50_ms", "p99_ms", "cpu_us")},
            )


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="*", default=["pages", "ingest", "medallion"])
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--medallion", default=shutil.which("medallion"))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, url in urls(asked.folder.resolve()).items():
            if asked.only not in (None, kind):
                continue
            fill(url, asked.objects)
            if "pages" in asked.what:
                pages(folder, kind, url, asked.rounds, asked.seconds, asked.connections)
            if "ingest" in asked.what and kind == "postgresql":
                for batch, release in ((100, False), (100, True), (1000, False), (1000, True)):
                    ingest(folder, url, batch, release, 12_000)
        if "medallion" in asked.what and asked.medallion:
            medallion(folder, asked.medallion, 1000, asked.seconds)


if __name__ == "__main__":
    main()
