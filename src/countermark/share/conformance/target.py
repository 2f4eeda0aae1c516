"""The server under test as the checks see it: its API root, one collection, and answers fetched once."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from countermark.errors import Error, ExitCode
from countermark.share.conformance.http import FIRST, SECOND, Answer, Http, NoAnswer, query
from countermark.share.conformance.table import NotApplicable, Undetermined
from countermark.share.conformance.world import ABSENT, World

DISCOVERY = "/taxii2/"
FUTURE = "2999-01-01T00:00:00.000000Z"
_SAMPLE = 5
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,300}", re.ASCII)


class Target:
    """One server; made by `find_target`."""

    def __init__(self, http: Http, *, read_only: bool) -> None:
        self.http, self.read_only = http, read_only
        self.ca: str | None = None
        """File of the authorities that the run trusts; None for the system's."""
        self.root_path: str | None = None
        self.collection: dict[str, Any] | None = None
        self.collections: list[dict[str, Any]] = []
        """As the first caller sees them."""
        self._world: World | None = None
        self._kept: dict[str, Answer] = {}
        self._failures: dict[str, Answer] | None = None

    @property
    def root(self) -> str:
        """Path of the API root; raises `Undetermined` where none is known."""
        if self.root_path is None:
            raise Undetermined("no API root is known")
        return self.root_path

    @property
    def here(self) -> dict[str, Any]:
        """The collection resource; raises `Undetermined`."""
        if self.collection is None:
            raise Undetermined("there is no collection to look at")
        return self.collection

    def url(self, rest: str = "", collection: str | None = None) -> str:
        """A path below the collection."""
        return f"{self.root}collections/{collection or self.here['id']}/{rest}"

    @property
    def prefix(self) -> str:
        """What the paths of the collection begin with; the root's where there is none."""
        collection = f"collections/{self.collection['id']}/" if self.collection else ""
        return f"{self.root_path or '/'}{collection}"

    def world(self) -> World:
        """The objects that the kit adds; raises `NotApplicable` or `Undetermined`."""
        if self.read_only:
            raise NotApplicable("it adds objects, and this run only reads")
        if self._world is None:
            self._world = World(self.http, self.url("objects/"), f"{self.root}status/")
            self._world.build()
        if not self._world.ready:
            raise Undetermined(f"the test objects could not be added: {self._world.problem}")
        return self._world

    def added(self) -> World | None:
        """The objects that were added so far."""
        return self._world

    def scope(self) -> tuple[str, list[dict[str, Any]]]:
        """`match[id]=…` of objects to look at, and their manifest records, latest versions alone.

        Those which the kit added; when it only reads, the first ones of the collection.
        """
        chosen = self._sample() if self.read_only else self.world().ids
        answer = self.get("manifest-of-scope", self.url("manifest/") + query(match_id=",".join(chosen)))
        records = [one for one in _dicts(answer.items()) if _is_id(one.get("id"))]
        if answer.status != 200 or not records:
            raise Undetermined(f"the manifest has no records to look at (answer {answer.status})")
        return query(match_id=",".join(chosen)), records

    def _sample(self) -> list[str]:
        answer = self.get("first-manifest", self.url("manifest/") + query(limit=_SAMPLE))
        found = [one["id"] for one in _dicts(answer.items()) if _is_id(one.get("id"))]
        if answer.status == 200 and not found:
            raise NotApplicable("the collection is empty, and this run only reads")
        if not found:
            raise Undetermined(f"the manifest was answered {answer.status}")
        return list(dict.fromkeys(found))

    def get(self, name: str, path: str) -> Answer:
        """GET, once in a run."""
        if name not in self._kept:
            self._kept[name] = self.http.ask("GET", path)
        return self._kept[name]

    def resources(self) -> dict[str, Answer]:
        """One answer of each endpoint that gives a resource, by its name; statuses where the kit adds."""
        scope, records = self.scope()
        one = f"objects/{records[0]['id']}/"
        found = {
            "discovery": self.get("discovery", DISCOVERY),
            "api-root": self.get("api-root", self.root),
            "collections": self.get("collections", f"{self.root}collections/"),
            "collection": self.get("collection", self.url()),
            "manifest": self.get("manifest", self.url("manifest/") + scope),
            "objects": self.get("objects", self.url("objects/") + scope),
            "object": self.get("object", self.url(one)),
            "versions": self.get("versions", self.url(f"{one}versions/")),
        }
        if not self.read_only:
            found["status"] = self.world().statuses[0]
        return found

    def empties(self) -> dict[str, Answer]:
        """The four dated endpoints, asked so that nothing is found."""
        records = self.scope()[1]
        later = query(added_after=FUTURE)
        one = f"objects/{records[0]['id']}/"
        paths = {"manifest": "manifest/", "objects": "objects/", "object": one, "versions": f"{one}versions/"}
        return {name: self.get(f"no-{name}", self.url(path) + later) for name, path in paths.items()}

    def failures(self) -> dict[str, Answer]:
        """Answers to requests that have to fail, of known endpoints and with rights."""
        if self._failures is None:
            ask, found = self.http.ask, dict[str, Answer]()
            found["malformed query"] = ask("GET", self.url("objects/") + query(limit="none"))
            found["unknown collection"] = ask("GET", self.url(collection=ABSENT))
            found["unknown object"] = ask("GET", self.url(f"objects/indicator--{ABSENT}/"))
            found["unknown status"] = ask("GET", f"{self.root}status/{ABSENT}/")
            found["unknown API root"] = ask("GET", f"/no-api-root-{ABSENT[:8]}/")
            found["bad Accept"] = ask("GET", self.url("objects/"), accept="text/html")
            if self.here.get("can_write") is True and not self.read_only:
                path = self.url("objects/")
                found["bad Content-Type"] = ask("POST", path, content=b"{}", content_type="text/plain")
                found["no JSON"] = ask("POST", path, content=b'{"objects": [')
                found["no UTF-8"] = ask("POST", path, content=b'{"objects": ["\xff\xfe"]}')
                found["no objects"] = ask("POST", path, content=b'{"objects": []}')
            self._failures = {name: one for name, one in found.items() if one.status >= 400}
        return self._failures

    def other(self, wanted: Callable[[dict[str, Any]], bool], who: str = FIRST) -> dict[str, Any] | None:
        """Another collection, as a caller sees it."""
        for one in self.collections_of(who):
            if wanted(one) and one.get("id") != self.here["id"]:
                return one
        return None

    def collections_of(self, who: str) -> list[dict[str, Any]]:
        """Collections that a caller sees; raises `NotApplicable` where there is no such caller."""
        if who == FIRST:
            return self.collections
        if not self.http.knows(SECOND):
            raise NotApplicable("it takes a second caller (--second-token-file)")
        if "second-collections" not in self._kept:
            self._kept["second-collections"] = self.http.ask("GET", f"{self.root}collections/", who=SECOND)
        listed = _dicts(self._kept["second-collections"].items("collections"))
        return [one for one in listed if _is_id(one.get("id"))]


