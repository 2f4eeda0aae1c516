"""One attribution: the suspect and every negative control under the same tests, one verdict, one folder.

The run is logged before anything is examined. `attribution.json` is written last; without it the folder is
not whole.
"""

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

import msgspec

from countermark import plugins
from countermark.attribute.base import Attributor, Examined
from countermark.attribute.pictures import beside_controls, write_pictures
from countermark.attribute.verdict import Verdict, conclude
from countermark.errors import Error, ExitCode
from countermark.flow.case_runs import CaseRun, InCase, declared_run
from countermark.records.attributions import (
    ATTRIBUTION_FILE,
    NOTHING_DRAWN,
    SEED_SOURCE,
    Attribution,
    Control,
)
from countermark.records.canonical import canonical_json, file_sha256, folder_sha256
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
        held = _held(options.seed, run)  # before anything is examined: nothing later in the log counts
        examined = with_seed(attributor.examine(options.suspect, progress), held)
        controls = [
            examine_control(attributor, path, inputs[f"control {number}"])
            for number, path in enumerate(options.controls, start=1)
        ]
        # more deciding tests than were declared enlarge the family, never the chances
        run.family += max(0, sum(test.decides for test in examined.tests) - options.family)
        verdict = conclude(
            attributor,
            examined,
            controls,
            alpha=options.alpha,
            family=run.family,
            in_case=run.number is not None,
        )
        pictures = dict(examined.pictures) | {
            "controls": beside_controls(examined.tests, controls, options.alpha)
        }
        _clear(options.out)
        files = {name: file_sha256(options.out / name) for name in write_pictures(options.out, pictures)}
        record = _record(attributor, options, examined, controls, verdict, inputs, run, files)
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


def with_seed(examined: Examined, held: Held) -> Examined:
    """A seed that may have been chosen is a problem only where what decides hangs on it."""
    fields = held.fields if examined.draws else {"source": NOTHING_DRAWN}
    problems = [held.problem] if examined.draws and held.problem else []
    return replace(
        examined,
        problems=[*examined.problems, *problems],
        parameters=examined.parameters | {SEED_SOURCE: fields},
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


def examine_control(attributor: Attributor, path: Path, sha256: str) -> Control:
    """A control that cannot be tested stays in the panel, with the reason."""
    try:
        examined = attributor.examine(path)
    except Error as error:
        return Control(name=_name(path), sha256=sha256, tests=[], problem=error.message)
    return Control(
        name=_name(path), sha256=sha256, tests=examined.tests, problem="; ".join(examined.problems)
    )


def _name(path: Path) -> str:
    """With its folder: many controls are called alike."""
    return f"{path.resolve().parent.name}/{path.name}"


def _record(
    attributor: Attributor,
    options: AttributionOptions,
    examined: Examined,
    controls: list[Control],
    verdict: Verdict,
    inputs: dict[str, str],
    run: CaseRun,
    files: dict[str, str],
) -> Attribution:
    origin = plugins.load(plugins.ATTRIBUTIONS, attributor.name).origin
    packages = ("countermark", "numpy", "scipy")
    return Attribution(
        kind=attributor.name,
        verdict=verdict.words,
        reasons=verdict.reasons,
        conclusions=verdict.conclusions,
        tests=examined.tests,
        alpha=options.alpha,
        family=run.family,
        minimum_detectable=msgspec.to_builtins(examined.minimum_detectable),
        other_explanations=attributor.other_explanations,
        controls=controls,
        validity_domain=attributor.domain,
        not_validated=attributor.domain.outside(examined.properties),
        inputs=inputs,
        parameters=msgspec.to_builtins(examined.parameters),
        origin=origin.to_dict(),
        software={name: version(name) for name in packages} | {"python": platform.python_version()},
        case_run=run.to_dict(),
        files=files,
    )
