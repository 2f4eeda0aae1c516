"""The same function over many items on two engines: processes of this machine, or Spark.

Items and results are plain data that JSON can hold, and small: what is large lies in files. On Spark the
files of the items, the folder of the results and any key file stand at the same path on every worker.
"""

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from importlib.util import find_spec
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait as wait_for
from typing import Any

from countermark.errors import Error, ExitCode

Item = Mapping[str, Any]
Work = Callable[[Item], Item]
ENGINES = ("local", "spark")
_WAITING = 4
"""Items a process that are handed out ahead."""
_WAVE = 8
"""Items a core in one job of Spark; between jobs progress is told."""


def run(work: Work, items: Sequence[Item], engine: str = "local", threads: int = 0) -> Iterator[Item]:
    """`work` of every item, in any order; `threads` 0 takes all cores.

    `work` travels to other processes, so it holds paths and no secret. An `Error` that it raises is raised
    here, whichever engine it ran on.
    """
    if engine not in ENGINES:
        raise Error(
            f"no engine called {engine!r}", hint=f"there are {', '.join(ENGINES)}", exit_code=ExitCode.USAGE
        )
    count = threads or os.cpu_count() or 1
    if not items:
        return
    if engine == "spark":
        results = _spark(work, items, count)
    elif count == 1 or len(items) == 1:
        results = (_guarded(work, item) for item in items)
    else:
        results = _processes(work, items, min(count, len(items)))
    for result in results:
        if error := result.get("error"):
            raise Error(error["message"], hint=error["hint"], exit_code=ExitCode(error["exit_code"]))
        yield result["value"]


def _guarded(work: Work, item: Item) -> Item:
    """An expected failure as data: engines wrap exceptions in tracebacks of their own."""
    try:
        return {"value": work(item)}
    except Error as error:
        fields = {"message": error.message, "hint": error.hint, "exit_code": int(error.exit_code)}
        return {"error": fields}


def _processes(work: Work, items: Sequence[Item], count: int) -> Iterator[Item]:
    """Fresh interpreters (`spawn`): a fork would copy keys and threads of this one."""
    pool = ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_die_with_parent)
    waiting: set[Future[Item]] = set()
    left = iter(items)
    try:
        while True:
            while len(waiting) < _WAITING * count and (item := next(left, None)) is not None:
                waiting.add(pool.submit(_guarded, work, item))
            if not waiting:
                return
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _die_with_parent() -> None:
    """A killed parent takes its workers along; they would wait for work for ever."""
    parent = parent_process()
    if parent is None:
        return

    def watch(sentinel: int) -> None:
        wait_for([sentinel])
        os._exit(1)

    threading.Thread(target=watch, args=(parent.sentinel,), daemon=True).start()


def _spark(work: Work, items: Sequence[Item], count: int) -> Iterator[Item]:
    """Each item is a partition; `mapInArrow` hands its number out and takes the result back."""
    session, ours = _session(count)
    try:
        wave = _WAVE * max(count, session.sparkContext.defaultParallelism)
        for begin in range(0, len(items), wave):
            part = [dict(item) for item in items[begin : begin + wave]]
            numbers = session.range(0, len(part), 1, len(part))
            for row in numbers.mapInArrow(_Mapper(work, part), "result string").collect():
                yield json.loads(row["result"])
    finally:
        if ours:
            session.stop()


class _Mapper:
    """What runs on a worker of Spark."""

    def __init__(self, work: Work, items: list[dict[str, Any]]) -> None:
        self._work, self._items = work, items

    def __call__(self, batches: Any) -> Any:
        import pyarrow as pa

        for batch in batches:
            results = [
                json.dumps(_guarded(self._work, self._items[number])) for number in batch["id"].to_pylist()
            ]
            yield pa.RecordBatch.from_pydict({"result": pa.array(results, pa.string())})


def _session(count: int) -> tuple[Any, bool]:
    """The session that there is, or one of our own (and True): `local[count]` unless told otherwise."""
    # Spark's Arrow functions ask for pandas, though no frame is ever made
    missing = [name for name in ("pyspark", "pandas") if find_spec(name) is None]
    if missing:
        hint = "pip install 'countermark[spark]'; Spark needs Java 17 or newer, too"
        raise Error(f"the Spark engine needs {' and '.join(missing)}", hint=hint)
    from pyspark.sql import SparkSession

    active = SparkSession.getActiveSession()
    if active is not None:
        return active, False
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    builder = SparkSession.builder.appName("countermark")
    told = "PYSPARK_GATEWAY_PORT" in os.environ or "--master" in os.environ.get("PYSPARK_SUBMIT_ARGS", "")
    if not told:
        builder = builder.master(f"local[{count}]").config("spark.driver.bindAddress", "127.0.0.1")
        builder = builder.config("spark.ui.enabled", "false").config("spark.ui.showConsoleProgress", "false")
    try:
        session = builder.getOrCreate()
    # py4j and the start of Java fail in many ways; each means that there is no Spark here
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise Error(f"Spark does not start: {reason}", hint="is Java 17 or newer installed?") from None
    session.sparkContext.setLogLevel("ERROR")
    return session, True
