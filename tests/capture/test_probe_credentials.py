"""The key goes to the endpoint, and nowhere else."""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_provider import Provider
from probing import arguments, probe, transcripts, write_prompts

from countermark.capture.probe.credentials import read_api_key
from countermark.capture.probe.http import HttpTransport, holds
from countermark.capture.probe.journal import Answered, journal_path, read_journal
from countermark.capture.probe.options import ProbeOptions
from countermark.trust.keyfiles import Secret
from running import countermark, start

KEY = "sk-verysecretkey0123456789"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(KEY + "\n", encoding="utf-8")
    path.chmod(0o600)
    return path


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        yield caplog


def files_with(folder: Path, text: str) -> list[str]:
    """Names of files but the key's own that hold a text."""
    return [
        path.name
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("key", "headers") and text.encode() in path.read_bytes()
    ]


def test_the_key_is_sent_and_stands_nowhere_else(
    tmp_path: Path, key_file: Path, everything_logged: pytest.LogCaptureFixture
) -> None:
    write_prompts(tmp_path, "a", "[429, ok] b", "[drop, ok] c", "[echo] d", "[cookie] e")
    with Provider() as provider:
        done, summary = probe(provider, tmp_path, "--api-key-file", key_file)
    assert {headers["authorization"] for headers in provider.headers} == {f"Bearer {KEY}"}
    assert summary["problems"] == {"answer holds our credentials": 1}
    assert KEY not in done.out + done.err + everything_logged.text
    assert files_with(tmp_path, KEY) == []
    lines = [line for line in read_journal(journal_path(tmp_path / "t.jsonl")) if isinstance(line, Answered)]
    assert [line.packed for line in lines if line.id == "p3#1"] == [None]


def test_a_key_in_pieces_or_behind_escapes_is_found() -> None:
    key = 'sk/very\\secret"key0123456789'
    kind = "text/event-stream"
    in_chat = [
        {"choices": [{"delta": {"content": part}}]} for part in ("is sk/very", '\\secret"key', "0123456789.")
    ]
    in_tokens = [
        {"choices": [{"logprobs": {"content": [{"token": part, "logprob": 0.0}]}}]}
        for part in (key[:9], key[9:])
    ]
    for events in (in_chat, in_tokens):
        body = b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in events)
        assert holds(body, kind, [Secret(key.encode())])
        assert not holds(body.replace(b"0123", b"01x3"), kind, [Secret(key.encode())])
    quoted = json.dumps({"error": {"message": key}})
    escaped = "".join(f"\\u{ord(one):04X}" for one in key)
    for body in (quoted, quoted.replace("/", "\\/"), f'{{"note": "{escaped}"', json.dumps(key)):
        assert holds(body.encode(), "application/json", [Secret(key.encode())])


def test_transcripts_are_nobody_elses(tmp_path: Path) -> None:
    write_prompts(tmp_path, "a")
    with Provider() as provider:
        for _ in range(2):
            probe(provider, tmp_path)
            for name in ("t.jsonl", "t.jsonl.journal"):
                assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


def test_the_key_of_a_refusal_is_not_shown(tmp_path: Path, key_file: Path) -> None:
    write_prompts(tmp_path, "[401] a", "b")
    with Provider() as provider:
        done, summary = probe(provider, tmp_path, "--api-key-file", key_file, "--concurrency", "1")
    assert (done.code, summary["stopped"], summary["requests"]) == (11, "HTTP 401: key refused", 1)
    assert KEY not in done.out + done.err
    assert files_with(tmp_path, KEY) == []


def test_a_process_has_no_key_among_its_arguments(tmp_path: Path, key_file: Path) -> None:
    write_prompts(tmp_path, "[hold] a")
    with Provider() as provider:
        process = start(*arguments(provider, tmp_path, "--api-key-file", key_file), folder=tmp_path)
        while not provider.asked:
            assert process.poll() is None
        line = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        provider.hold.set()
        process.communicate()
    assert b"--api-key-file" in line
    assert KEY.encode() not in line


def test_a_redirect_is_not_followed_with_the_key(tmp_path: Path, key_file: Path) -> None:
    with Provider() as provider, Provider() as elsewhere:
        write_prompts(tmp_path, f"[redirect={elsewhere.url}/chat/completions] a")
        done, _ = probe(provider, tmp_path, "--api-key-file", key_file)
        assert done.code == 11
        assert provider.asked.total() == 1
        assert elsewhere.asked.total() == 0


