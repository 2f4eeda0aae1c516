"""A server that runs joins pages ahead of time, and what it gives of them is in its log."""

import time
from itertools import accumulate
from pathlib import Path

from exchange_parties import indicator, walk
from servers import Server, run, serving

from countermark.share.server.folder import open_log, opened
from countermark.store.exchange import segments
from countermark.store.exchange.tables import segments as table

COUNT = 120


def made(server: Server) -> int:
    """Segments that its database has."""
    with opened(server.data) as folder, folder.store._database.reading() as connection:
        return len(connection.execute(table.select()).all())


def test_a_server_makes_segments_and_logs_what_it_gives_of_them(tmp_path: Path, database_url: str) -> None:
    order = [indicator(number)["id"] for number in range(COUNT)]
    with serving(tmp_path, database_url) as first:
        first.post("alice", *(indicator(number) for number in range(COUNT)))
        first.stop()
        second = run(first.data)  # looks for what is missing at its start
        try:
            second.tokens = first.tokens
            end = time.monotonic() + 60
            while made(second) < COUNT // segments.SIZE and time.monotonic() < end:
                time.sleep(0.2)
            assert made(second) == COUNT // segments.SIZE
            for _ in range(3):
                walked = walk(lambda path: second.get("bob", path), "objects/?limit=15")
                assert [one["id"] for one in walked] == order
        finally:
            assert second.stop() == 0
    log = open_log(first.data, writing=False)
    reads = [entry.payload["positions"] for entry in log.entries("objects-read")]
    given = [position for one in reads for position in accumulate(one)]
    assert len(given) == 3 * COUNT
    assert len(set(given)) == COUNT
