"""One attribution: the suspect and every negative control under the same tests, one verdict, one folder.

The run is logged before anything is examined. `attribution.json` is written last; without it the folder is
not whole.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from countermark import plugins
from countermark.attribute.base import Attributor
from countermark.attribute.pictures import beside_controls, write_pictures
from countermark.errors import Error, ExitCode
from countermark.flow.case_runs import CaseRun, InCase, declared_run
from countermark.flow.computed_attributions import Computed, Given, Question, compute
from countermark.records.attributions import ATTRIBUTION_FILE, Attribution
from countermark.records.canonical import canonical_json, file_sha256, folder_sha256
from countermark.records.environment import cpu_flags, environment
from countermark.records.files import remove_left_overs, write_atomic
from countermark.trust.committed_seeds import Held, SeedSource, held_against
from countermark.trust.keyfiles import Secret
from countermark.trust.runs import Declared
from countermark.watermark.key_names import name_of_key
from countermark.watermark.profile import Profile

ProgressCall = Callable[[float, float], None]


@dataclass(frozen=True, kw_only=True)
class AttributionOptions:
    """What every `attribute` verb is asked, beside the reference."""

    suspect: Path
    out: Path
    controls: Sequence[Path] = ()
    """Suspects that are known to satisfy the null."""
    alpha: float = 0.01
    family: int = 1
    """Hypotheses that this run declares: keys, or references."""
    uses: Sequence[tuple[Profile, Secret]] = ()
    """Keys that the tests use; their exposure is checked in a case."""
    case: InCase = field(default_factory=InCase)
    seed: SeedSource = field(default_factory=SeedSource)
    """Where the attributor's random draws come from; held against the log in a case."""


def attribute(
    attributor: Attributor, options: AttributionOptions, progress: ProgressCall | None = None
) -> Attribution:
    """Examine the suspect and the controls, conclude, and write the folder."""
    inputs = {"suspect": digest(options.suspect)}
    inputs |= {name: digest(path) for name, path in attributor.inputs.items()}
    for number, path in enumerate(options.controls, start=1):
        inputs[f"control {number}"] = digest(path)
    _check_controls(inputs)
    _check_out(options.out)
    key_ids = tuple(name_of_key(key) for _, key in options.uses)
    profile_ids = tuple(dict.fromkeys(profile.profile_id for profile, _ in options.uses))
    declared = Declared(
        bodies=1,
        keys=options.family,
        key_ids=key_ids,
        profile_ids=profile_ids,
        digests={name.replace(" ", "-"): sha256 for name, sha256 in inputs.items()},  # no blanks in the log
    )
    with declared_run(options.case, declared, options.uses) as run:
        computed = compute(attributor, _question(options, inputs, run), progress)
        pictures = dict(computed.examined.pictures) | {
            "controls": beside_controls(computed.examined.tests, computed.controls, options.alpha)
        }
        _clear(options.out)
        files = {name: file_sha256(options.out / name) for name in write_pictures(options.out, pictures)}
        record = _record(computed, inputs, run, files)
        run.answer = record
        write_atomic(options.out / ATTRIBUTION_FILE, canonical_json(record))
    return record


def digest(path: Path) -> str:
    """SHA-256 of a file, or over the names and digests of a folder's files."""
    try:
        return file_sha256(path) if path.is_file() else folder_sha256(path)
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None


def _held(seed: SeedSource, run: CaseRun) -> Held:
    """In a case what its log says of the seed; elsewhere that nothing was asked."""
    if run.log is None:
        return Held(seed.fields())
    return held_against(run.log, seed, run.entry)


def _question(options: AttributionOptions, inputs: dict[str, str], run: CaseRun) -> Question:
    """What is computed, with what the log says of the seed before anything is examined: nothing later
    counts."""
    controls = [
        Given(_name(path), path, inputs[f"control {number}"])
        for number, path in enumerate(options.controls, start=1)
    ]
    return Question(
        suspect=Given(_name(options.suspect), options.suspect, inputs["suspect"]),
        controls=controls,
        alpha=options.alpha,
        declared=options.family,
        others=run.family - options.family,
        in_case=run.number is not None,
        held=_held(options.seed, run),
    )


def _check_out(out: Path) -> None:
    """Make the folder, or see that it holds nothing but an earlier attribution, which stays until this one
    is written."""
    if out.exists() and not out.is_dir():
        raise Error(f"{out} is not a folder", exit_code=ExitCode.USAGE)
    out.mkdir(parents=True, exist_ok=True)
    remove_left_overs(out)
    ours = _earlier(out)
    foreign = sorted(one.name for one in out.iterdir() if one.name not in ours or not one.is_file())
    if foreign:
        hint = "give an empty or a new folder"
        raise Error(f"{out} holds other files ({foreign[0]})", hint=hint, exit_code=ExitCode.USAGE)


def _earlier(out: Path) -> set[str]:
    """`attribution.json` and what it lists; nothing where there is none."""
    try:
        record = msgspec.json.decode((out / ATTRIBUTION_FILE).read_bytes(), type=Attribution)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return set()
    return {ATTRIBUTION_FILE, *record.files}


def _clear(out: Path) -> None:
    """The record goes first: without it the folder is not whole."""
    for name in sorted(_earlier(out), key=lambda name: name != ATTRIBUTION_FILE):
        if "/" not in name:
            (out / name).unlink(missing_ok=True)


def _check_controls(inputs: dict[str, str]) -> None:
    """A control that is the suspect, or stands twice, would make the panel look larger than it is."""
    seen: dict[str, str] = {}
    for name, sha256 in inputs.items():
        if name != "suspect" and not name.startswith("control "):
            continue
        if sha256 in seen:
            raise Error(f"{name} is the same as the {seen[sha256]}", exit_code=ExitCode.USAGE)
        seen[sha256] = name


def _name(path: Path) -> str:
    """With its folder: many controls are called alike."""
    return f"{path.resolve().parent.name}/{path.name}"


def _record(computed: Computed, inputs: dict[str, str], run: CaseRun, files: dict[str, str]) -> Attribution:
    fields = computed.fields()
    for name in ("minimum_detectable", "parameters"):
        fields[name] = msgspec.to_builtins(fields[name])
    return Attribution(
        **fields,
        inputs=inputs,
        origin=plugins.load(plugins.ATTRIBUTIONS, computed.attributor.name).origin.to_dict(),
        software=software(),
        case_run=run.to_dict(),
        files=files,
    )


def software() -> dict[str, str]:
    """Versions that figures may hang on, the processor's flags, and the digest of all that is installed."""
    found = {one: version(one) for one in ("countermark", "numpy", "scipy")}
    for name in ("tokenizers", "torch", "transformers"):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    here = environment()
    here["cpu_flags"] = " ".join(cpu_flags())
    return found | {name: str(value) for name, value in here.items()}
