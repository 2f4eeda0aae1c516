"""The attributor of each kind of attribution again, from what its record says and what was given by hand.

A record is not trusted: its parameters are of known names, types and sizes, or nothing is computed.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from countermark.attribute.base import Attributor
from countermark.attribute.canary import Canary
from countermark.attribute.canary.committed import Committed
from countermark.attribute.canary.draw import KIND
from countermark.attribute.canary.model import LAYOUT
from countermark.attribute.canary.serving import read_servings
from countermark.attribute.identity import Identity
from countermark.attribute.lineage import Lineage
from countermark.attribute.radioactivity import Options, Radioactivity
from countermark.attribute.text import TextMark
from countermark.flow.recompute_inputs import Inputs, Left
from countermark.prove.beforehand.log_view import LogView
from countermark.records.attributions import Attribution, Sha256

Files = dict[str, Path]
KeyId = Annotated[str, Meta(pattern=r"\A[0-9a-f]{16}\Z")]
ProfileId = Annotated[str, Meta(pattern=r"\Aprofile-[0-9a-f]{32}\Z")]
_ENTRY = re.compile(r"entry ([0-9]{1,15}) of the log, (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)Z")


class _SeedSource(msgspec.Struct):
    key_id: KeyId | UnsetType = UNSET
    """Not there where draws come from digests of the inputs; null where it was taken out, and refused."""


class _Parameters(msgspec.Struct, kw_only=True):
    """What all kinds record."""

    seed_source: _SeedSource


class _OfKeys(_Parameters):
    keys: list[KeyId]
    profiles: list[ProfileId]
    decoys: int | Literal["by scheme"]

    def __post_init__(self) -> None:
        if len(self.keys) != len(self.profiles):
            raise ValueError

    @property
    def given_decoys(self) -> int | None:
        """As the verb is asked."""
        return self.decoys if isinstance(self.decoys, int) else None


class _OfRadioactivity(_OfKeys):
    setting: str
    tokens: int


class _OfCanaries(_Parameters):
    commitment: Sha256
    committed: str
    seed_key_id: KeyId | UnsetType = UNSET
    layout: Annotated[str, Meta(max_length=10_000)] = LAYOUT
    acquired: date | UnsetType = UNSET


class _OfIdentity(_Parameters):
    decides: str
    permutations: int
    reference_samples: int = 2
    """Without a folder as reference none is asked for any."""


class _OfLineage(_Parameters):
    most_layers: int
    most_units: int
    re_randomised: bool


def attributor_of(record: Attribution, files: Files, inputs: Inputs) -> tuple[Attributor, int]:
    """The attributor, and how many hypotheses its verb declares.

    Raises `Left` where something was not given, `msgspec.ValidationError` for parameters that the kind has
    not, `Error` for those that its verb would refuse.
    """
    return _KINDS[record.kind](record, files, inputs)


def check_kind(record: Attribution) -> None:
    """Raise `Left` for a plug-in's kind."""
    if record.kind not in _KINDS:
        raise Left(f"{record.kind[:40]!r} is no kind of attribution that is made here")


def _text(record: Attribution, files: Files, inputs: Inputs) -> tuple[Attributor, int]:
    asked = msgspec.convert(record.parameters, _OfKeys)
    keys = inputs.keys(asked.keys, asked.profiles)
    seed = inputs.seed(asked.seed_source.key_id)
    tokenizer = files.get("tokenizer")
    return TextMark(keys, tokenizer=tokenizer, decoys=asked.given_decoys, seed=seed, level=record.alpha), len(
        keys
    )


def _radioactivity(record: Attribution, files: Files, inputs: Inputs) -> tuple[Attributor, int]:
    asked = msgspec.convert(record.parameters, _OfRadioactivity)
    keys = inputs.keys(asked.keys, asked.profiles)
    options = Options(
        setting=asked.setting,
        reference=files.get("reference"),
        prompts=files.get("prompts"),
        known=files.get("known"),
        tokenizer=files.get("tokenizer"),
        decoys=asked.given_decoys,
        seed=inputs.seed(asked.seed_source.key_id),
        tokens=asked.tokens,
        level=record.alpha,
    )
    return Radioactivity(keys, options), len(keys)


def _canary(record: Attribution, files: Files, inputs: Inputs) -> tuple[Attributor, int]:
    asked = msgspec.convert(record.parameters, _OfCanaries)
    known = inputs.canaries(asked.commitment)
    servings = files.get("servings")
    attributor = Canary(
        known,
        served=read_servings(servings, known) if servings else None,
        served_path=servings,
        seed=inputs.seed(asked.seed_key_id),
        alpha=record.alpha,
        layout=asked.layout,
        committed=_committed(asked, inputs.log) if record.case_run else None,
    )
    return attributor, 1


def _committed(asked: _OfCanaries, log: LogView | None) -> Committed:
    """What the log of the case says of the canaries: the package's own, where it opens the entry, else as the
    record has it."""
    acquired = None if asked.acquired is UNSET else asked.acquired
    entry = _ENTRY.fullmatch(asked.committed)
    if entry is None:
        return Committed(acquired=acquired)
    for _, logged in log.entries(KIND) if log else ():
        if logged.payload.get("commitment") == asked.commitment:
            return Committed(logged.index, logged.time, acquired)
    try:
        time = datetime.fromisoformat(entry[2]).replace(tzinfo=UTC)
    except ValueError:
        raise Left("it names no time at which the canaries were committed to") from None
    return Committed(int(entry[1]), time, acquired)


def _identity(record: Attribution, files: Files, inputs: Inputs) -> tuple[Attributor, int]:
    asked = msgspec.convert(record.parameters, _OfIdentity)
    attributor = Identity(
        _needed(files, "reference"),
        permutations=asked.permutations,
        samples=asked.reference_samples,
        alpha=record.alpha,
        sequential=asked.decides == "e-process",
        seed=inputs.seed(asked.seed_source.key_id),
    )
    return attributor, 1


def _lineage(record: Attribution, files: Files, inputs: Inputs) -> tuple[Attributor, int]:
    asked = msgspec.convert(record.parameters, _OfLineage)
    attributor = Lineage(
        _needed(files, "reference"),
        seed=inputs.seed(asked.seed_source.key_id),
        alpha=record.alpha,
        layers=asked.most_layers,
        units=asked.most_units,
        re_randomise=asked.re_randomised,
        ancestors=[files[name] for name in numbered(files, "ancestor")],
    )
    return attributor, attributor.hypotheses


def _needed(files: Files, name: str) -> Path:
    if name not in files:
        raise Left(f"its record has no digest of a {name}")
    return files[name]


def numbered(files: Files, what: str) -> list[str]:
    """`control 1`, `control 2`, … as far as they go."""
    names: list[str] = []
    while (name := f"{what} {len(names) + 1}") in files:
        names.append(name)
    return names


_KINDS: dict[str, Callable[[Attribution, Files, Inputs], tuple[Attributor, int]]] = {
    "text": _text,
    "radioactivity": _radioactivity,
    "canary": _canary,
    "identity": _identity,
    "lineage": _lineage,
}
