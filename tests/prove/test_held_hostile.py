"""Folders of held lines that somebody has been at: each is refused in one sentence, in bounded memory."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyrage
import pytest
from held_samples import Place, place

from countermark.capture.held_folder import encode_manifest, read_manifest
from countermark.flow.raw_lines import rederive
from countermark.records.canonical import canonical_json, sha256_hex


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Place:
    found = place(tmp_path_factory.mktemp("hostile"))
    found.hold(seed=1)
    return found


@pytest.fixture
def here(made: Place, tmp_path: Path) -> Place:
    shutil.copytree(made.folder, tmp_path / "copy")
    return Place(tmp_path / "copy", (), made.recipient)


def problem(here: Place) -> str:
    answer = rederive(here.held, here.age_key, here.hash_key, here.events)
    assert not answer.ok
    (line,) = [one for one in answer.lines if not one.ok]
    return line.sentence


def rewritten(here: Place, change: Callable[[dict[str, Any]], None]) -> None:
    path = here.held / "manifest.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_bytes(canonical_json(document) + b"\n")


def sealed(here: Place, text: bytes, cut: int = 0) -> None:
    """Another plain text as the first age file, with its digest and size in the manifest."""
    recipient = pyrage.x25519.Recipient.from_str(here.recipient)
    data = pyrage.encrypt(text, [recipient])
    data = data[: len(data) - cut]
    (here.held / "lines-00001.age").write_bytes(data)

    def change(document: dict[str, Any]) -> None:
        document["sources"][0] |= {"file_sha256": sha256_hex(data), "file_bytes": len(data)}

    rewritten(here, change)


def lines_of(here: Place) -> list[bytes]:
    identity = pyrage.x25519.Identity.from_str(here.age_key.read_text().splitlines()[-1])
    plain = pyrage.decrypt((here.held / "lines-00001.age").read_bytes(), [identity])
    return plain.splitlines(keepends=True)


@pytest.mark.parametrize("at", [0, 100, -1])
def test_a_changed_byte(here: Place, at: int) -> None:
    path = here.held / "lines-00001.age"
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    assert "another digest than the manifest says" in problem(here)


def test_a_truncated_file(here: Place) -> None:
    path = here.held / "lines-00001.age"
    path.write_bytes(path.read_bytes()[:-1])
    assert "another size" in problem(here)


@pytest.mark.parametrize("cut", [1, 17, 5_000, 20_000])
def test_a_truncated_age_file_with_its_own_digest(here: Place, cut: int) -> None:
    sealed(here, b"".join(lines_of(here)), cut)
    assert "is damaged or cut off" in problem(here)


def test_no_age_file_at_all(here: Place) -> None:
    sealed(here, b"", 150)
    assert "is no whole age file" in problem(here)


def test_files_that_are_missing_or_too_many(here: Place) -> None:
    (here.held / "note.txt").write_text("mine")
    assert "note.txt is one too many" in problem(here)
    (here.held / "note.txt").unlink()
    (here.held / "lines-00002.age").unlink()
    assert "lines-00002.age is missing" in problem(here)


def test_a_link_in_place_of_a_file(here: Place) -> None:
    path = here.held / "lines-00001.age"
    path.rename(here.folder / "elsewhere")
    path.symlink_to(here.folder / "elsewhere")
    assert "lines-00001.age" in problem(here)


def test_lines_that_are_left_out_added_or_exchanged(here: Place) -> None:
    head, first, second, *rest = lines_of(here)
    count = read_manifest(here.held)[0].sources[0].lines
    for changed, expected in (
        ([head, first, *rest], f"holds {count - 1} lines, and the manifest says {count}"),
        (
            [head, first, second, *rest, rest[-1].replace(b'"offset":', b'"offset":9')],
            f"more lines than the {count}",
        ),
        ([head, second, first, *rest], "not in the order of their offsets"),
        ([head, first, first, *rest], "not in the order of their offsets"),
        ([first, second, *rest], "does not hold lines of the raw log"),
        ([head, b"{}\n", second, *rest], "line 1 of lines-00001.age is no held line"),
        ([head, b'{"offset":1,"line":"a","base64":"YQ=="}\n', second, *rest], "is no held line"),
        ([head, b'{"offset":1,"base64":"Y"}\n', second, *rest], "is no held line"),
        ([head, b'{"offset":1,"row":{"a":{"$":"eval","v":"1"}}}\n', second, *rest], "is no held line"),
        (
            [head, b'{"offset":1,"row":{"a":' + b"[" * 500 + b"]" * 500 + b"}}\n", second, *rest],
            "no held line",
        ),
        ([head, b'{"offset":1', *rest], "is no held line"),
    ):
        sealed(here, b"".join(changed))
        assert expected in problem(here)


def test_a_changed_line_gives_another_row(here: Place) -> None:
    head, first, *rest = lines_of(here)
    sealed(here, b"".join([head, first.replace(b"model-a", b"model-b"), *rest]))
    assert "1 row(s) are not what their line gives" in problem(here)


def test_a_line_that_can_no_longer_be_read(here: Place) -> None:
    head, first, *rest = lines_of(here)
    sealed(here, b"".join([head, first.replace(b"startTime", b"stopTime"), *rest]))
    text = problem(here)
    assert "1 held line(s) can no longer be read" in text
    assert "1 row(s) come from no held line" in text


def test_a_line_of_endless_length(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("countermark.capture.held_lines.MAX_LINE_BYTES", 10_000)
    head, *rest = lines_of(here)
    sealed(here, b"".join([head, b"x" * 5_000_000, *rest]))
    assert "is no held line" in problem(here)


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told.update(extra=1),
        lambda told: told.pop("seed", None) or told["control"].pop("seed"),
        lambda told: told["control"].update(seed="xyz"),
        lambda told: told["accounts"].append("user-3"),
        lambda told: told["accounts"].reverse(),
        lambda told: told["control"].update(accounts=told["accounts"]),
        lambda told: told["sources"].reverse(),
        lambda told: told["sources"][0].update(file="../../etc/passwd"),
        lambda told: told["sources"][0].update(lines=-1),
        lambda told: told["sources"][1].update(sha256=told["sources"][0]["sha256"]),
        lambda told: told.update(schema="countermark/held/v2"),
    ],
)
def test_a_manifest_that_is_none(here: Place, change: Callable[[dict[str, Any]], None]) -> None:
    rewritten(here, change)
    assert "manifest" in problem(here)


def test_a_manifest_in_another_spelling_or_too_large(here: Place) -> None:
    path = here.held / "manifest.json"
    path.write_bytes(json.dumps(json.loads(path.read_text()), indent=1).encode())
    assert "is not the manifest of a hold" in problem(here)
    path.write_bytes(b" " * (65 << 20))
    assert "is not the manifest of a hold" in problem(here)
    path.write_bytes(b"[" * 100_000)
    assert "is not the manifest of a hold" in problem(here)


def test_formats_and_versions_that_are_not_here(here: Place) -> None:
    rewritten(here, lambda told: told["sources"][0].update(format="nobody"))
    assert "cannot be read as nobody" in problem(here)
    rewritten(
        here,
        lambda told: (
            told["sources"][0].update(format="litellm"),
            told["events"].update(capture_version="0"),
        ),
    )
    assert "captured by version 0" in problem(here)


def test_the_manifest_is_read_as_it_was_written(made: Place) -> None:
    manifest, digest = read_manifest(made.held)
    assert sha256_hex(encode_manifest(manifest)) == digest
