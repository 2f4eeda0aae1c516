"""Run `attribute text` again on the inputs that are at hand, and hold it against the record."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from countermark.attribute.keyed import Key
from countermark.attribute.text import TextMark
from countermark.attribute.verdict import conclude
from countermark.errors import Error
from countermark.flow.answers import Answer
from countermark.flow.attributions import digest, examine_control, with_seed
from countermark.flow.closeness import Closeness
from countermark.prove.package.layout import Contents, attribution_name, data_of, read_object
from countermark.records.attributions import NOTHING_DRAWN, SEED_SOURCE, Attribution
from countermark.trust.committed_seeds import Held
from countermark.trust.keyfiles import Secret, read_secret
from countermark.trust.seeds import seed_key_id
from countermark.watermark.profile import Profile, read_profile

_NOT_SHOWN = "not shown: "
_COMPARED = ("tests", "conclusions", "verdict", "reasons", "minimum_detectable", "not_validated", "controls")


class _Left(Exception):
    """Why it is not run again."""


class Inputs:
    """Files that were given by hand: what each is follows from its digest; profiles go by their names."""

    def __init__(
        self, named: Mapping[str, Path], key_files: Sequence[Path], seed_file: Path | None = None
    ) -> None:
        """Raises `Error` for a file that cannot be read or a key file that others can read."""
        self.by_digest: dict[str, Path] = {}
        self.profiles: list[Profile] = []
        self.profile_files: list[Path] = []
        self.corpus = named.get("corpus")
        self.key_files = list(key_files)
        for name, path in named.items():
            if name.startswith("profile"):
                self.profiles.append(read_profile(path).profile)
                self.profile_files.append(path)
            elif name not in ("allow", "corpus"):
                self.by_digest[digest(path)] = path
        self.secrets = [read_secret(path) for path in key_files]
        self.seed = read_secret(seed_file, what="seed file") if seed_file else None


def recompute_attribution(contents: Contents, number: int, inputs: Inputs, answer: Answer) -> None:
    """Add to the answer what attribution `number` gives again, or why it is not run."""
    name = f"attribute-{number}"
    if attribution_name(number) not in contents:
        answer.say(name, True, "not run again: it was taken out")
        return
    try:
        document = read_object(data_of(contents, attribution_name(number)), name)
        record = msgspec.convert(document, Attribution)
        computed = _again(record, inputs)
    except msgspec.ValidationError:
        answer.say(name, True, "not run again: fields of it were taken out")
        return
    except _Left as reason:
        answer.say(name, True, f"not run again: {reason}")
        return
    except Error as error:
        answer.say(name, False, f"cannot be run again: {error.message}")
        return
    found = Closeness(rounded=False)
    recorded = msgspec.to_builtins(record)
    for part in (*_COMPARED, "parameters"):
        found.compare(recorded[part], computed[part], f"/{part}")
    sentence = f"{record.kind}: {len(record.tests):,} tests, {found.compared:,} values compared"
    if found.count:
        answer.differences += [f"{name}: {place}" for place in found.differences]
        answer.say(name, False, f"{sentence}, {found.count:,} differ")
    else:
        answer.say(name, True, f"{sentence}: equal")


def _again(record: Attribution, inputs: Inputs) -> dict[str, Any]:
    """The same parts as plain data; raises `_Left` where an input is not at hand."""
    if record.kind != TextMark.name:
        raise _Left(f"recomputing is for attributions of kind text, and this is of kind {record.kind}")
    paths = {name: inputs.by_digest.get(sha256) for name, sha256 in record.inputs.items()}
    missing = sorted(name for name, path in paths.items() if path is None)
    if missing:
        raise _Left(f"{', '.join(missing)}: no file of that SHA-256 was given (--input NAME=PATH)")
    found = {name: path for name, path in paths.items() if path is not None}
    keys = _keys(record, inputs)
    source = record.parameters.get(SEED_SOURCE)
    decoys = max((int(test.details.get("decoys", 0)) for test in record.tests), default=0)
    attributor = TextMark(
        keys,
        tokenizer=found.get("tokenizer"),
        decoys=decoys,
        seed=_seed(source, inputs),
        level=record.alpha,
    )
    examined = with_seed(attributor.examine(found["suspect"]), _held(source))
    controls = [
        examine_control(attributor, found[f"control {number}"], record.inputs[f"control {number}"])
        for number in range(1, len(record.controls) + 1)
    ]
    controls = [
        msgspec.structs.replace(one, name=recorded.name)  # named after the path it had
        for one, recorded in zip(controls, record.controls, strict=True)
    ]
    verdict = conclude(
        attributor,
        examined,
        controls,
        alpha=record.alpha,
        family=record.family,
        in_case=bool(record.case_run),
    )
    plain: dict[str, Any] = msgspec.to_builtins(
        {
            "tests": examined.tests,
            "conclusions": verdict.conclusions,
            "verdict": verdict.words,
            "reasons": verdict.reasons,
            "minimum_detectable": examined.minimum_detectable,
            "not_validated": attributor.domain.outside(examined.properties),
            "controls": controls,
            "parameters": examined.parameters,
        }
    )
    return plain


def _keys(record: Attribution, inputs: Inputs) -> list[Key]:
    """The keys of the record in its order, each with the given profile that names it."""
    found: dict[str, Key] = {}
    for secret in inputs.secrets:
        for profile in inputs.profiles:
            key = Key(profile, secret)
            try:
                _ = key.detector
            except Error:  # of another profile
                continue
            found.setdefault(key.name, key)
    names = [str(name) for name in record.parameters.get("keys", [])]
    missing = [name for name in names if name not in found]
    if missing:
        raise _Left(f"key {', '.join(missing)} was not given (--key-file K, --input profile=PATH)")
    return [found[name] for name in names]


def _seed(source: Any, inputs: Inputs) -> Secret | None:
    """The secret that the random draws came from; none where they came from digests of the inputs."""
    key_id = source.get("key_id") if isinstance(source, dict) else None
    if key_id is None:
        return None
    if inputs.seed is None or seed_key_id(inputs.seed) != key_id:
        raise _Left(f"the seed file of key id {key_id} was not given (--seed-file)")
    return inputs.seed


def _held(source: Any) -> Held:
    """What the log said of the seed then, taken from the record: the log is checked in its own step."""
    fields = dict(source) if isinstance(source, dict) else {"source": NOTHING_DRAWN}
    committed = str(fields.get("committed", ""))
    return Held(fields, committed.removeprefix(_NOT_SHOWN) if committed.startswith(_NOT_SHOWN) else "")
