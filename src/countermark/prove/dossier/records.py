"""Records that stand beside a package: JSON files, bounded and read strictly."""

from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from countermark.errors import Error, ExitCode
from countermark.prove.custody.terms import day_of
from countermark.prove.package.layout import check_marks, count_marks, read_object
from countermark.records.strict_yaml import read_bytes

MAX_BYTES = 1 << 20
Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Line = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
Day = Annotated[str, msgspec.Meta(pattern=r"\A\d{4}-\d{2}-\d{2}\Z")]
T = TypeVar("T")


def is_day(text: str) -> bool:
    """Whether `YYYY-MM-DD` is a day that there is."""
    try:
        day_of(text)
    except ValueError:
        return False
    return True


def read_record(path: Path, kind: type[T]) -> T:
    """The record in a JSON file; raises `Error(NO_INPUT)` with what is not as expected."""
    data = read_bytes(path, MAX_BYTES)
    if len(data) > MAX_BYTES:
        raise Error(f"{path} is over {MAX_BYTES >> 20} MiB", exit_code=ExitCode.NO_INPUT)
    try:
        check_marks(count_marks(data))
        return msgspec.convert(read_object(data, str(path)), kind)
    except msgspec.ValidationError as error:
        message = f"{path} is not as expected: {error}"
        raise Error(message, exit_code=ExitCode.NO_INPUT) from error
    except Error as error:
        raise Error(error.message, exit_code=ExitCode.NO_INPUT) from error
