"""`log publish --tsa`: a timestamp over the cosigned note, after everybody was asked; then the note stays."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from loopback_tsa import Authority, Server

from countermark.trust.cosigned import timestamp_file
from countermark.trust.publication import Publication, cosigned
from running import countermark

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")


def test_a_note_is_stamped_once_and_openssl_verifies_it(tmp_path: Path) -> None:
    authority = Authority(_made(tmp_path / "tsa"))
    book = Publication.open_or_create(tmp_path / "log", batch=2)
    with Server(authority.reply) as url:
        done = countermark("log", "publish", tmp_path / "log", "--tsa", url, "--json")
        assert (done.code, json.loads(done.out)["timestamped"]) == (0, True), done.err
        stamp = timestamp_file(book.public.folder, 1)
        first = stamp.read_bytes()
        again = countermark("log", "publish", tmp_path / "log", "--tsa", url, "--json")
        assert (json.loads(again.out)["batch"], stamp.read_bytes()) == (None, first)
    assert list(cosigned(book.public.folder)) == [1]
    (tmp_path / "root.pem").write_text(authority.root_pem)
    command = ["openssl", "ts", "-verify", "-in", str(stamp), "-data", str(stamp.with_suffix(".note"))]
    subprocess.run([*command, "-CAfile", str(tmp_path / "root.pem")], check=True, capture_output=True)


def test_an_authority_that_is_down_is_asked_again(tmp_path: Path) -> None:
    authority = Authority(_made(tmp_path / "tsa"))
    with Server(lambda _: b"no", 503) as url:
        done = countermark("log", "publish", tmp_path / "log", "--tsa", url, "--json")
    said = json.loads(done.out)
    assert (done.code, said["batch"], said["timestamped"], list(said["failed"])) == (
        1,
        0,
        False,
        ["timestamp"],
    )
    with Server(authority.reply) as url:
        done = countermark("log", "publish", tmp_path / "log", "--tsa", url, "--json")
    said = json.loads(done.out)
    assert (done.code, said["batch"], said["timestamped"]) == (0, None, True)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
