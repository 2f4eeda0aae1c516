"""Attributions in a sealed package: a step each, covered, in order, and none can be dropped or changed."""

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from countermark.errors import Error, ExitCode
from countermark.prove.package.trustfile import Trust
from countermark.prove.verifying.verify import verify
from countermark.records.attributions import Attribution, Conclusion, ValidityDomain
from countermark.records.canonical import canonical_json, sha256_hex
from countermark.trust.signing import SigningKey


def write_attribution(folder: Path, verdict: str = "not shown") -> Path:
    folder.mkdir()
    (folder / "controls.svg").write_text(f"<svg>{folder.name}</svg>")
    record = Attribution(
        kind="lineage",
        verdict=verdict,
        reasons=[],
        conclusions=[
            Conclusion(
                subject="0123456789abcdef",
                verdict=verdict,
                adjusted_p_value=0.5,
                adjusted_log10_p_value=-0.301,
                reported="p = 0.5",
            )
        ],
        tests=[],
        alpha=0.01,
        family=1,
        minimum_detectable={},
        other_explanations=["a common ancestor"],
        controls=[],
        validity_domain=ValidityDomain(
            measured={"layers": [2.0, 4.0]}, where="docs/attribution-benchmarks.md"
        ),
        not_validated=[],
        inputs={"suspect": sha256_hex(b"suspect"), "reference": sha256_hex(b"reference")},
        parameters={"seed": str(2**100)},
        origin={},
        software={},
        files={"controls.svg": sha256_hex((folder / "controls.svg").read_bytes())},
    )
    (folder / "attribution.json").write_bytes(canonical_json(record))
    return folder


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    return [write_attribution(tmp_path / "first"), write_attribution(tmp_path / "second", "not identical")]


def test_each_attribution_is_a_step_of_its_own(
    sealed: Callable[..., Path], two: list[Path], trust_of: Callable[..., Trust], key: SigningKey
) -> None:
    folder = sealed("case", attributions=two)
    assert verify(folder, trust_of(key)).verdict == "VERIFIED"
    case = json.loads((folder / "data/case.json").read_text())
    assert case["steps"] == ["capture", "detect", "attribute-1", "attribute-2", "seal"]
    envelope = json.loads((folder / "attestations/attribute-2.dsse.json").read_text())
    statement = json.loads(base64.b64decode(envelope["payload"]))
    assert set(statement["predicate"]) == {"case_id", "materials"}
    assert [one["name"] for one in statement["predicate"]["materials"]] == ["reference", "suspect"]
    names = [one["name"] for one in statement["subject"]]
    assert names == ["data/attributions/2/attribution.json", "data/attributions/2/controls.svg"]


def test_no_attribution_can_be_dropped_exchanged_or_changed(
    sealed: Callable[..., Path],
    two: list[Path],
    trust_of: Callable[..., Trust],
    key: SigningKey,
    tmp_path: Path,
) -> None:
    whole = sealed("case", attributions=two)

    def drop(folder: Path) -> None:
        shutil.rmtree(folder / "data/attributions/2")

    def exchange(folder: Path) -> None:
        (folder / "data/attributions/1").rename(folder / "data/attributions/3")
        (folder / "data/attributions/2").rename(folder / "data/attributions/1")
        (folder / "data/attributions/3").rename(folder / "data/attributions/2")

    def change(folder: Path) -> None:
        path = folder / "data/attributions/1/attribution.json"
        path.write_text(path.read_text().replace("not shown", "not faked"))

    def add(folder: Path) -> None:
        (folder / "data/attributions/1/more.svg").write_text("<svg/>")

    for fault in (drop, exchange, change, add):
        copy = tmp_path / fault.__name__
        shutil.copytree(whole, copy)
        fault(copy)
        assert verify(copy, trust_of(key)).verdict == "FAILED", fault.__name__


def test_a_folder_that_is_no_whole_attribution_is_not_sealed(
    sealed: Callable[..., Path], two: list[Path], tmp_path: Path
) -> None:
    (two[0] / "controls.svg").write_text("<svg>another</svg>")
    with pytest.raises(Error, match=r"controls\.svg") as caught:
        sealed("changed.zip", attributions=two)
    assert caught.value.exit_code == ExitCode.NO_INPUT
    with pytest.raises(Error, match=r"not a whole attribution folder: no attribution\.json"):
        sealed("missing.zip", attributions=[tmp_path])
    (two[1] / "attribution.json").write_text('{"schema": "another", "files": {}, "inputs": {}}')
    with pytest.raises(Error, match="schema"):
        sealed("other.zip", attributions=two[1:])


