"""Every endpoint of the joint check by every role, and what the roles of the check may do elsewhere."""

import json
import re
from typing import Any

import pytest
from alliances import WATERMARK, Alliance, register
from check_samples import marked_text

KNOWN = ("operator", "alpha", "hub", "regulator", "facts", "crowd", "security", "narrow", "checks")
STRANGERS = ("nobody", "garbage")
PLAIN = marked_text(None, seed=8)
ASK = {"operator": 200, "alpha": 200, "hub": 200, "checks": 200, "regulator": 200, "facts": 200, "crowd": 200}
MATTERS = dict.fromkeys(("operator", "alpha", "hub", "checks", "regulator", "facts"), 404)
NODES = {"operator": 422, "alpha": 422, "hub": 422, "checks": 422}
KEYS = {"operator": 200, "alpha": 200, "hub": 200, "checks": 200}
# method, path, body, who gets which status; everybody else that is known gets 403
MATRIX: list[tuple[str, str, Any, dict[str, int]]] = [
    ("POST", "check", {"text": PLAIN, "matter": "m"}, ASK),
    ("POST", "check", {"text": PLAIN}, dict.fromkeys(ASK, 422) | {"crowd": 200}),
    ("POST", "check", {"text": ""}, dict.fromkeys(ASK, 422)),
    ("POST", "check", {"none": 1}, dict.fromkeys(ASK, 422)),
    ("POST", "answers", {"none": 1}, NODES),
    ("POST", "keys", {"none": 1}, {"alpha": 422, "hub": 422, "narrow": 422}),
    ("GET", "keys", None, KEYS),
    ("GET", "matters/never-was", None, MATTERS),
]


@pytest.mark.parametrize(("method", "path", "body", "granted"), MATRIX)
def test_only_what_is_granted_answers(
    allied: Alliance, method: str, path: str, body: Any, granted: dict[str, int]
) -> None:
    allied.nodes["alpha"].tokens["garbage"] = "cmx_"
    expected = {who: granted.get(who, 403) for who in KNOWN} | dict.fromkeys(STRANGERS, 401)
    if path == "check":  # at alpha nobody asks without credentials; at the hub that is allowed
        expected = {
            who: 409 if who == "crowd" and status == 200 else status for who, status in expected.items()
        }
    found = {}
    for who in expected:
        content = None if body is None else json.dumps(body).encode()
        as_who = None if who == "nobody" else who
        found[who] = (
            allied.nodes["alpha"].ask(as_who, method, f"{WATERMARK}/{path}", content=content).status_code
        )
    assert found == expected


def test_who_brings_credentials_that_do_not_hold_is_not_taken_for_nobody(allied: Alliance) -> None:
    allied.hub.tokens["garbage"] = "cmx_"
    assert allied.check(None, PLAIN).status_code == 200
    assert allied.check("garbage", PLAIN, matter=None).status_code == 401


@pytest.mark.parametrize("who", ["regulator", "facts", "crowd"])
def test_the_roles_of_the_check_have_nothing_else(allied: Alliance, who: str) -> None:
    hub = allied.hub
    assert hub.ask(who, "GET", "/exchange/collections/").json() == {}
    assert hub.ask(who, "GET", "/exchange-api/v1/disputes").json() == {"disputes": []}
    for path in ("releases", "disputes"):
        assert hub.ask(who, "POST", f"/exchange-api/v1/{path}", json={}).status_code == 403
    assert register(hub, who, allied.parties["gamma"]).status_code == 403


def test_refusals_of_a_role_or_token_are_in_the_log(allied: Alliance) -> None:
    for who, role in {"security": "reviewer-security", "narrow": "member"}.items():
        assert allied.check(who, PLAIN).status_code == 403
        entry = allied.entries(kind="watermark-refused")[-1][2]
        assert (entry["role"], entry["reason"]) == (role, "role")
    assert allied.check("alpha", PLAIN, matter=None).status_code == 422
    assert allied.entries(kind="watermark-refused")[-1][2]["reason"] == "matter"
    assert allied.check("alpha", "x" * 400_001).status_code == 422
    assert allied.entries(kind="watermark-refused")[-1][2]["reason"] == "too long"
    assert allied.check("alpha", "x" * 9_000_000).status_code == 413
    assert allied.entries(kind="watermark-refused")[-1][2]["reason"] == "too long"


@pytest.mark.parametrize(
    ("who", "method", "path"),
    [("regulator", "POST", "keys"), ("checks", "POST", "keys"), ("facts", "GET", "keys"),
     ("crowd", "GET", "keys"), ("narrow", "GET", "keys"), ("crowd", "GET", "matters/m"),
     ("security", "GET", "matters/m")],
)  # fmt: skip
def test_refusals_at_the_other_endpoints_are_in_the_log_too(
    allied: Alliance, who: str, method: str, path: str
) -> None:
    before = len(allied.entries(kind="watermark-refused"))
    assert allied.hub.ask(who, method, f"{WATERMARK}/{path}").status_code == 403
    ((_, _, entry),) = allied.entries(kind="watermark-refused")[before:]
    assert entry["reason"] == "role"


def test_a_name_of_another_check_is_refused_in_the_log(allied: Alliance) -> None:
    fields = {"matter": "named", "salt": "5a" * 32, "key": "0c" * 32}
    assert allied.check("alpha", PLAIN, **fields).status_code == 200
    assert allied.check("alpha", PLAIN, consent=True, **fields).status_code == 409  # of more keys
    assert allied.entries()[-1][2]["reason"] == "another check's name"
    assert allied.gamma.asked == []


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 422), (b"{", 422), (b'{"text": "\xff"}', 422), (b'{"text": "\\ud800", "matter": "m"}', 422)],
)
def test_a_body_that_is_none_is_refused(allied: Alliance, body: bytes, status: int) -> None:
    assert allied.hub.ask("alpha", "POST", f"{WATERMARK}/check", content=body).status_code == status


def test_the_endpoints_are_described(allied: Alliance) -> None:
    found = allied.hub.ask(None, "GET", "/exchange-api/openapi.json").json()
    paths = {path.removeprefix(f"{WATERMARK}/") for path in found["paths"] if path.startswith(WATERMARK)}
    assert paths == {"check", "answers", "keys", "keys/retired", "matters/{matter}"}
    assert found["paths"][f"{WATERMARK}/check"]["post"]["security"] == [{}, {"bearer": []}]
    schemas = found["components"]["schemas"]
    assert set(schemas) >= {"watermark-check", "watermark-question", "watermark-outcome", "dsse"}
    references = set(re.findall(r"#/components/schemas/([\w-]+)", json.dumps(found)))
    assert references <= set(schemas)
    told = json.dumps(found["paths"][f"{WATERMARK}/check"]["post"]["responses"]["200"])
    assert "watermark-told" in told


@pytest.mark.parametrize("who", ["alpha", "regulator", "crowd"])
def test_answers_are_as_they_are_described(allied: Alliance, who: str) -> None:
    import jsonschema_rs

    found = allied.hub.ask(None, "GET", "/exchange-api/openapi.json").json()
    kind = {"alpha": "outcome", "regulator": "finding", "crowd": "answer"}[who]
    schema = {"$ref": f"#/components/schemas/watermark-{kind}", "components": found["components"]}
    answer = allied.check(who, marked_text("beta"), consent=True).json()
    jsonschema_rs.validator_for(schema).validate(answer)
