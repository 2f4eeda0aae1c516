"""DuckDB behind one small door: bounded memory, no network, no extensions, Arrow in and out."""

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
import pyarrow as pa

from countermark.errors import Error, ExitCode

DEFAULT_MEMORY = "2GB"


def check_memory(memory: str) -> None:
    """Raise `Error` when `memory` is not DuckDB's notation of an amount."""
    if not re.fullmatch(r"[1-9][0-9]{0,6}(\.[0-9]+)? ?[KMGT]i?B", memory, re.IGNORECASE):
        raise Error(
            f"--memory {memory!r} is no amount of memory", hint="2GB, 512MB", exit_code=ExitCode.USAGE
        )


@contextmanager
def _explained() -> Iterator[None]:
    """Out of memory or of disk is the user's to mend: one line and a hint."""
    try:
        yield
    except duckdb.OutOfMemoryException:
        raise Error("the database ran out of memory", hint="give it more with --memory") from None
    except duckdb.IOException as error:
        reason = str(error).partition("\n")[0]
        raise Error(
            f"the database cannot read or spill: {reason}", hint="is the disk full? TMPDIR says where"
        ) from None


class Database:
    """An in-memory DuckDB that spills to a temporary folder of its own and keeps the SQL that ran.

    Results that must be byte-equal between runs are ordered in their SQL: insertion order is not kept.
    """

    def __init__(self, *, threads: int = 0, memory: str = DEFAULT_MEMORY) -> None:
        """Open; `threads` 0 takes all cores, `memory` is DuckDB's notation (`2GB`)."""
        check_memory(memory)
        self._spill = tempfile.TemporaryDirectory(prefix="countermark-")
        config: dict[str, Any] = {
            "memory_limit": memory,
            "temp_directory": self._spill.name,
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "preserve_insertion_order": "false",
        }
        if threads:
            config["threads"] = threads
        self._connection = duckdb.connect(":memory:", config=config)
        self._connection.execute("SET TimeZone='UTC'")
        # in an interpreter or a child process DuckDB would draw one on standard output
        self._connection.execute("SET enable_progress_bar=false")
        self.statements: list[str] = []
        """Every SQL statement that ran, in order, for `method.json`."""

    def __enter__(self) -> "Database":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        self._spill.cleanup()

    def attach(self, name: str, files: list[Path]) -> None:
        """Name a view over Parquet files."""
        listed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in files)
        self._connection.execute(f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM read_parquet([{listed}])")  # noqa: S608

    def register(self, name: str, table: pa.Table) -> None:
        """Name a view over an Arrow table."""
        self._connection.register(name, table)

    def run(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement that gives no rows (CREATE TABLE … AS)."""
        self.statements.append(sql.strip())
        with _explained():
            self._connection.execute(sql, dict(parameters or {}))

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """Run a SELECT and give its rows as an Arrow table."""
        self.statements.append(sql.strip())
        with _explained():
            return self._connection.sql(sql, params=dict(parameters or {})).to_arrow_table()

    def batches(self, sql: str, *, rows: int = 65_536) -> Iterator[pa.RecordBatch]:
        """Run a SELECT and give its rows in batches, for results larger than memory."""
        self.statements.append(sql.strip())
        with _explained():
            yield from self._connection.sql(sql).to_arrow_reader(rows)
