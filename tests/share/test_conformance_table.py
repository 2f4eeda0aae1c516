"""The table of checks: which sentences it covers, and that the page about it is in step."""

import json
import re
from pathlib import Path

import httpx2
import pytest
from kit_faults import error
from kit_runs import URL
from kit_table import MARK, PAGE, table

from countermark.errors import Error, ExitCode
from countermark.share.conformance import CHECKS, Options, run_kit
from countermark.share.conformance.http import Answer, Credentials, query, server_of
from countermark.trust.keyfiles import Secret

SENTENCES = Path(__file__).parents[2] / "docs/taxii-2.1-sentences.md"
TOKEN = b"cmx_aaaaaaaaaaaa_secret-of-the-caller"
NOT_SEEN = {66, 143, 146, 147, 161}
"""Other formats than STIX, sums of other sentences, client certificates."""


def test_every_must_of_a_server_has_a_check() -> None:
    covered = {row for one in CHECKS.values() for row in one.rows}
    found = re.findall(r"^\| (\d+) \| [^|]* \| ([^|]*) \| .* \| (.) \|$", SENTENCES.read_text(), re.M)
    musts = {int(number) for number, level, binds in found if level == "M" and binds in "SB"}
    assert len(musts) > 80
    assert musts - covered == NOT_SEEN
    assert covered <= {int(number) for number, _, _ in found}


def test_checks_are_named_after_their_sections() -> None:
    for one in CHECKS.values():
        assert re.fullmatch(r"(\d(\.\d+)*|B)-[a-z0-9.-]+", one.id), one.id
        assert len(one.sentence) <= 110
        assert one.rows


def test_the_page_shows_the_checks() -> None:
    assert PAGE.read_text().partition(MARK)[2] == f"\n{table()}", "run python tests/share/kit_table.py"


def test_queries_are_encoded_once() -> None:
    assert query(match_type="a,b", limit=1) == "?match%5Btype%5D=a,b&limit=1"
    assert query() == ""


def test_urls_of_servers() -> None:
    assert server_of("https://a.example:8443") == ("https://a.example:8443", "/")
    assert server_of("http://[::1]:80/x/") == ("http://[::1]:80", "/x/")


def test_a_server_without_end_is_left() -> None:
    class Endless(httpx2.SyncByteStream):
        def __iter__(self):  # type: ignore[no-untyped-def]
            while True:
                yield b" " * (1 << 20)

    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, stream=Endless()))
    with pytest.raises(Error, match="more than 16 MiB") as found:
        run_kit(Options(url=URL), transport=transport)
    assert found.value.exit_code == ExitCode.NO_INPUT


@pytest.mark.parametrize(
    "body", [b"[]", b"null", b'{"api_roots": 7}', b'{"api_roots": [[], {}, null]}', b"[" * 100_000]
)
def test_answers_of_any_form_end_no_run(body: bytes) -> None:
    transport = httpx2.MockTransport(lambda _: error(200, body=body))
    run = run_kit(Options(url=URL), transport=transport)
    assert {one.outcome for one in run.results} <= {"fail", "warn", "undetermined", "not-applicable", "pass"}
    assert len(run.results) == len(CHECKS)


@pytest.mark.parametrize("status", [200, 401])
@pytest.mark.parametrize("before", [40, 380])
def test_a_token_that_is_sent_back_is_not_shown_in_part_either(status: int, before: int) -> None:
    body = b'{"title": "%s"}' % (b"x" * before + TOKEN)
    said = Answer("GET", "/", {}, 0, status, httpx2.Headers(), body, (TOKEN.decode(),))
    assert TOKEN[:10].decode() not in json.dumps(said.evidence())


def test_credentials_do_not_go_to_another_machine_in_the_clear() -> None:
    with pytest.raises(Error, match="in the clear"):
        run_kit(Options(url="http://taxii.invalid/", first=Credentials(token=Secret(TOKEN))))
