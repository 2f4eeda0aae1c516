"""The bag around the payload (BagIt 1.0, RFC 8493): four tag files that follow from everything else."""

from collections.abc import Mapping

from countermark.prove.package.case import Case
from countermark.prove.package.layout import ATTESTATIONS, Contents, data_of, failed
from countermark.records.canonical import sha256_hex

BAGIT = "bagit.txt"
BAG_INFO = "bag-info.txt"
MANIFEST = "manifest-sha256.txt"
TAG_MANIFEST = "tagmanifest-sha256.txt"
BAG_FILES = (BAGIT, BAG_INFO, MANIFEST, TAG_MANIFEST)

_DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


def bag_files(case: Case, contents: Contents) -> dict[str, bytes]:
    """The tag files for a payload (`data/…`) and its attestations; other members are ignored."""
    payload = {name: one for name, one in contents.items() if name.startswith("data/")}
    files = {
        BAGIT: _DECLARATION,
        BAG_INFO: _bag_info(case, payload),
        MANIFEST: _manifest({name: one.sha256 for name, one in payload.items()}),
    }
    tags = {name: sha256_hex(data) for name, data in files.items()}
    tags |= {name: one.sha256 for name, one in contents.items() if name.startswith(ATTESTATIONS)}
    return {**files, TAG_MANIFEST: _manifest(tags)}


def check_bag(case: Case, contents: Contents) -> None:
    """Rebuild the tag files and compare bytes; no file may stand outside payload, attestations and these."""
    for name in contents:
        if not name.startswith(("data/", ATTESTATIONS)) and name not in BAG_FILES:
            raise failed(f"{name} does not belong into the package")
    rebuilt = bag_files(case, contents)
    for name in BAG_FILES:
        data_of(contents, name)
    for name in (MANIFEST, TAG_MANIFEST):
        _compare_manifests(name, data_of(contents, name), rebuilt[name])
    for name in (BAGIT, BAG_INFO):
        if data_of(contents, name) != rebuilt[name]:
            raise failed(f"{name} differs from the one rebuilt from the package")


def _bag_info(case: Case, payload: Contents) -> bytes:
    octets = sum(one.size for one in payload.values())
    lines = (
        f"Bag-Software-Agent: countermark {case.software['countermark']}",
        f"Bagging-Date: {case.created[:10]}",
        f"External-Identifier: {case.case_id}",
        f"Payload-Oxum: {octets}.{len(payload)}",
    )
    return "".join(line + "\n" for line in lines).encode()


def _manifest(digests: Mapping[str, str]) -> bytes:
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())).encode()


def _compare_manifests(name: str, found: bytes, rebuilt: bytes) -> None:
    """Raise with the first file that is missing, unlisted or changed."""
    if found == rebuilt:
        return
    said, true = _read_manifest(found), _read_manifest(rebuilt)
    for entry in sorted(said.keys() | true.keys()):
        if entry not in true:
            raise failed(f"{name} lists {entry}, which is missing")
        if entry not in said:
            raise failed(f"{name} does not list {entry}")
        if said[entry] != true[entry]:
            raise failed(f"{entry} does not have the digest that {name} says")
    raise failed(f"{name} is not in canonical form")


def _read_manifest(data: bytes) -> dict[str, str]:
    lines = data.decode("utf-8", "replace").splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
