"""Whatever a signed document holds: null is what was taken out, any other surprise is no report."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from dossier_parts import TERMS_ENTRY, capture, custody, findings, scan
from dossier_samples import dossier
from test_case_report import texts

from countermark.errors import Error, ExitCode
from countermark.prove.dossier.exhibits import Contained, exhibits_of, has_marks, has_networks
from countermark.prove.dossier.forms import check_forms
from countermark.prove.package.layout import CAPTURE_JSON, FINDINGS_JSON, SCAN_JSON
from countermark.prove.report.plain import to_plain
from countermark.prove.report.report import compose

pytestmark = pytest.mark.usefixtures("plain_pictures")
DOCUMENTS = {FINDINGS_JSON: findings(), SCAN_JSON: scan(), CAPTURE_JSON: capture()}
FIELDS = {FINDINGS_JSON: "findings", SCAN_JSON: "scan", CAPTURE_JSON: "capture"}


def leaves(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where each scalar stands."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from leaves(one, (*at, key))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from leaves(one, (*at, index))
    else:
        yield at


def changed(document: Any, at: tuple[Any, ...], value: Any) -> Any:
    made = copy.deepcopy(document)
    inner = made
    for one in at[:-1]:
        inner = inner[one]
    inner[at[-1]] = value
    return made


PLACES = [(name, at) for name, document in DOCUMENTS.items() for at in leaves(document)]


@pytest.mark.parametrize(("name", "at"), PLACES, ids=str)
def test_a_field_that_was_taken_out_is_not_made_up(tmp_path: Path, name: str, at: tuple[Any, ...]) -> None:
    document = changed(DOCUMENTS[name], at, None)
    check_forms({name: document})
    one = dossier(tmp_path)
    one = replace(one, **{FIELDS[name]: document})
    outcomes = {"networks": has_networks(one.findings), "corpus-marks": has_marks(one.scan or {})}
    exhibits = [
        replace(each, outcome="shown" if outcomes[each.kind] else "not shown")
        if each.kind in outcomes
        else each
        for each in one.exhibits
    ]
    one = replace(one, exhibits=exhibits)
    words = list(texts(to_plain(compose(one), one)))
    assert not [text for text in words if "None" in text]


def test_nothing_at_all_is_still_a_report(tmp_path: Path) -> None:
    one = replace(dossier(tmp_path), findings={}, scan={}, capture={}, method={})
    assert not [text for text in texts(to_plain(compose(one), one)) if "None" in text]


@pytest.mark.parametrize(
    ("name", "at", "value"),
    [
        (FINDINGS_JSON, ("campaigns",), {}),
        (FINDINGS_JSON, ("campaigns", 0), "a campaign"),
        (FINDINGS_JSON, ("campaigns", 0, "size"), "many"),
        (FINDINGS_JSON, ("campaigns", 0, "size"), -1),
        (FINDINGS_JSON, ("campaigns", 0, "p_value"), 1.5),
        (FINDINGS_JSON, ("campaigns", 0, "window"), []),
        (FINDINGS_JSON, ("campaigns", 0, "reasons"), ["because"]),
        (FINDINGS_JSON, ("calibrated_to",), 0),
        (FINDINGS_JSON, ("kind_error_rates", "rates"), [1]),
        (FINDINGS_JSON, ("notes",), "a note"),
        (SCAN_JSON, ("alpha",), 0.0),
        (SCAN_JSON, ("pooled",), "all"),
        (SCAN_JSON, ("documents_passing",), "two"),
        (CAPTURE_JSON, ("counts",), 7),
        (CAPTURE_JSON, ("costs",), "none"),
    ],
)
def test_a_document_of_another_form_is_no_report(name: str, at: tuple[Any, ...], value: Any) -> None:
    with pytest.raises(Error, match="is not as expected") as caught:
        check_forms({name: changed(DOCUMENTS[name], at, value)})
    assert caught.value.exit_code == ExitCode.VERIFICATION_FAILED


def test_what_the_stages_write_is_of_the_form() -> None:
    check_forms(DOCUMENTS)
    assert msgspec.json.encode(DOCUMENTS)


RECORDS = {
    "acquisitions": custody().acquisitions[0],
    "holds": custody().holds[0],
    "actions": custody().actions[0],
    "terms": TERMS_ENTRY,
}


@pytest.mark.parametrize(
    ("where", "field"),
    [(where, name) for where, one in RECORDS.items() for name in one.__struct_fields__],
)
def test_a_record_with_a_field_that_was_taken_out(tmp_path: Path, where: str, field: str) -> None:
    if field in ("items", "clock", "sha256"):
        return  # lists stay lists, a clock keeps its fields, and the digest of a text is never taken out
    one = dossier(tmp_path)
    cut = msgspec.structs.replace(RECORDS[where], **{field: None})
    if where == "terms":
        one = replace(one, terms=[cut])
    else:
        one = replace(one, custody=msgspec.structs.replace(one.custody, **{where: [cut]}))
    contained = Contained(
        digests={each.name: each.sha256 for each in one.exhibits},
        findings=one.findings,
        custody=one.custody,
        terms=one.terms,
    )
    one = replace(one, exhibits=exhibits_of(contained))
    assert not [text for text in texts(to_plain(compose(one), one)) if "None" in text]


def test_rows_of_members_that_are_none_are_no_report(tmp_path: Path) -> None:
    one = dossier(tmp_path)
    assert one.members is not None
    one.members.write_text('{"account_id": "a"}\n')
    with pytest.raises(Error, match="members") as caught:
        compose(one)
    assert caught.value.exit_code == ExitCode.VERIFICATION_FAILED
