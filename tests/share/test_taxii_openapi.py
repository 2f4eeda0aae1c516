"""The OpenAPI document, and requests that are made up from it."""

from typing import Any

import pytest
import schemathesis
from exchange_parties import OTHER, SHARED, TAXII, Exchange, indicator
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

METHODS = {
    "/taxii2/": {"get"},
    "/{root}/": {"get"},
    "/{root}/status/{status_id}/": {"get"},
    "/{root}/collections/": {"get"},
    "/{root}/collections/{collection}/": {"get"},
    "/{root}/collections/{collection}/manifest/": {"get"},
    "/{root}/collections/{collection}/objects/": {"get", "post"},
    "/{root}/collections/{collection}/objects/{object_id}/": {"get", "delete"},
    "/{root}/collections/{collection}/objects/{object_id}/versions/": {"get"},
}
QUICK = settings(
    max_examples=15,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    deadline=None,
)


def document(exchange: Exchange) -> dict[str, Any]:
    found = exchange.client.get("/exchange-api/openapi.json")
    assert found.status_code == 200
    return dict(found.json())


def test_the_document_has_every_endpoint_and_every_answer_is_of_taxii(exchange: Exchange) -> None:
    paths = document(exchange)["paths"]
    assert {path: set(paths[path]) for path in METHODS} == METHODS
    for path in METHODS:
        for method, operation in paths[path].items():
            assert {"400", "401", "403", "404", "406", "429", "500", "503"} <= set(operation["responses"])
            for code, response in operation["responses"].items():
                assert list(response.get("content", {TAXII: 0})) == [TAXII], (path, method, code)
            assert operation["security"] == [{"bearer": []}]


@pytest.mark.parametrize("path", METHODS)
def test_requests_made_up_from_the_document_are_answered_as_it_says(exchange: Exchange, path: str) -> None:
    exchange.post([indicator(n) for n in range(3)], "bob")
    schema = schemathesis.openapi.from_asgi("/exchange-api/openapi.json", exchange.client.app)
    status = exchange.post([indicator(9)], "operator").json()["id"]
    known: dict[str, list[str]] = {
        "root": ["exchange"],
        "collection": [SHARED, OTHER, "common"],
        "object_id": [indicator(n)["id"] for n in range(4)],
        "status_id": [status],
    }
    for method in sorted(METHODS[path]):
        operation = schema[path][method.upper()]

        @given(case=operation.as_strategy(), pick=st.randoms(use_true_random=False), real=st.integers(0, 4))
        @QUICK
        def run(case: Any, pick: Any, real: int) -> None:
            if real:  # most of the time of something that is there
                for name in case.path_parameters or {}:
                    case.path_parameters[name] = pick.choice(known[name])
            (case.query or {}).pop("next", None)  # only the server can make one up
            case.headers = {"Authorization": f"Bearer {exchange.tokens['operator']}"}
            case.call_and_validate()

        run()
