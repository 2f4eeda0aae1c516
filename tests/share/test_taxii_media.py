"""Media types and methods: sections 1.6.8, 3.1, 8.2."""

import pytest
from exchange_parties import ABSENT, HIDDEN, SHARED, TAXII, Exchange, indicator

from countermark.share.server.errors import TaxiiError
from countermark.share.server.media import check_accept

ONE = f"/exchange/collections/{SHARED}/"
READS = ["/taxii2/", "/exchange/", "/exchange/collections/", ONE]
READS += [ONE + rest for rest in ("manifest/", "objects/", f"objects/{indicator()['id']}/")]
READS += [f"{ONE}objects/{indicator()['id']}/versions/"]
ACCEPTED = [
    "application/taxii+json;version=2.1",
    "application/taxii+json",
    "application/taxii+json; version=2.1",
    'application/taxii+json;version="2.1"',
    "Application/TAXII+json ; Version=2.1;q=0.3",
    "text/html, application/taxii+json;version=2.1;q=0.1",
    "application/taxii+json;version=2.0, application/taxii+json;version=2.1",
    "application/taxii+json;version=2.1;charset=utf-8",
    "application/taxii+json;version=2.1,application/stix+json;version=2.1",
    "*/*",
    "application/*;q=0.1",
    "",
]
REFUSED = [
    "text/html",
    "application/json",
    "application/vnd.oasis.taxii+json",
    "application/taxii+json;version=2.0",
    "application/taxii+json;version=2.1;q=0",
    "application/taxii+json;version=2.1;q=0, */*",
    "application/taxii+json;version=2.1;q=nan",
    "a" * 5000,
]


@pytest.fixture(autouse=True)
def stored(exchange: Exchange) -> None:
    """Something to read."""
    assert exchange.post([indicator()]).status_code == 202


def test_1_6_8_2_and_3_1_both_ranges_are_answered_with_the_version(exchange: Exchange) -> None:
    for path in READS:
        for accept in ("application/taxii+json", TAXII):
            found = exchange.ask("alice", "GET", path, headers={"Accept": accept})
            assert (found.status_code, found.headers["content-type"]) == (200, TAXII)


def test_3_1_a_range_that_is_defined_is_never_406(exchange: Exchange) -> None:
    for accept in ACCEPTED:
        assert exchange.get("manifest/", headers={"Accept": accept}).status_code == 200
        check_accept([accept])


def test_3_1_other_ranges_are_406_with_an_error(exchange: Exchange) -> None:
    for accept in REFUSED:
        found = exchange.get("objects/", headers={"Accept": accept})
        assert found.status_code == 406, accept
        assert found.json()["http_status"] == "406"


def test_5_3_a_manifest_may_be_asked_for_as_stix_and_nothing_else(exchange: Exchange) -> None:
    stix = {"Accept": "application/stix+json;version=2.1"}
    assert exchange.get("manifest/", headers=stix).headers["content-type"] == TAXII
    assert exchange.get("objects/", headers=stix).status_code == 406
    with pytest.raises(TaxiiError):
        check_accept([stix["Accept"]])


@pytest.mark.parametrize("kind", [TAXII, "application/taxii+json", 'application/taxii+json; version="2.1"'])
def test_3_1_a_content_type_that_is_defined_is_never_415(exchange: Exchange, kind: str) -> None:
    assert exchange.post([indicator(1)], **{"Content-Type": kind}).status_code == 202


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json"},
        {"Content-Type": "text/plain"},
        {"Content-Type": f"{TAXII};charset=latin-1"},
        {"Content-Type": ""},
        {"Content-Encoding": "gzip"},
        {"Content-Encoding": "identity, br"},
    ],
)
def test_5_5_other_content_types_and_encodings_are_415(exchange: Exchange, headers: dict[str, str]) -> None:
    found = exchange.post([indicator(1)], **headers)
    assert (found.status_code, found.headers["content-type"]) == (415, TAXII)
    assert len(exchange.dates()) == 1


FAILURES = [
    ("GET", "/taxii2/", None, 401),
    ("GET", "/nowhere", "alice", 404),
    ("GET", "/exchange/nowhere/", "alice", 404),
    ("GET", f"{ONE}objects", "alice", 404),
    ("GET", f"/exchange/collections/{SHARED}%2Fobjects/", "alice", 404),
    ("GET", "//taxii2/", "alice", 404),
    ("GET", f"/exchange/collections/{ABSENT}/objects/", "alice", 404),
    ("GET", f"/exchange/collections/{HIDDEN}/", "alice", 404),
    ("GET", "/exchange/collections/%00/objects/", "alice", 404),
    ("GET", f"{ONE}objects/..%2e/", "alice", 404),
    ("PUT", f"{ONE}objects/", "alice", 405),
    ("PATCH", "/taxii2/", "alice", 405),
    ("OPTIONS", f"{ONE}objects/", "alice", 405),
    ("BREW", "/taxii2/", "alice", 405),
    ("POST", "/exchange/collections/", "alice", 405),
    ("GET", f"{ONE}objects/?limit=0", "alice", 400),
]


@pytest.mark.parametrize(("method", "path", "who", "status"), FAILURES)
def test_3_6_1_every_failure_is_an_error_resource(
    exchange: Exchange, method: str, path: str, who: str | None, status: int
) -> None:
    found = exchange.ask(who, method, path)
    assert (found.status_code, found.headers["content-type"]) == (status, TAXII)
    body = found.json()
    assert body["title"]
    assert body["http_status"] == str(status)
    assert set(body) <= {"title", "description", "error_id", "http_status"}
    assert found.headers["cache-control"] == "no-store"


def test_405_names_all_methods_of_the_resource(exchange: Exchange) -> None:
    assert exchange.ask("alice", "PUT", f"{ONE}objects/").headers["allow"] == "GET, HEAD, POST"


def test_head_is_get_without_a_body(exchange: Exchange) -> None:
    for path in READS:
        got, head = (exchange.ask("alice", method, path) for method in ("GET", "HEAD"))
        assert head.content == b""
        assert head.status_code == 200
        assert dict(head.headers) == dict(got.headers)


def test_an_error_of_ours_is_a_500_that_tells_nothing(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret words of another member")

    monkeypatch.setattr(exchange.store.objects, "joined", fail)
    found = exchange.get("objects/")
    assert (found.status_code, found.headers["content-type"]) == (500, TAXII)
    assert "secret" not in found.text + caplog.text
    assert found.json()["error_id"] in caplog.text


def test_8_2_1_7_a_request_without_a_user_agent_is_answered(exchange: Exchange) -> None:
    assert exchange.ask("alice", "GET", "/taxii2/", headers={"User-Agent": ""}).status_code == 200


def test_429_comes_before_anything_is_read(exchange: Exchange) -> None:
    exchange.limits.stopped = ("alice",)
    found = exchange.get("objects/")
    assert (found.status_code, found.headers["retry-after"]) == (429, "1")
    assert exchange.audit.reads == []
