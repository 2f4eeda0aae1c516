"""Queries to PostgreSQL that the event loop waits for itself: to hand one to a thread takes longer.

A few connections are in libpq's pipeline mode. A query is sent at once, behind those that wait for their
answers, and the loop is told when some have come. Whatever goes wrong ends the connection, and gives nothing
to those who wait on it: they ask again through a thread, which tells a passing failure from a lasting one.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from psycopg import pq

from countermark.errors import Error
from countermark.store.exchange.database import Compiled, Database

_MOST = 4
"""Connections. More than one, so that a page that the disk has to bring does not hold up all others."""
_READS = 3
"""Of the socket, each time that something has come; an answer is longer than what libpq takes at once."""
_NAME = b"pipelined"
_INT8 = 20
"""The type of all parameters, by its number in PostgreSQL's catalogue."""
_SETTING = b"SET plan_cache_mode = force_generic_plan"  # a plan made anew takes as long as the query


Rows = list[tuple[bytes | None, ...]]
Answer = asyncio.Future[Rows | None]


class Pipelines:
    """The connections for one statement, of the event loop that asks; a new loop begins with none."""

    def __init__(self, database: Database, statement: Compiled, parameters: Sequence[str]) -> None:
        """`parameters` in the order in which `rows` is given their values, all of them integers."""
        self._database = database
        self._text = (statement.text % {name: f"${at}" for at, name in enumerate(parameters, 1)}).encode()
        self._count = len(parameters)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lines: list[_Line] = []
        self._opening = False

    def ask(self, *values: int) -> Answer | None:
        """Send a query with these values; None while no connection is open yet.

        The answer is None where the connection was lost, else all rows, each column in its binary form.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self.close()
            self._loop, self._opening = loop, False
        line = min(self._lines, key=len, default=None)
        if not self._opening and (line is None or (len(line) and len(self._lines) < _MOST)):
            self._opening = True
            loop.run_in_executor(None, self._open).add_done_callback(self._opened)
        return None if line is None else line.ask(values)

    def close(self) -> None:
        """End all connections."""
        for one in [*self._lines]:
            one.end()

    def _open(self) -> sa.PoolProxiedConnection:
        """A connection that has the statement, in a thread."""
        connection = self._database.reader.raw_connection()
        try:
            driver: Any = connection.driver_connection
            pgconn = driver.pgconn
            done = [pgconn.exec_(_SETTING), pgconn.prepare(_NAME, self._text, [_INT8] * self._count)]
            if any(one.status != pq.ExecStatus.COMMAND_OK for one in done):
                raise Error("the database does not take a statement")
            pgconn.nonblocking = 1
            pgconn.enter_pipeline_mode()
        except BaseException:
            connection.invalidate()
            raise
        return connection

    def _opened(self, done: "asyncio.Future[sa.PoolProxiedConnection]") -> None:
        self._opening = False
        if done.cancelled() or done.exception() is not None:
            return  # the next that asks tries again; until then all ask through threads
        if asyncio.get_running_loop() is self._loop:
            self._lines.append(_Line(done.result(), self._loop, self._lines))
        else:
            done.result().invalidate()


class _Line:
    """One connection, and who waits for its answers, in their order."""

    def __init__(
        self, connection: sa.PoolProxiedConnection, loop: asyncio.AbstractEventLoop, among: "list[_Line]"
    ) -> None:
        """Stands `among` others until it ends."""
        driver: Any = connection.driver_connection
        self._connection, self._pgconn, self._loop = connection, driver.pgconn, loop
        self._socket, self._among = self._pgconn.socket, among
        self._rows: Rows | None = None
        self._waiting: deque[Answer] = deque()
        loop.add_reader(self._socket, self._receive)

    def __len__(self) -> int:
        return len(self._waiting)

    def ask(self, values: Sequence[int]) -> Answer:
        """Send a query; its rows."""
        done: Answer = self._loop.create_future()
        self._waiting.append(done)
        try:
            given = [one.to_bytes(8, "big", signed=True) for one in values]
            self._pgconn.send_query_prepared(_NAME, given, [1] * len(given), 1)
            self._pgconn.pipeline_sync()
            self._send()
        except Exception:  # of libpq or its wrapper: whatever it is, this connection is of no more use
            self.end()
        return done

    def end(self) -> None:
        """Close it, and tell who waits."""
        if self not in self._among:
            return
        self._among.remove(self)
        if not self._loop.is_closed():
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            for one in self._waiting:
                if not one.done():
                    one.set_result(None)
        self._waiting.clear()
        self._connection.invalidate()

    def _send(self) -> None:
        """Hand what is to be sent to the system; the rest when it takes more."""
        if self._pgconn.flush():
            self._loop.add_writer(self._socket, self._send_on)

    def _send_on(self) -> None:
        self._loop.remove_writer(self._socket)
        try:
            self._send()
        except Exception:  # as in `ask`
            self.end()

    def _receive(self) -> None:
        """Take what has come, and give whole answers to who waits for them."""
        try:
            for _ in range(_READS):
                self._pgconn.consume_input()
                while self._waiting and not self._pgconn.is_busy():
                    self._take(self._pgconn.get_result())
                if not self._waiting:
                    break
        except Exception:  # as in `ask`; what a connection brings that has no query is its end
            self.end()

    def _take(self, result: Any) -> None:
        """One of a query's results: its rows, nothing at their end, and the mark behind it."""
        if result is None:
            return
        if result.status == pq.ExecStatus.TUPLES_OK:
            columns = range(result.nfields)
            get = result.get_value
            self._rows = [tuple([get(row, one) for one in columns]) for row in range(result.ntuples)]
        elif result.status == pq.ExecStatus.PIPELINE_SYNC:
            done, rows, self._rows = self._waiting.popleft(), self._rows, None
            if not done.done():  # else whoever waited has gone
                done.set_result(rows)
