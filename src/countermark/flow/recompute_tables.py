"""Write the tables of a package again from their Parquet attachments, and compare line by line."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from countermark.errors import Error
from countermark.flow.answers import Answer
from countermark.flow.package_rows import as_file, event_parts, table_lines
from countermark.flow.recompute_detect import MEMBERS as MEMBERS_PARQUET
from countermark.prove.package.layout import CAPTURE_JSON, EVENTS, Contents, data_of, read_object
from countermark.prove.package.tables import ACCOUNTS, MEMBERS, REQUESTS, write_members, write_rows_of

_MOST_LISTED = 100


def recompute_tables(contents: Contents, answer: Answer, work: Path) -> None:
    """Members, accounts, requests as the Parquet files beside them give them; what is not there is said."""
    if MEMBERS_PARQUET not in contents:
        answer.say("tables", True, "not compared: members.parquet was taken out")
        return
    folder = work / "tables"
    folder.mkdir()
    made: dict[str, Callable[[BinaryIO], Any]] = {}
    accounts: list[pa.Array] = []
    members = as_file(contents[MEMBERS_PARQUET], "members.parquet", folder)
    made[MEMBERS] = lambda target: accounts.append(write_members(members, target))
    events = event_parts(read_object(data_of(contents, CAPTURE_JSON), CAPTURE_JSON))
    for name, files in ((ACCOUNTS, ["accounts.parquet"]), (REQUESTS, events)):
        if name not in contents:
            continue
        if not files or any(EVENTS + file not in contents for file in files):
            answer.say(_short(name), True, f"{name} not compared: its Parquet files are not in the package")
            continue
        paths = [as_file(contents[EVENTS + file], file, folder) for file in files]
        made[name] = partial(_write_rows, accounts, paths)
    for name, make in made.items():
        path = folder / _short(name)
        try:
            with path.open("xb") as target:
                make(target)
        except (Error, pa.ArrowException, OSError) as error:
            reason = error.message if isinstance(error, Error) else type(error).__name__
            answer.say(_short(name), False, f"its Parquet file cannot be read: {reason}")
            return
        if name in contents:
            _compare(answer, contents, name, path)


def _write_rows(accounts: list[pa.Array], paths: list[Path], target: BinaryIO) -> Any:
    """Rows of the accounts, which are known only when the members have been written."""
    return write_rows_of(accounts[0], paths, target)


def _compare(answer: Answer, contents: Contents, name: str, made: Path) -> None:
    """Row by row; a row or a field that was taken out is passed over, and counted."""
    different: list[int] = []
    count = rows = taken = 0
    try:
        for number, (recorded, computed) in enumerate(
            zip_longest(_lines(contents, name), _file_lines(made), fillvalue=...), 1
        ):
            rows += 1
            if recorded is ... or computed is ...:
                equal = False
            elif recorded is None:
                taken += 1
                continue
            else:
                equal, gone = _equal(recorded, computed)
                taken += gone
            if not equal:
                count += 1
                different += [number] if len(different) < _MOST_LISTED else []
    except Error as error:
        answer.say(_short(name), False, error.message)
        return
    sentence = f"{rows:,} rows against the Parquet file" + (f", {taken:,} values taken out" if taken else "")
    answer.differences += [f"{name}: line {number:,} differs from the Parquet file" for number in different]
    answer.say(_short(name), not count, f"{sentence}: " + (f"{count:,} differ" if count else "equal"))


def _equal(recorded: Any, computed: Any) -> tuple[bool, int]:
    if recorded == computed:
        return True, 0
    if not isinstance(recorded, dict) or not isinstance(computed, dict) or recorded.keys() != computed.keys():
        return False, 0
    gone = [key for key, value in recorded.items() if value is None and computed[key] is not None]
    return all(recorded[key] == computed[key] or key in gone for key in recorded), len(gone)


def _lines(contents: Contents, name: str) -> Iterator[Any]:
    return table_lines(contents[name], name)


def _file_lines(path: Path) -> Iterator[Any]:
    from countermark.prove.package.layout import Member

    return table_lines(Member(path.stat().st_size, "", source=path), path.name)


def _short(name: str) -> str:
    return name.rpartition("/")[2]
