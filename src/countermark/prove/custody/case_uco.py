"""Custody records as a CASE/UCO graph in JSON-LD, for tools that read that ontology.

Written for CASE and UCO 1.4.0 and 1.5.0 (caseontology.org): an acquisition is an `InvestigativeAction`
whose result is a `ProvenanceRecord` over `File`s with SHA-256; a hold is an `Authorization` and the action
under it; what was done since is an action informed by the acquisitions that its files come from. Every node
has an IRI that ends in a UUID (core:UcoThing-identifier-regex-shape), a name-based one (RFC 9562, version
5) of the case and the record's place in it: the same records give the same bytes. A field that was taken
out is left out.
"""

import json
import uuid
from collections.abc import Iterable
from typing import Any

from countermark.prove.custody.custody import Acquisition, Action, Custody, Hold, Item

CONTEXT = {
    "case-investigation": "https://ontology.caseontology.org/case/investigation/",
    "kb": "urn:countermark:kb:",
    "uco-action": "https://ontology.unifiedcyberontology.org/uco/action/",
    "uco-core": "https://ontology.unifiedcyberontology.org/uco/core/",
    "uco-identity": "https://ontology.unifiedcyberontology.org/uco/identity/",
    "uco-observable": "https://ontology.unifiedcyberontology.org/uco/observable/",
    "uco-role": "https://ontology.unifiedcyberontology.org/uco/role/",
    "uco-tool": "https://ontology.unifiedcyberontology.org/uco/tool/",
    "uco-types": "https://ontology.unifiedcyberontology.org/uco/types/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_NAMESPACE = uuid.UUID("5a0f2a6e-5d0c-5c5e-9d0e-6a1b4c1f7e21")
_PURPOSES = {
    "routine": "kept in the ordinary course of business",
    "case": "made for this case",
}
Node = dict[str, Any]


def case_uco(case_id: str, custody: Custody, software: dict[str, str] | None = None) -> bytes:
    """The graph in JSON-LD, sorted; `software` are the versions of what sealed the case, if it is sealed."""
    graph = _Graph(case_id)
    acquired = [graph.acquisition(place, one) for place, one in enumerate(custody.acquisitions)]
    held = [graph.hold(place, one) for place, one in enumerate(custody.holds)]
    done = [graph.action(place, one) for place, one in enumerate(custody.actions)]
    tools = [
        graph.tool("countermark", version) for version in [(software or {}).get("countermark")] if version
    ]
    authorizations = [authorization for _, authorization in held]
    graph.node(
        "investigation",
        "case-investigation:Investigation",
        ("investigation",),
        {
            "uco-core:name": case_id,
            "uco-core:object": [*acquired, *(action for action, _ in held), *done, *tools],
            "case-investigation:relevantAuthorization": authorizations,
        },
    )
    document = {"@context": CONTEXT, "@graph": [graph.nodes[name] for name in sorted(graph.nodes)]}
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"


class _Graph:
    """Nodes by IRI, each made once."""

    def __init__(self, case_id: str) -> None:
        self.case_id = case_id
        self.nodes: dict[str, Node] = {}
        self._files: dict[str, list[Node]] = {}  # references by SHA-256
        self._sources: dict[str, list[Node]] = {}  # the acquisitions that took a SHA-256
        self._exhibits: dict[str, list[str]] = {}

    def node(self, word: str, kind: str, key: Iterable[str | int], fields: Node) -> Node:
        """Put a node in, less its fields that are None or empty, and give the reference to it."""
        name = json.dumps([self.case_id, word, *key], ensure_ascii=False)
        iri = f"kb:{word}-{uuid.uuid5(_NAMESPACE, name)}"
        there = {key: value for key, value in fields.items() if value is not None and value not in ("", [])}
        self.nodes[iri] = {"@id": iri, "@type": kind, **there}
        return {"@id": iri}

    def acquisition(self, place: int, record: Acquisition) -> Node:
        """An acquisition: who took which files with what from where, and the exhibit they make."""
        files = [self._item(place, at, item) for at, item in enumerate(record.items)]
        exhibit = self._exhibit(("acquisition", place), record.id, record.what, files, [])
        arguments = {
            "clock": record.clock.source,
            "clock offset in seconds (this clock minus true time)": _number(record.clock.offset_seconds),
            "method": record.method,
            "purpose": _PURPOSES.get(record.purpose or ""),
        }
        reference = self.node(
            "investigative-action",
            "case-investigation:InvestigativeAction",
            ("acquisition", place),
            {
                "uco-core:name": "acquired",
                "uco-core:description": record.what,
                "uco-action:performer": self.person(record.by, record.role),
                "uco-action:instrument": self.tool(record.method, None),
                "uco-action:object": self._place(record.source),
                "uco-action:startTime": _time(record.started),
                "uco-action:endTime": _time(record.ended),
                "uco-action:result": [exhibit, *files],
                "uco-core:hasFacet": self._arguments(("acquisition", place), arguments),
            },
        )
        for item in record.items:
            self._sources.setdefault(item.sha256, []).append(reference)
            self._exhibits.setdefault(item.sha256, []).extend([record.id] if record.id else [])
        return reference

    def hold(self, place: int, record: Hold) -> tuple[Node, Node]:
        """A legal hold: the authorization, and the keeping under it with its manifest as exhibit."""
        authorization = self.node(
            "authorization",
            "case-investigation:Authorization",
            (place,),
            {
                "uco-core:name": "legal hold",
                "uco-core:description": record.anticipated,
                "case-investigation:authorizationType": "legal hold",
                "case-investigation:authorizationIdentifier": record.id,
                "uco-core:startTime": _time(record.started),
            },
        )
        files = [self._unknown(record.manifest_sha256)] if record.manifest_sha256 else []
        exhibit = self._exhibit(("hold", place), record.id, "manifest of the lines held", files, [])
        counts = {
            "accounts": _number(record.accounts),
            "control accounts": _number(record.control_accounts),
        }
        action = self.node(
            "investigative-action",
            "case-investigation:InvestigativeAction",
            ("hold", place),
            {
                "uco-core:name": "held",
                "uco-core:description": record.anticipated,
                "uco-action:performer": self.person(record.by, None),
                "uco-action:object": [authorization],
                "uco-action:startTime": _time(record.started),
                "uco-action:result": [exhibit, *files],
                "uco-core:hasFacet": self._arguments(("hold", place), counts),
            },
        )
        return action, authorization

    def action(self, place: int, record: Action) -> Node:
        """What was done later, informed by the acquisitions that its files come from."""
        files = _once(file for digest in record.sha256 for file in self._known(digest))
        roots = sorted({name for digest in record.sha256 for name in self._exhibits.get(digest, [])})
        exhibit = self._exhibit(("action", place), None, record.what, files, roots) if files else None
        return self.node(
            "investigative-action",
            "case-investigation:InvestigativeAction",
            ("action", place),
            {
                "uco-core:name": record.action,
                "uco-core:description": record.what,
                "uco-action:performer": self.person(record.by, None),
                "uco-action:participant": self.person(record.to, None),
                "uco-action:startTime": _time(record.at),
                "uco-action:object": files,
                "uco-action:result": exhibit,
                "case-investigation:wasInformedBy": _once(
                    source for digest in record.sha256 for source in self._sources.get(digest, [])
                ),
            },
        )

    def person(self, name: str | None, role: str | None) -> Node | None:
        """Who: one identity a name; a role by a relationship, since one person may have several.

        Where the name was taken out and the role is there, somebody of that role.
        """
        if not name and not role:
            return None
        key = (name,) if name else ("of the role", role or "")
        who = self.node("identity", "uco-identity:Identity", key, {"uco-core:name": name})
        if role:
            part = self.node("role", "uco-role:Role", (role,), {"uco-core:name": role})
            fields = {
                "uco-core:source": who,
                "uco-core:target": part,
                "uco-core:kindOfRelationship": "Has_Role",
                "uco-core:isDirectional": True,
            }
            self.node("relationship", "uco-core:Relationship", (name or "", role), fields)
        return who

    def tool(self, name: str | None, version: str | None) -> Node | None:
        """What it was done with."""
        if not name:
            return None
        fields = {"uco-core:name": name, "uco-tool:version": version}
        return self.node("tool", "uco-tool:Tool", (name, version or ""), fields)

    def _place(self, text: str | None) -> Node | None:
        if not text:
            return None
        fields = {"uco-core:name": text}
        return self.node("observable-object", "uco-observable:ObservableObject", ("source", text), fields)

    def _exhibit(
        self, key: tuple[str, int], number: str | None, what: str | None, files: list[Node], roots: list[str]
    ) -> Node:
        fields = {
            "uco-core:description": what,
            "uco-core:object": files,
            "case-investigation:exhibitNumber": number,
            "case-investigation:rootExhibitNumber": roots,
        }
        return self.node("provenance-record", "case-investigation:ProvenanceRecord", key, fields)

    def _item(self, place: int, at: int, item: Item) -> Node:
        reference = self._file((place, at), item.name, item.sha256, item.bytes)
        self._files.setdefault(item.sha256, []).append(reference)
        return reference

    def _known(self, digest: str) -> list[Node]:
        return self._files.get(digest) or [self._unknown(digest)]

    def _unknown(self, digest: str) -> Node:
        """A file of which the records have the digest alone."""
        return self._file((digest,), None, digest, None)

    def _file(self, key: tuple[str | int, ...], name: str | None, digest: str, size: int | None) -> Node:
        hashed = self.node(
            "hash",
            "uco-types:Hash",
            (digest,),
            {
                "uco-types:hashMethod": "SHA256",
                "uco-types:hashValue": {"@type": "xsd:hexBinary", "@value": digest},
            },
        )
        content = {"uco-observable:hash": [hashed], "uco-observable:sizeInBytes": size}
        facets = [self.node("content-data-facet", "uco-observable:ContentDataFacet", key, content)]
        if name:
            fields = {"uco-observable:fileName": name, "uco-observable:sizeInBytes": size}
            facets.append(self.node("file-facet", "uco-observable:FileFacet", key, fields))
        return self.node("file", "uco-observable:File", key, {"uco-core:hasFacet": facets})

    def _arguments(self, key: tuple[str, int], arguments: dict[str, str | None]) -> list[Node]:
        return [
            self.node(
                "action-argument-facet",
                "uco-action:ActionArgumentFacet",
                (*key, name),
                {"uco-action:argumentName": name, "uco-action:value": value},
            )
            for name, value in arguments.items()
            if value
        ]


def _time(text: str | None) -> Node | None:
    return {"@type": "xsd:dateTime", "@value": text} if text else None


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.12g}" if isinstance(value, float) else str(value)


def _once(references: Iterable[Node]) -> list[Node]:
    return [{"@id": iri} for iri in dict.fromkeys(one["@id"] for one in references)]