HOSTILE: dict[str, dict[str, object]] = {
    "forbidden words": {"verdict": "stolen: trained on our text"},
    "another verdict than concluded": {"verdict": "not identical"},
    "no conclusions": {"verdict": "not identical", "conclusions": []},
    "tests that are none": {"tests": "nonsense"},
    "a level over one": {"alpha": 9},
    "no family": {"family": 0},
    "an input without digest": {"inputs": {"suspect": "not a sha256"}},
    "a digest and more": {"inputs": {"suspect": "0" * 64 + "\n"}},
    "a field of its own": {"cause": "stolen"},
}


FIXED = {"source": "a seed file", "committed": "entry 3 of the log, round 9", "entry": 3}


@pytest.mark.parametrize(
    ("verdict", "source", "sealed_as_it_is"),
    [
        ("not shown", FIXED, True),
        ("not shown", {"source": "what decides hangs on no random draw"}, True),
        ("not shown", {"source": "a seed file", "committed": "not shown: why"}, False),
        ("not shown", {"source": "digests of the inputs", "committed": "not held against a log"}, False),
        ("not shown", None, False),
        ("inconclusive", None, True),
    ],
)
def test_a_verdict_in_a_case_names_the_entry_that_fixed_its_seed(
    sealed: Callable[..., Path],
    tmp_path: Path,
    verdict: str,
    source: dict[str, object] | None,
    sealed_as_it_is: bool,
) -> None:
    folder = write_attribution(tmp_path / "one", verdict)
    content = json.loads((folder / "attribution.json").read_text())
    content |= {"case_run": {"matter": "M-1", "run": 1}, "parameters": {"seed_source": source}}
    (folder / "attribution.json").write_bytes(canonical_json(content))
    if sealed_as_it_is:
        sealed("case.zip", attributions=[folder])
        return
    with pytest.raises(Error, match="no log entry that fixed its seed"):
        sealed("case.zip", attributions=[folder])


@pytest.mark.parametrize("case", HOSTILE)
def test_what_attribute_cannot_say_is_not_sealed(
    sealed: Callable[..., Path], tmp_path: Path, case: str
) -> None:
    folder = write_attribution(tmp_path / "one")
    content = json.loads((folder / "attribution.json").read_text()) | HOSTILE[case]
    (folder / "attribution.json").write_bytes(canonical_json(content))
    with pytest.raises(Error, match="attribution") as caught:
        sealed("hostile.zip", attributions=[folder])
    assert caught.value.exit_code == ExitCode.NO_INPUT


@pytest.mark.parametrize(
    ("concluded", "verdict", "agrees"),
    [
        (["not independent of key aaaaaaaa", "not shown"], "not independent of key aaaaaaaa", True),
        (["not shown", "not independent of key bbbbbbbb"], "not independent of key bbbbbbbb", True),
        (
            ["not independent of key aaaaaaaa", "not independent of key bbbbbbbb"],
            "not independent of key aaaaaaaa; not independent of key bbbbbbbb",
            True,
        ),
        (["not independent of key cccccccc", "not shown"], "not independent of key cccccccc", False),
        (["not shown", "not shown"], "not independent of key aaaaaaaa", False),
        (["not independent of key aaaaaaaa", "not shown"], "inconclusive", False),
        (["copied", "not shown"], "not shown", False),
        (["inconclusive", "inconclusive"], "inconclusive", True),
    ],
)
def test_a_verdict_follows_from_its_conclusions(
    tmp_path: Path, concluded: list[str], verdict: str, agrees: bool
) -> None:
    data = (write_attribution(tmp_path / "one") / "attribution.json").read_bytes()
    record = msgspec.json.decode(data, type=Attribution)
    conclusions = [
        msgspec.structs.replace(record.conclusions[0], subject=subject, verdict=words)
        for subject, words in zip(("aaaaaaaa", "bbbbbbbb"), concluded, strict=True)
    ]
    assert msgspec.structs.replace(record, verdict=verdict, conclusions=conclusions).agrees == agrees
