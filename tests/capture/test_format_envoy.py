"""Envoy AI Gateway's access log."""

import json
from pathlib import Path
from typing import Any

import pytest

from countermark.capture.formats.base import Incomplete, Request
from countermark.capture.formats.envoy import Envoy

LINES = (Path(__file__).parent / "samples" / "envoy.jsonl").read_bytes().splitlines()


def changed(**fields: Any) -> bytes:
    return json.dumps(
        {**json.loads(LINES[0]), **{key.replace("_", "-"): v for key, v in fields.items()}}
    ).encode()


def test_a_line() -> None:
    assert list(Envoy().parse(LINES[0])) == [
        Request(
            ts=1_756_572_697_894_000,
            account_id="user-42",
            request_id="83b63da3-45a9-4196-98b8-1a7f697d6d8d",
            model="gpt-4o-mini",
            input_tokens=15,
            output_tokens=7,
            ip="8.8.4.4",
            user_agent="curl/8.7.1",
            org_id="tenant-8",
            session_id="sess-1",
            status="200",
            access_path="/v1/chat/completions",
        )
    ]


def test_a_line_without_a_model_is_no_exchange() -> None:
    assert list(Envoy().parse(LINES[1])) == []


def test_the_peer_that_envoy_trusts_comes_before_what_clients_write() -> None:
    (request,) = Envoy().parse(LINES[2])
    assert (request.ip, request.account_id) == ("2606:4700::1111", "tenant-8")


@pytest.mark.parametrize("absent", ["-", None, ""])
def test_absent_values(absent: str | None) -> None:
    (request,) = Envoy().parse(changed(user_agent=absent, x_forwarded_for=absent, x_request_id=absent))
    assert (request.user_agent, request.ip, request.request_id) == (None, "127.0.0.1", "")


def test_a_log_without_accounts_says_so() -> None:
    line = {key: value for key, value in json.loads(LINES[0]).items() if key not in ("user.id", "tenant.id")}
    with pytest.raises(Incomplete, match="no account"):
        list(Envoy().parse(json.dumps(line).encode()))
