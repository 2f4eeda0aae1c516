"""The facts file and the files that it names, which stand beside the package and become exhibits.

A file is named below the folder of the facts file; its digest is taken when the dossier is read.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from countermark.errors import Error, ExitCode
from countermark.prove.damages.inputs import read_inputs
from countermark.prove.damages.reckon import Damages, bears_on, reckon
from countermark.prove.dossier.dossier import Exhibit, ExhibitKind
from countermark.prove.dossier.exposures import KeyExposure, read_exposure
from countermark.prove.dossier.proficiency import Proficiency, read_proficiency
from countermark.prove.dossier.records import is_day
from countermark.prove.dossier.statements import Facts, PersonsStatement, fact_words
from countermark.records import strict_yaml
from countermark.records.canonical import file_sha256
from countermark.records.cause_words import cause_in

FORM = "docs/report.md"
MAX_FILES = 1000
LONGEST_NAME = 255


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What people state, and the records beside the package."""

    parties: Mapping[str, str] = field(default_factory=dict)
    statements: Sequence[PersonsStatement] = ()
    exhibits: Sequence[Exhibit] = ()
    """Not numbered yet."""
    proficiency: Proficiency | None = None
    exposures: Sequence[KeyExposure] = ()
    damages: Mapping[str, Damages] = field(default_factory=dict)
    """What each file of damages inputs comes to, by the digest of the file."""


def read_facts(path: Path) -> Beside:
    """A facts file with the files that it names.

    Raises `Error(NO_INPUT)` for a file that is not there or lies outside, a day that is none, and a record
    that is not as expected.
    """
    facts = strict_yaml.read(path, Facts, FORM)
    for one in facts.statements:
        if not is_day(one.dated):
            message = f"{path}: the statement of {one.fact} is dated {one.dated}, which is no day"
            raise Error(message, exit_code=ExitCode.NO_INPUT)
    for what, text in _printed(facts):
        if found := cause_in(text):
            message = f"{path}: the {what} “{text[:200]}” says {found!r}"
            hint = (
                "only what a statement says names a cause: it is printed as that person's, with name and date"
            )
            raise Error(message, hint=hint, exit_code=ExitCode.NO_INPUT)
    files = _Files(path)
    exhibits = [*_of_statements(facts, files), *_of_records(facts, files)]
    named = [(one.kind, files.find(one.file)) for one in facts.exhibits]
    trials = [read_proficiency(file) for kind, file in named if kind == "proficiency"]
    if len(trials) > 1:
        hint = "put the trials into one file"
        message = f"{path} names {len(trials)} files of proficiency trials"
        raise Error(message, hint=hint, exit_code=ExitCode.NO_INPUT)
    exposures = [read_exposure(file) for kind, file in named if kind == "key-exposure"]
    if len({one.key_id for one in exposures}) < len(exposures):
        hint = "name the newest alone"
        message = f"{path} names two ledgers of one key"
        raise Error(message, hint=hint, exit_code=ExitCode.NO_INPUT)
    sums = {one.sha256: _sums(files.find(one.name)) for one in exhibits if one.kind == "damages"}
    return Beside(
        parties=facts.parties,
        statements=facts.statements,
        exhibits=exhibits,
        proficiency=trials[0] if trials else None,
        exposures=exposures,
        damages=sums,
    )


def exhibits_beside(beside: Beside, case_id: str) -> list[Exhibit]:
    """The exhibits with what bears on this case: inputs of another one, or that come to nothing, do not."""
    return [
        replace(one, bears=bears_on(beside.damages[one.sha256], case_id)) if one.kind == "damages" else one
        for one in beside.exhibits
    ]


def _printed(facts: Facts) -> Iterator[tuple[str, str]]:
    """What a report prints of a facts file in its own voice."""
    for one in facts.exhibits:
        yield "title", one.title
        yield "file name", one.file
    for said in facts.statements:
        yield "fact", said.fact
        yield "name", said.by
        yield from (("file name", name) for name in said.files)
    for role, who in facts.parties.items():
        yield from (("party", role), ("party", who))


def _sums(path: Path) -> Damages:
    """What a file of damages inputs comes to; an error says which file it is."""
    try:
        return reckon(read_inputs(path))
    except Error as error:
        message = error.message if str(path) in error.message else f"{path}: {error.message}"
        raise Error(message, hint=error.hint, exit_code=error.exit_code) from error


class _Files:
    """The files that a facts file names, each found and hashed once."""

    def __init__(self, facts: Path) -> None:
        self._facts, self._base = facts, facts.parent.resolve()
        self._digests: dict[Path, str] = {}

    def find(self, name: str) -> Path:
        """The file below the folder; raises where there is none, or it leads outside."""
        plain = PurePosixPath(name)
        path = self._base / plain
        if max(map(len, plain.parts), default=0) > LONGEST_NAME:
            raise self._bad(f"names {name[:60]!r} …: no file can be called so")
        if plain.is_absolute() or ".." in plain.parts or not name.isprintable():
            raise self._bad(f"names {name!r}: a file is named below its folder")
        if not path.resolve().is_relative_to(self._base):
            raise self._bad(f"names {name!r}, which leads out of its folder")
        if not path.is_file():
            raise self._bad(f"names {name!r}, and there is no such file below {self._base.name}")
        return path

    def exhibit(self, kind: ExhibitKind, title: str, name: str, fact: str = "") -> Exhibit:
        """The file as an exhibit, with the digest that it has now."""
        path = self.find(name)
        if path not in self._digests:
            if len(self._digests) == MAX_FILES:
                raise self._bad(f"names over {MAX_FILES:,} files")
            self._digests[path] = self._digest(path)
        sha256 = self._digests[path]
        return Exhibit(number=0, kind=kind, title=title, name=name, sha256=sha256, sealed=False, fact=fact)

    def _digest(self, path: Path) -> str:
        try:
            return file_sha256(path)
        except OSError as error:
            raise self._bad(f"names {path.name}, which cannot be read: {error.strerror}") from error

    def _bad(self, what: str) -> Error:
        hint = f"{FORM} shows what is expected"
        return Error(f"{self._facts} {what}", hint=hint, exit_code=ExitCode.NO_INPUT)


def _of_records(facts: Facts, files: _Files) -> Iterator[Exhibit]:
    for one in facts.exhibits:
        yield files.exhibit(one.kind, one.title, one.file)


def _of_statements(facts: Facts, files: _Files) -> Iterator[Exhibit]:
    """One exhibit a fact and file."""
    named = dict.fromkeys((one.fact, name) for one in facts.statements for name in one.files)
    for fact, name in named:
        yield files.exhibit("statement", f"{PurePosixPath(name).name}, on {fact_words(fact)}", name, fact)
