"""Run `watermark scan` again on a corpus that is at hand, and hold it against `scan.json`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from countermark.attribute.keyed import Key
from countermark.errors import Error
from countermark.flow.answers import Answer
from countermark.flow.closeness import Closeness
from countermark.flow.recompute_text import Inputs
from countermark.flow.scans import ScanOptions, scan_corpus
from countermark.prove.package.layout import SCAN_JSON, Contents, data_of, read_object
from countermark.records.canonical import file_sha256
from countermark.store.corpus_files import find_files
from countermark.watermark.corpus_rows import Fields

ProgressCall = Callable[[float, float], None]
_OF_THE_RUN = frozenset({"files", "run", "matter", "provisional"})
"""Of `scan.json`: not what was found."""
_OF_THE_FAMILY = frozenset(
    {
        "family",
        "adjusted_p_value",
        "adjusted_log10_p_value",
        "passes",
        "passing",
        "documents_passing",
        "threshold_log10_p_value",
    }
)
"""In a case these hang on what was asked in the matter before, which the log has and no computation."""


class _Left(Exception):
    """Why it is not run again."""


def recompute_scan(
    contents: Contents, inputs: Inputs, answer: Answer, work: Path, progress: ProgressCall
) -> None:
    """Add to the answer what the scan gives again, or why it is not run."""
    try:
        recorded = read_object(data_of(contents, SCAN_JSON), SCAN_JSON)
        computed = scan_corpus(_options(recorded, inputs, work / "scan"), progress)
    except _Left as reason:
        answer.say("scan", True, f"not run again: {reason}")
        return
    except Error as error:
        answer.say("scan", False, f"cannot be run again: {error.message}")
        return
    in_case = recorded.get("run") is not None
    found = Closeness(rounded=False)
    found.compare(_found(recorded, in_case), _found(computed, in_case), "")
    sentence = f"{len(recorded.get('sources') or []):,} files, {found.compared:,} values compared"
    if found.count:
        answer.differences += [f"scan.json: {place}" for place in found.differences]
        answer.say("scan", False, f"{sentence}, {found.count:,} differ")
        return
    family = "; the family is the matter's, and is not computed" if in_case else ""
    answer.say("scan", True, f"{sentence}: equal{family}")


def _options(recorded: dict[str, Any], inputs: Inputs, out: Path) -> ScanOptions:
    """What the scan was told, with the files that were given; raises `_Left` where one is not at hand."""
    if recorded.get("keys") != 1:
        raise _Left("it is of a pool of keys")
    sources, fields, left_out = (recorded.get(name) for name in ("sources", "fields", "left_out"))
    if not (isinstance(sources, list) and isinstance(fields, dict) and isinstance(left_out, dict)):
        raise _Left("fields of scan.json were taken out")
    corpus = inputs.corpus
    if corpus is None:
        raise _Left("the package has digests of the corpus, and not the corpus (--input corpus=PATH)")
    said = [one.get("sha256") for one in sources if isinstance(one, dict)]
    if [file_sha256(Path(file.path)) for file in find_files(corpus)] != said:
        raise _Left("the corpus that was given is not that one: its files have other digests")
    tokenizer = str(recorded.get("tokenizer") or "")
    if tokenizer and tokenizer not in inputs.by_digest:
        raise _Left("the tokenizer of that SHA-256 was not given (--input tokenizer=PATH)")
    profile, key_file = _key(recorded, inputs)
    return ScanOptions(
        corpus=corpus,
        profile=profile,
        out=out,
        key_file=key_file,
        tokenizer=inputs.by_digest[tokenizer] if tokenizer else None,
        fields=Fields(text=str(fields.get("text")), id=str(fields.get("id"))),
        max_documents=left_out.get("max_documents"),
        threads=1,
        alpha=float(recorded.get("alpha") or 0.01),
    )


def _key(recorded: dict[str, Any], inputs: Inputs) -> tuple[Path, Path]:
    """The profile of the scan, and the key file that it names."""
    for path, profile in zip(inputs.profile_files, inputs.profiles, strict=True):
        for key_file, secret in zip(inputs.key_files, inputs.secrets, strict=True):
            try:
                _ = Key(profile, secret).detector
            except Error:  # of another profile
                continue
            if profile.profile_id == recorded.get("profile"):
                return path, key_file
    raise _Left("its key was not given (--key-file K, --input profile=PATH)")


def _found(document: Any, in_case: bool) -> Any:
    """What was found, without what is of the run or, in a case, of its family."""
    gone = _OF_THE_RUN | (_OF_THE_FAMILY if in_case else frozenset())
    if isinstance(document, dict):
        return {key: _found(value, in_case) for key, value in document.items() if key not in gone}
    return [_found(one, in_case) for one in document] if isinstance(document, list) else document
