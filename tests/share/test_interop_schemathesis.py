"""Requests that `schemathesis` makes up from the OpenAPI document, valid and not, to a server that runs.

All checks are on that it has. Some refusals of what the document allows are right and cannot be written down
in it: a `next` that the server did not make, a release, commitment or keys that nobody signed, a digest that
is not that of the text beside it, and a watermark check where there are no keys.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from exchange_parties import indicator
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from servers import SHARED, Server, serving

SETTINGS = """
[limits]
caller_rate = 100000
caller_burst = 1000000
address_rate = 100000
address_burst = 1000000
failure_rate = 100000
failure_burst = 100000
"""
CHECKS = {
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "positive_data_acceptance",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
    "use_after_free",
    "ensure_resource_availability",
}
LISTINGS = {"manifest/", "objects/", "objects/{object_id}/", "objects/{object_id}/versions/"}
UNWRITABLE = {
    *("POST /exchange-api/v1/releases", "POST /watermark/keys", "POST /watermark/keys/retired"),
    "POST /overlap/v1/runs",
    *("POST /watermark/check", "POST /watermark/answers"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with an object of alice's."""
    with serving(tmp_path_factory.mktemp("schema"), settings=SETTINGS) as running:
        yield running


def run(server: Server, who: str, examples: int, **parameters: str) -> tuple[set[str], dict[str, set[int]]]:
    """What failed, and the statuses that each operation gave; `parameters` of paths are as given."""
    config = SchemathesisConfig.from_dict(
        {
            "seed": 5,
            "continue-on-failure": True,
            "generation": {"max-examples": examples, "deterministic": True},
            "phases": {"stateful": {"generation": {"max-examples": 4}}},
            "headers": {"Authorization": f"Bearer {server.tokens[who]}"},
            "parameters": {f"path.{name}": value for name, value in parameters.items()},
        }
    )
    schema = schemathesis.openapi.from_url(f"{server.url}/exchange-api/openapi.json", config=config)
    failed: set[str] = set()
    ran: set[str] = set()
    statuses: dict[str, set[int]] = {}  # 0 where no answer came
    for event in from_schema(schema).execute():
        assert not isinstance(event, events.NonFatalError | events.FatalError), event
        if isinstance(event, events.ScenarioFinished):
            recorder = event.recorder
            for case_id, interaction in recorder.interactions.items():
                seen = statuses.setdefault(recorder.cases[case_id].value.operation.label, set())
                seen.add(interaction.response.status_code if interaction.response else 0)
            for case_id, checks in recorder.checks.items():
                ran |= {check.name for check in checks}
                case = recorder.cases[case_id].value
                failed |= {text for check in checks if (text := _failure(check, case))}
    assert ran >= CHECKS
    return failed, statuses


def _failure(check: Any, case: Any) -> str:
    label = case.operation.label
    if check.failure_info is None:
        return ""
    if check.name == "positive_data_acceptance":
        if "next" in (case.query or {}) and any(label.endswith("}/" + one) for one in LISTINGS):
            return ""
        if label in UNWRITABLE:
            return ""
    failure = check.failure_info
    return f"{label}: {check.name}: {failure.failure.title} {failure.failure.message} {failure.code_sample}"


def test_a_member_s_requests_about_what_is_there(server: Server) -> None:
    status = server.post("alice", *(indicator(n) for n in range(3))).json()["id"]
    failed, statuses = run(
        server,
        "alice",
        12,
        root="exchange",
        collection=SHARED,
        object_id=indicator(0)["id"],
        status_id=status,
    )
    assert failed == set()
    below = "/{root}/collections/{collection}/"
    for label in (f"GET {below}objects/", f"GET {below}manifest/", "GET /{root}/collections/"):
        assert {200} <= statuses[label]
    assert {202, 415, 422} <= statuses[f"POST {below}objects/"]
    assert {200, 400, 404} <= statuses[f"DELETE {below}objects/{{object_id}}/"]


def test_an_operator_s_requests_about_anything(server: Server) -> None:
    failed, statuses = run(server, "operator", 4)
    assert failed == set()
    assert len(statuses) >= 21
    assert not any(0 in seen for seen in statuses.values())


def test_it_is_still_well(server: Server) -> None:
    assert server.ask(None, "GET", "/readyz").json()["status"] == "ok"
    assert server.get("alice").status_code == 200
    assert not [line for line in server.log_lines if "Traceback" in line or "ERROR" in line]