def test_cookies_and_credentials_of_answers_are_neither_kept_nor_sent_back(tmp_path: Path) -> None:
    write_prompts(tmp_path, "[cookie] a", "b")
    with Provider() as provider:
        probe(provider, tmp_path, "--concurrency", "1")
    headers = transcripts(tmp_path)["p0#1"].headers
    assert headers["x-request-id"] == "req-1"
    assert not {"set-cookie", "x-api-key"} & set(headers)
    assert "cookie" not in provider.headers[1]


def test_headers_come_from_a_file(tmp_path: Path) -> None:
    headers = tmp_path / "headers"
    headers.write_text(f"# ours\napi-key: {KEY}\nX-Team: red\n", encoding="utf-8")
    headers.chmod(0o600)
    write_prompts(tmp_path, "a")
    with Provider() as provider:
        done, _ = probe(provider, tmp_path, "--header-file", headers)
    assert (provider.headers[0]["api-key"], provider.headers[0]["x-team"]) == (KEY, "red")
    assert KEY not in done.out + done.err
    assert files_with(tmp_path, KEY) == []


def test_the_key_may_stand_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEIR_KEY", KEY)
    write_prompts(tmp_path, "a")
    with Provider() as provider:
        done, _ = probe(provider, tmp_path, "--api-key-env", "THEIR_KEY")
    assert done.code == 0
    assert provider.headers[0]["authorization"] == f"Bearer {KEY}"


def test_a_key_typed_in_place_of_its_file_or_variable_is_not_repeated(tmp_path: Path) -> None:
    write_prompts(tmp_path, "a")
    with Provider() as provider:
        for option in ("--api-key-file", "--api-key-env", "--header-file"):
            done, _ = probe(provider, tmp_path, option, KEY)
            assert done.code in (2, 3)
            assert KEY not in done.err
            assert done.error()


@pytest.mark.parametrize(
    "content",
    ["", "two words", "line\nbreak\n", "häßlich", "bell\x07"],
    ids=["empty", "words", "lf", "ö", "ctl"],
)
def test_a_key_that_cannot_stand_in_a_header_is_refused_unseen(tmp_path: Path, content: str) -> None:
    (tmp_path / "key").write_text(content, encoding="utf-8")
    (tmp_path / "key").chmod(0o600)
    write_prompts(tmp_path, "a")
    with Provider() as provider:
        done, _ = probe(provider, tmp_path, "--api-key-file", tmp_path / "key")
    assert done.code == 3
    assert not content.strip() or content.strip() not in done.err


def test_a_key_that_others_can_read_is_refused(tmp_path: Path, key_file: Path) -> None:
    key_file.chmod(0o644)
    write_prompts(tmp_path, "a")
    with Provider() as provider:
        done, _ = probe(provider, tmp_path, "--api-key-file", key_file)
    assert "can be read by others" in done.error()


def test_no_repr_shows_the_key(key_file: Path) -> None:
    key = read_api_key(key_file, None)
    options = ProbeOptions(
        endpoint="http://127.0.0.1:1/v1", model="m", prompts=key_file, out=key_file, api_key=key
    )
    assert KEY not in repr(options) + repr(HttpTransport(options)) + repr(HttpTransport(options)._client)


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        (f"https://user:{KEY}@example.org/v1", "may be a credential"),
        (f"https://example.org/v1?api-key={KEY}", "may be a credential"),
        (f"https://example.org/v1?code={KEY}", "may be a credential"),
        (f"https://example.org/v1?Subscription-Key={KEY}", "may be a credential"),
        (f"https://example.org/v1?api-version=1;code={KEY}", "may be a credential"),
        (f"https://example.org/v1?{KEY}", "may be a credential"),
        ("http://example.org/v1", "plain http to another machine"),
        ("ftp://example.org/v1", "neither an http or https URL nor a folder"),
        ("https:///v1", "neither an http or https URL nor a folder"),
        ("https://example.org:99999/v1", "neither an http or https URL nor a folder"),
        ("https://[::1/v1", "--endpoint is no URL"),
        ("https://-ü-.org/v1", "--endpoint is no URL"),
        ("no-such-folder", "neither a URL nor a folder"),
    ],
)
def test_an_endpoint_that_is_none_or_unsafe_is_refused(tmp_path: Path, endpoint: str, message: str) -> None:
    write_prompts(tmp_path, "a")
    line: list[str | Path] = ["capture", "probe", "--endpoint", endpoint, "--model", "m"]
    done = countermark(*line, "--prompts", tmp_path / "prompts.jsonl", "--out", tmp_path / "t.jsonl")
    assert message in done.error()
    assert KEY not in done.err
    assert not os.path.lexists(tmp_path / "t.jsonl")
