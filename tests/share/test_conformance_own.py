"""Our server keeps to every MUST that the kit can see, on both databases and over TLS."""

import json
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import jsonschema
import pytest
from certificates import write_certificate
from exchange_parties import SHARED, TAXII, Exchange, exchange_at, indicator
from kit_faults import error
from kit_runs import NO_2_0, TLS, URL, credentials, forward_to, of_outcome, run_on
from servers import HIDDEN, Server, serving

from countermark.share.conformance import CHECKS, Options, run_kit
from countermark.share.stix.schemas import check_objects

SCHEMA = json.loads((Path(__file__).parents[2] / "spec/conformance-report.schema.json").read_text())
BASIC = "8.2.2-basic"


def conformance(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """The verb."""
    line = [sys.executable, "-m", "countermark", "share", "conformance", *arguments]
    return subprocess.run(line, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize("basic", [False, True])
def test_all_checks_pass_on_both_databases(database_url: str, basic: bool) -> None:
    settings: dict[str, Any] = {"max_content_length": 1 << 16, "basic": basic}
    with exchange_at(database_url, checker=check_objects, **settings) as exchange:
        run = run_on(exchange)
        assert of_outcome(run, "fail", "undetermined", "warn") == {}
        apart = of_outcome(run, "not-applicable")
        assert set(apart) == TLS | {NO_2_0} | (set() if basic else {BASIC})
        assert basic or "switched off (8.2.2.6)" in apart[BASIC]
        assert run.left_behind == []
        assert exchange.get("manifest/?match[version]=all", collection=SHARED).json() == {}


@pytest.mark.parametrize(
    ("challenge", "status", "outcome"),
    [
        ("Bearer", 401, "not-applicable"),
        ('Bearer realm="basic, basic"', 401, "not-applicable"),
        ('bearer, BASIC realm="x", charset="UTF-8"', 401, "pass"),
        ("Basic", 404, "pass"),
        ("Basic", 200, "warn"),
        ("Basic", 500, "warn"),
    ],
)
def test_basic_is_judged_where_it_is_offered(
    exchange: Exchange, challenge: str, status: int, outcome: str
) -> None:
    forward = forward_to(exchange)

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.headers.get("authorization", "").startswith("Basic"):
            return error(status)
        found = forward(request)
        if found.status_code == 401:
            found.headers["www-authenticate"] = challenge
        return found

    options = Options(url=URL, first=credentials(exchange.tokens["alice"]), collection=SHARED)
    run = run_kit(options, checks=[CHECKS[BASIC]], transport=httpx2.MockTransport(answer))
    assert set(of_outcome(run, outcome)) == {BASIC}


def token_files(server: Server, folder: Path, *names: str) -> list[Path]:
    """A file for each token."""
    files = [folder / f"{name}.token" for name in names]
    for path, name in zip(files, names, strict=True):
        path.touch(0o600)
        path.write_text(server.tokens[name] + "\n")
    return files


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """`share serve` with TLS; its certificate beside it."""
    folder = tmp_path_factory.mktemp("kit")
    cert, key = write_certificate(folder)
    limits = "[limits]\ncaller_rate = 1000\naddress_rate = 1000\nfailure_burst = 500\n"
    options = ("--tls-cert", str(cert), "--tls-key", str(key))
    with serving(folder, settings=limits, arguments=options) as server:
        yield server, cert, folder


def test_with_basic_on_by_user_and_password(tmp_path: Path) -> None:
    limits = "[limits]\ncaller_rate = 1000\naddress_rate = 1000\nfailure_burst = 500\n"
    with serving(tmp_path, settings=f"basic = true\n{limits}") as server:
        (alice,) = token_files(server, tmp_path, "alice")
        login = ("--user", "alice", "--password-file", str(alice))
        done = conformance(server.url, *login, "--collection", SHARED, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    outcomes = {one["id"]: one["outcome"] for one in json.loads(done.stdout)["checks"]}
    assert outcomes[BASIC] == "pass"
    assert set(outcomes.values()) == {"pass", "not-applicable"}


def test_over_tls_by_command(tls_server: Any) -> None:
    server, cert, folder = tls_server
    alice, scoped = token_files(server, folder, "alice", "reader")
    report = folder / "report.json"
    common = (server.url + "/", "--ca", str(cert), "--token-file", str(alice))
    done = conformance(
        *common, "--second-token-file", str(scoped), "--collection", SHARED, "--out", str(report)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"test objects are added to collection {SHARED}" in done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80
    found = json.loads(report.read_text())
    jsonschema.validate(found, SCHEMA)
    outcomes = {one["id"]: one["outcome"] for one in found["checks"]}
    assert {outcomes[name] for name in TLS} == {"pass"}
    assert outcomes[BASIC] == "not-applicable", "it is off unless the operator switches it on"
    assert set(outcomes.values()) == {"pass", "not-applicable"}
    assert found["left_behind"] == []
    for token in server.tokens.values():
        assert token not in report.read_text() + done.stdout + done.stderr


def test_a_run_that_only_reads_adds_nothing(tls_server: Any) -> None:
    server, cert, folder = tls_server
    (reader,) = token_files(server, folder, "reader")
    path = f"{server.url}/exchange/collections/{SHARED}/"
    headers = {"Authorization": f"Bearer {server.tokens['bob']}", "Accept": TAXII, "Content-Type": TAXII}
    body = json.dumps({"objects": [indicator(7)]}).encode()
    with httpx2.Client(verify=ssl.create_default_context(cafile=cert), headers=headers) as client:
        assert client.post(f"{path}objects/", content=body).status_code == 202
        _only_reads(server, cert, reader)
        assert len(client.get(f"{path}manifest/?match[version]=all").json()["objects"]) == 1


def _only_reads(server: Server, cert: Path, reader: Path) -> None:
    arguments = ("--ca", str(cert), "--token-file", str(reader), "--read-only", "--json")
    done = conformance(server.url, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    jsonschema.validate(found, SCHEMA)
    outcomes = [one["outcome"] for one in found["checks"]]
    assert outcomes.count("pass") > 80
    assert "test objects" not in done.stderr


def test_what_the_command_refuses(tls_server: Any, tmp_path: Path) -> None:
    server, cert, folder = tls_server
    alice, revoked = token_files(server, folder, "alice", "revoked")
    known = ("--ca", str(cert))
    several = conformance(server.url, *known, "--token-file", str(alice))
    assert several.returncode == 2
    assert "several collections" in several.stderr
    refused = conformance(server.url, *known, "--token-file", str(revoked))
    assert (refused.returncode, "does not take these credentials" in refused.stderr) == (3, True)
    unknown = conformance(server.url, "--token-file", str(alice))
    assert (unknown.returncode, "cannot be reached" in unknown.stderr) == (3, True)
    nowhere = conformance("http://127.0.0.1:1/", "--token-file", str(alice))
    assert (nowhere.returncode, "cannot be reached" in nowhere.stderr) == (3, True)
    login = ("--user", "alice", "--password-file", str(alice))
    off = conformance(server.url, *known, *login, "--collection", SHARED)
    assert (off.returncode, "does not offer HTTP Basic" in off.stderr) == (3, True)
    hidden = conformance(server.url, *known, "--token-file", str(alice), "--collection", HIDDEN)
    assert hidden.returncode == 3
    for bad in ("ftp://127.0.0.1/", "http://user:word@127.0.0.1/", "https://", "http://[::1"):
        assert conformance(bad).returncode == 2, bad
    for done in (several, refused, unknown, nowhere, off, hidden):
        assert "Traceback" not in done.stderr
        assert server.tokens["alice"] not in done.stderr
