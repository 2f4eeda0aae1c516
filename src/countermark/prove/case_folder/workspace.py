"""The case folder: what an investigation gathers before it is sealed.

    case-folder.json   case id, matter, log, and what was added; replaced in one piece, last
    custody.json       acquisitions, holds, actions
    salts.key          secret that the package's salts are taken from; 0600, stays here
    findings/DIGEST/   copies of what detect wrote, by the digest of its JSON file
    scan/DIGEST/, attributions/DIGEST/    likewise
    plans/PLAN.json    the plans, which were written before
    runs/RUN.NAME      what came out of runs that are no step
    terms/             texts of terms, and who accepted them

What goes into the package is copied when it is added, so that a later run over the same --out does not
change the case; EVENTS and raw evidence, which may be large, stay where they are and are bound by digest.
Every change is noticed: copies and EVENTS at the seal, raw evidence by `case show --check`. Nothing is
taken out again: what was added and replaced stays in the folder, under `replaced`. The folder may be moved.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from countermark.errors import Error, ExitCode
from countermark.prove.beforehand.plans import decode_plan, read_bytes
from countermark.prove.case_folder.workspace_files import keep_folder, listed, read_whole, remove_halves
from countermark.prove.case_folder.workspace_state import (
    STATE_FILE,
    Events,
    Kept,
    Link,
    State,
    now,
    read_state,
    reference,
    write_state,
)
from countermark.prove.custody.custody import CUSTODY_FILE, Custody, merge, read_custody, write_custody
from countermark.prove.package.case import is_case_id
from countermark.prove.package.layout import MAX_ATTRIBUTIONS, read_object
from countermark.records.canonical import file_sha256, sha256_hex
from countermark.records.files import write_atomic
from countermark.trust.keyfiles import Secret, locked, read_secret, write_secret

SALTS_FILE = "salts.key"
STAGES = {
    "detect": ("findings", "findings.json", "detect"),
    "scan": ("scan", "scan.json", "watermark scan"),
    "attribute": ("attributions", "attribution.json", "attribute"),
}
"""By stage: the folder of its copies, its JSON file, and the verb that writes it."""
_SALT_BYTES = 32


class Workspace:
    """A case folder that was read; every change is written at once."""

    def __init__(self, folder: Path, state: State) -> None:
        self.folder, self.state = folder, state

    @classmethod
    def create(cls, folder: Path, case_id: str, *, matter: str = "", log: Path | None = None) -> "Workspace":
        """A new case folder; one of this case that is there stays as it is, with this log from now on.

        Finishes what a killed run began. Raises `Error` where there is another case, or other files.
        """
        if not is_case_id(case_id):
            hint = "letters, digits, dot, underscore and hyphen; 64 at most"
            raise Error(f"{case_id!r} cannot be a case id", hint=hint, exit_code=ExitCode.USAGE)
        if bool(matter) != (log is not None):
            message = "a case in a log has both --matter and --log"
            raise Error(message, hint="--matter ID --log FOLDER, or neither", exit_code=ExitCode.USAGE)
        _check_free(folder)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # it will hold personal data
        with locked(folder / STATE_FILE):
            if not (folder / STATE_FILE).exists():
                remove_halves(folder)
                if not (folder / SALTS_FILE).exists():
                    write_secret(folder / SALTS_FILE, os.urandom(_SALT_BYTES))
                if not (folder / CUSTODY_FILE).exists():
                    write_custody(folder / CUSTODY_FILE, Custody())
                cls(folder, State(case_id=case_id, opened=now())).write(
                    matter=matter, log=reference(log, folder)
                )
        workspace = cls.open(folder)
        if workspace.state.case_id != case_id or (matter and workspace.state.matter not in ("", matter)):
            one = f"case {workspace.state.case_id}, matter {workspace.state.matter!r}"
            raise Error(f"{folder} is the folder of {one}", hint="choose another folder")
        if log is not None and workspace.log != Path(os.path.abspath(log)):  # noqa: PTH100  # not its links
            with workspace.changing():
                workspace.write(matter=matter, log=reference(log, folder))
        return workspace

    @classmethod
    def open(cls, folder: Path) -> "Workspace":
        """The case folder at `folder`; `Error(NO_INPUT)` where there is none, or its list cannot be read."""
        hint = f"countermark case open {folder} --id CASE-1 makes one"
        if not (folder / STATE_FILE).is_file():
            raise Error(f"{folder} is not a case folder", hint=hint, exit_code=ExitCode.NO_INPUT)
        return cls(folder, read_state(folder))

    @property
    def log(self) -> Path | None:
        """The folder of the log that the case is in."""
        return self.folder / self.state.log if self.state.log else None

    @property
    def custody(self) -> Custody:
        """The records as they stand in the folder."""
        return read_custody(self.folder / CUSTODY_FILE)

    def salt_key(self) -> Secret:
        """The secret that the package's salts are taken from; raises unless the owner alone can read it."""
        secret = read_secret(self.folder / SALTS_FILE, what="salts key")
        if len(secret.reveal()) != _SALT_BYTES:
            hint = "restore it from a copy: it fixes the salts of this case"
            raise Error(f"{self.folder / SALTS_FILE} is damaged", hint=hint)
        return secret

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the folder; what others wrote meanwhile is read first."""
        with locked(self.folder / STATE_FILE):
            remove_halves(self.folder)
            self.state = read_state(self.folder)
            self._take_plans()
            yield

    def add_findings(self, source: Path, events: Path, link: Link, *, replace: bool = False) -> Kept:
        """Copy a FINDINGS folder, and remember the EVENTS that it was made of."""
        kept, files = self._stage("detect", source, link)
        with self.changing():
            self._check_link(link)
            made_of = _events_of(source, events)
            self.check_new(self.state.findings, kept, replace)
            self._copy("detect", source, kept, files)
            kept = _linked(kept, self.state.findings)
            where = Events(reference(events, self.folder), made_of)
            self.write(findings=kept, events=where, replaced=self.replaced(self.state.findings, kept))
        return kept

    def add_scan(self, source: Path, link: Link, *, replace: bool = False) -> Kept:
        """Copy a SCAN folder."""
        kept, files = self._stage("scan", source, link)
        with self.changing():
            self._check_link(link)
            self.check_new(self.state.scan, kept, replace)
            self._copy("scan", source, kept, files)
            kept = _linked(kept, self.state.scan)
            self.write(scan=kept, replaced=self.replaced(self.state.scan, kept))
        return kept

    def add_attribution(self, source: Path, link: Link) -> int:
        """Copy the folder of an attribution, and say which number it has.

        The same once more keeps its number, and has the new link.
        """
        kept, files = self._stage("attribute", source, link)
        with self.changing():
            self._check_link(link)
            present = list(self.state.attributions)
            digests = [one.sha256 for one in present]
            if kept.sha256 not in digests and len(present) >= MAX_ATTRIBUTIONS:
                raise Error(f"a case takes {MAX_ATTRIBUTIONS} attributions at most")
            self._copy("attribute", source, kept, files)
            number = digests.index(kept.sha256) if kept.sha256 in digests else len(present)
            present[number : number + 1] = [_linked(kept, *present[number : number + 1])]
            self.write(attributions=present)
        return number + 1

    def add_plan(self, source: Path) -> str:
        """Copy a plan, and give its id; one that was changed since is another plan, and refused.

        A plan that stands below `plans/` already, as `case plan` writes it, need not be added.
        """
        data = read_bytes(source)
        plan = decode_plan(data, str(source)).plan_id
        kept = kept_file(f"plans/{plan}.json", data, source)
        with self.changing():
            old = self.state.plans.get(plan)
            if old is not None and old.sha256 != kept.sha256:
                hint = "a plan is not changed once it is in a case: give the new one another id"
                raise Error(f"there is another plan {plan} in the case", hint=hint)
            self.keep_file(kept, data)
            self.write(plans=self.state.plans | {plan: old or kept})
        return plan

    def _take_plans(self) -> None:
        """Put plans that stand below `plans/` and not in the list yet into it."""
        found = {}
        for path in sorted((self.folder / "plans").glob("*.json")):
            if path.stem not in self.state.plans:
                data = read_bytes(path)
                plan = decode_plan(data, str(path)).plan_id
                if plan != path.stem:
                    raise Error(f"{path} is the plan {plan}", hint=f"call it {plan}.json")
                found[plan] = kept_file(f"plans/{plan}.json", data, path)
        if found:
            self.write(plans=self.state.plans | found)

    def record(self, new: Custody) -> None:
        """Put records into `custody.json`; raises where one has the id of another."""
        with self.changing():
            self.record_held(new)

    def record_held(self, new: Custody) -> None:
        """The same while the folder is held."""
        write_custody(self.folder / CUSTODY_FILE, merge(self.custody, new))

    def keep_file(self, kept: Kept, data: bytes) -> None:
        """Write a copy to its place, unless the same is there; while the folder is held."""
        target = self.folder / kept.path
        target.parent.mkdir(exist_ok=True)
        if not target.is_file() or file_sha256(target) != kept.sha256:
            write_atomic(target, data)

    def _stage(self, stage: str, source: Path, link: Link) -> tuple[Kept, dict[str, str]]:
        place, manifest, maker = STAGES[stage]
        sha256, files = listed(source, manifest, maker)
        kept = Kept(path=f"{place}/{sha256[:16]}", sha256=sha256, added=now(), source=str(source), link=link)
        return kept, files | {manifest: sha256}

    def _copy(self, stage: str, source: Path, kept: Kept, files: dict[str, str]) -> None:
        (self.folder / STAGES[stage][0]).mkdir(exist_ok=True)
        keep_folder(source, self.folder / kept.path, files)

    def _check_link(self, link: Link) -> None:
        known = {one.id for one in self.custody.acquisitions}
        for name in link.acquisitions:
            if name not in known:
                hint = "add it first: countermark case add acquisition"
                raise Error(
                    f"there is no acquisition {name} in the case", hint=hint, exit_code=ExitCode.USAGE
                )
        if link.plan and link.plan not in self.state.plans:
            hint = "add it first: countermark case plan"
            raise Error(f"there is no plan {link.plan} in the case", hint=hint, exit_code=ExitCode.USAGE)
        if bool(link.plan) != bool(link.hypothesis):
            raise Error("a plan and its hypothesis go together", exit_code=ExitCode.USAGE)
        if link.plan:
            path = self.folder / self.state.plans[link.plan].path
            ids = [one.id for one in decode_plan(read_bytes(path), str(path)).hypotheses]
            if link.hypothesis not in ids:
                message = f"plan {link.plan} has no hypothesis {link.hypothesis}"
                raise Error(message, hint=f"it has {', '.join(ids)}", exit_code=ExitCode.USAGE)

    def check_new(self, old: Kept | None, new: Kept, replace: bool) -> None:
        """Refuse to put one thing in the place of another unless told."""
        if old is not None and old.sha256 != new.sha256 and not replace:
            message = f"the case has other ones already, of {old.added} from {old.source}"
            raise Error(message, hint="--replace puts these in their place; the others stay in the folder")

    def replaced(self, old: Kept | None, new: Kept) -> list[Kept]:
        """What stands under `replaced` once `new` is in the place of `old`."""
        gone = [old] if old is not None and old.sha256 != new.sha256 else []
        return [*self.state.replaced, *gone]

    def write(self, **fields: object) -> None:
        """Write the list with these fields changed, while the folder is held."""
        self.state = msgspec.structs.replace(self.state, **fields)
        write_state(self.folder, self.state)


def _linked(new: Kept, old: Kept | None = None) -> Kept:
    """The same thing added once more keeps its link, unless it was given another one."""
    again = old is not None and old.sha256 == new.sha256 and new.link == Link()
    return msgspec.structs.replace(new, link=old.link) if old is not None and again else new


def _events_of(findings: Path, events: Path) -> str:
    """Digest of the `capture.json` that findings name, once `events` has it."""
    document = read_object(read_whole(findings / "findings.json"), "findings.json")
    named = document.get("events")
    wanted = named.get("capture_sha256") if isinstance(named, dict) else None
    if not (events / "capture.json").is_file():
        hint = "--events names the EVENTS folder that detect read"
        raise Error(f"{events} has no capture.json", hint=hint, exit_code=ExitCode.NO_INPUT)
    found = file_sha256(events / "capture.json")
    if found != wanted:
        hint = "name the EVENTS that detect read; if they were captured again since, detect again"
        raise Error(f"the findings were not made of {events}", hint=hint, exit_code=ExitCode.NO_INPUT)
    return found


def _check_free(folder: Path) -> None:
    ours = {STATE_FILE, STATE_FILE + ".lock", SALTS_FILE, CUSTODY_FILE}
    if folder.exists() and not folder.is_dir():
        raise Error(f"{folder} is no folder", hint="choose another one")
    if folder.is_dir() and not (folder / STATE_FILE).exists():
        names = {path.name for path in folder.iterdir() if not path.name.startswith(".partial-")}
        if names - ours:
            raise Error(f"{folder} has other files in it", hint="a case gets a folder of its own")


def kept_file(name: str, data: bytes, source: Path) -> Kept:
    """The entry of a copy, at this place, of a file with this content."""
    return Kept(path=name, sha256=sha256_hex(data), added=now(), source=str(source))
