"""`countermark.toml` in the working directory: defaults for the options of each verb.

    [detect]
    fdr = 0.05

    [capture.logs]
    format = "litellm"

`verify`, `case`, `purge`, `capture probe`, `watermark keygen|commit` and `share check|keys` take nothing from
it: a file that came with a package must not say whom to trust, or where to send a key or a text. What stands
on the command line wins. A file that cannot be read, or names an option that no verb has, is an error: a
setting that silently does nothing is worse than none.
"""

import tomllib
from pathlib import Path
from typing import Any

from countermark.cli.output import note
from countermark.errors import Error, ExitCode

SETTINGS_FILE = "countermark.toml"
_MOST_BYTES = 1 << 20


def read_settings(verbs: dict[str, Any]) -> dict[str, Any]:
    """Defaults by verb and parameter.

    `verbs` is nested like the commands; innermost are long option names with their parameters' names.
    """
    path = Path(SETTINGS_FILE)
    if not path.is_file():
        return {}
    if path.stat().st_size > _MOST_BYTES:
        raise _bad("it is larger than 1 MiB")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _bad(str(error).splitlines()[0]) from error
    note(f"defaults from {path}")
    return _checked(content, verbs, "")


def _checked(content: dict[str, Any], known: dict[str, Any], place: str) -> dict[str, Any]:
    result = {}
    for key, value in content.items():
        where = f"{place}{key}"
        inner = known.get(key.replace("_", "-"))
        if inner is None or isinstance(inner, dict) is not isinstance(value, dict):
            raise _bad(f"{where} is nothing that can be set; there are {', '.join(sorted(known))}")
        if isinstance(inner, dict):
            result[key] = _checked(value, inner, f"{where}.")
        else:
            result[inner] = value
    return result


def _bad(reason: str) -> Error:
    hint = "each table is a verb, each key one of its options without the hyphens in front"
    return Error(f"{SETTINGS_FILE}: {reason}", hint=hint, exit_code=ExitCode.USAGE)