def find_target(http: Http, path: str, collection: str | None, *, read_only: bool) -> Target:
    """Look the server up; raises `Error(NO_INPUT)` where it cannot be reached or turns the caller away."""
    found = Target(http, read_only=read_only)
    try:
        discovery = found.get("discovery", DISCOVERY)
    except NoAnswer as error:
        raise Error(
            f"the server cannot be reached: {error}",
            hint="is it running, is the certificate known (--ca), is the address right?",
            exit_code=ExitCode.NO_INPUT,
        ) from None
    found.root_path = _root(http, path, discovery)
    if found.root_path is None:
        _refused(http, discovery)
        return found
    try:
        listed = found.get("collections", f"{found.root}collections/")
    except NoAnswer:
        return found
    _refused(http, listed)
    found.collections = [one for one in _dicts(listed.items("collections")) if _is_id(one.get("id"))]
    found.collection = _chosen(found.collections, collection, read_only)
    return found


def _root(http: Http, path: str, discovery: Answer) -> str | None:
    """Path of the API root: that of the URL, else the default one, else the first of this server."""
    if path not in ("", "/", DISCOVERY, DISCOVERY.rstrip("/")):
        return path if path.endswith("/") else f"{path}/"
    resource = discovery.resource
    for one in (resource.get("default"), *discovery.items("api_roots")):
        if not isinstance(one, str):
            continue
        try:
            parts = urlsplit(one)
        except ValueError:
            continue
        same = not parts.netloc or f"{parts.scheme}://{parts.netloc}" == http.base
        if same and parts.path.startswith("/") and len(parts.path) < 500:
            return parts.path if parts.path.endswith("/") else f"{parts.path}/"
    return None


def _refused(http: Http, answer: Answer) -> None:
    if answer.status in (401, 403):
        hint = "--token-file, or --user with --password-file"
        if answer.status == 401 and http.scheme(FIRST) == "basic" and "basic" not in answer.offered:
            hint = "it does not offer HTTP Basic: --token-file"
        raise Error(
            f"the server answers {answer.status}: it does not take these credentials",
            hint=hint,
            exit_code=ExitCode.NO_INPUT,
        )


def _chosen(found: list[dict[str, Any]], wanted: str | None, read_only: bool) -> dict[str, Any] | None:
    """The collection to work in: never one of several to write into that nobody named."""
    if wanted is not None:
        for one in found:
            if wanted in (one["id"], one.get("alias")):
                return one
        raise Error("the caller sees no such collection", exit_code=ExitCode.NO_INPUT)
    fit = [
        one for one in found if one.get("can_read") is True and (read_only or one.get("can_write") is True)
    ]
    if not fit and found:
        raise Error(
            f"there is no collection that the caller may {'read' if read_only else 'read and write'}",
            hint="" if read_only else "--read-only leaves out what adds objects",
            exit_code=ExitCode.NO_INPUT,
        )
    if not read_only and len(fit) > 1:
        names = ", ".join(one["id"][:36] for one in fit[:5])
        raise Error(
            f"the caller can write to several collections: {names}",
            hint="name the one that test objects may go into (--collection), or use --read-only",
            exit_code=ExitCode.USAGE,
        )
    return fit[0] if fit else None


def _is_id(value: object) -> bool:
    """Whether an id may stand in a path as it is."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _dicts(values: list[Any]) -> list[dict[str, Any]]:
    return [one for one in values if isinstance(one, dict)]
