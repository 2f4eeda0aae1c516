"""Run `watermark scan` again on a corpus that is at hand, and hold it against `scan.json`."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from countermark.errors import Error, MissingExtra
from countermark.flow.answers import Answer
from countermark.flow.closeness import Closeness
from countermark.flow.recompute_inputs import Inputs, Left
from countermark.flow.scans import ScanOptions, scan_corpus
from countermark.prove.package.layout import REDACTION, SCAN_JSON, Contents, data_of, read_object
from countermark.records.attributions import Sha256
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


class _Source(msgspec.Struct):
    sha256: Sha256


class _Pooled(msgspec.Struct):
    key: str = ""
    """The name of a key in its pool; empty for a key file."""


class _LeftOut(msgspec.Struct):
    max_documents: Annotated[int, Meta(ge=1)] | None


class _Fields(msgspec.Struct):
    text: str
    id: str


class _Asked(msgspec.Struct):
    """What a scan was told; of `scan.json`."""

    profile: str
    pooled: Annotated[list[_Pooled], Meta(min_length=1)]
    """One a key."""
    sources: list[_Source]
    fields: _Fields
    left_out: _LeftOut
    alpha: Annotated[float, Meta(gt=0, lt=1)]
    tokenizer: str = ""
    """SHA-256; empty where only ids were scored."""


def recompute_scan(
    contents: Contents, inputs: Inputs, answer: Answer, work: Path, progress: ProgressCall
) -> None:
    """Add to the answer what the scan gives again, or why it is not run."""
    recorded = read_object(data_of(contents, SCAN_JSON), SCAN_JSON)
    try:
        asked = msgspec.convert(recorded, _Asked)
        computed = scan_corpus(_options(asked, inputs, work / "scan"), progress)
    except msgspec.ValidationError:
        redacted = REDACTION in contents
        why = "fields of it were taken out" if redacted else "its fields are not those of a scan"
        answer.say("scan", redacted, f"not recomputed: {why}")
        return
    except Left as reason:
        answer.say("scan", True, f"not recomputed: {reason}")
        return
    except MissingExtra as error:
        answer.say("scan", True, f"not recomputed: {error.message} ({error.hint})")
        return
    except Error as error:
        answer.say("scan", False, f"cannot be run again: {error.message}")
        return
    in_case = recorded.get("run") is not None
    found = Closeness(rounded=False)
    found.compare(_found(recorded, in_case), _found(computed, in_case), "")
    keys = f"{len(asked.pooled):,} keys of a pool, " if asked.pooled[0].key else ""
    sentence = f"{keys}{len(asked.sources):,} files, {found.compared:,} values compared"
    if found.count:
        answer.differences += [f"scan.json: {place}" for place in found.differences]
        slip = " (is it the pool that was scanned with?)" if keys else ""
        answer.say("scan", False, f"{sentence}, {found.count:,} differ{slip}")
        return
    family = "; the family is the matter's, and is not computed" if in_case else ""
    answer.say("scan", True, f"{sentence}: equal{family}")


def _options(asked: _Asked, inputs: Inputs, out: Path) -> ScanOptions:
    """What the scan was told, with the files that were given; raises `Left` where one is not at hand."""
    corpus = inputs.named.get("corpus")
    if corpus is None:
        raise Left("give --input corpus=FILE: the package has digests of it, and not the corpus")
    said = [one.sha256 for one in asked.sources]
    if [file_sha256(Path(file.path)) for file in find_files(corpus)] != said:
        raise Left("the corpus that was given is not that one: its files have other digests")
    key_file, key_pool = _keys(asked, inputs)
    return ScanOptions(
        corpus=corpus,
        profile=inputs.profile(asked.profile),
        out=out,
        key_file=key_file,
        key_pool=key_pool,
        tokenizer=inputs.file("tokenizer", asked.tokenizer) if asked.tokenizer else None,
        fields=Fields(text=asked.fields.text, id=asked.fields.id),
        max_documents=asked.left_out.max_documents,
        threads=1,
        alpha=asked.alpha,
    )


def _keys(asked: _Asked, inputs: Inputs) -> tuple[Path | None, Path | None]:
    """The key file, or the pool with keys of those names; `scan.json` has no key's own name."""
    names = [one.key for one in asked.pooled]
    if not any(names):
        return inputs.key_file(asked.profile), None
    if inputs.pool is None:
        raise Left(f"give --key-pool FILE: it is of a pool of {len(names):,} keys")
    if inputs.pool.names != names:
        raise Left("the key pool that was given has keys of other names")
    return None, inputs.key_pool


def _found(document: Any, in_case: bool) -> Any:
    """What was found, without what is of the run or, in a case, of its family."""
    gone = _OF_THE_RUN | (_OF_THE_FAMILY if in_case else frozenset())
    if isinstance(document, dict):
        return {key: _found(value, in_case) for key, value in document.items() if key not in gone}
    return [_found(one, in_case) for one in document] if isinstance(document, list) else document
