"""Texts of a package that name a cause are not printed; what a person states is, as theirs."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from claim_samples import claim
from dossier_parts import PLAN, TERMS_ENTRY, replace_record
from dossier_samples import dossier
from test_case_report import FORBIDDEN, texts
from test_report_parts import POLICY

from countermark.errors import Error, ExitCode
from countermark.prove.claims.assess import assess_named
from countermark.prove.claims.read import own_claims
from countermark.prove.clauses.outcome import apply_terms
from countermark.prove.clauses.policy import read_policies
from countermark.prove.clauses.summary import to_dict
from countermark.prove.dossier.cautious import cautious
from countermark.prove.dossier.dossier import Dossier
from countermark.prove.drafts.kinds import DRAFTS, fill
from countermark.prove.drafts.plain import to_plain as draft_fields
from countermark.prove.package.layout import CUSTODY, FINDINGS_JSON, TERMS_JSON, attribution_name
from countermark.prove.report.make import Asked, make
from countermark.prove.sealing.seal_options import SealOptions
from countermark.records.cause_words import cause_in, withheld, without_causes
from running import countermark

pytestmark = pytest.mark.usefixtures("plain_pictures")
WORDS = "The weights were STOLEN, derived, and trained\non what was copied."


def hostile(folder: Path) -> Dossier:
    """Every free text of the package says a cause."""
    one = dossier(folder)
    campaign = one.findings["campaigns"][0] | {"reasons": [{"sign": "s", "value": 1, "text": WORDS}]}
    first = one.attributions[0]
    tests = [msgspec.structs.replace(test, null=WORDS, alternatives=[WORDS]) for test in first.tests]
    bad = replace_record(
        first, tests=tests, other_explanations=[WORDS], reasons=[WORDS], not_validated=[WORDS]
    )
    plan = PLAN | {"title": WORDS, "hypotheses": [PLAN["hypotheses"][0] | {"null": WORDS}]}
    took = [msgspec.structs.replace(each, what=WORDS, source=WORDS) for each in one.custody.acquisitions]
    titled = {"plan": WORDS, "acquisition": WORDS, "terms": WORDS}
    return replace(
        one,
        findings=dict(one.findings) | {"campaigns": [campaign], "notes": [WORDS]},
        scan=dict(one.scan or {}) | {"null": WORDS, "weak": WORDS},
        attributions=[bad, *one.attributions[1:]],
        results=[dict(each) | {"reasons": [WORDS]} for each in one.results],
        plans={"PLAN": plan},
        custody=msgspec.structs.replace(one.custody, acquisitions=took),
        terms=[msgspec.structs.replace(TERMS_ENTRY, title=WORDS)],
        exhibits=[replace(each, title=titled.get(each.kind, each.title)) for each in one.exhibits],
    )


def printed(one: Dossier, folder: Path) -> str:
    """Report, drafts, claims and terms as JSON, one text a line."""
    (folder / "policies").mkdir(exist_ok=True)
    clause = POLICY["clauses"][0] | {"title": WORDS}
    (folder / "policies/usage.yaml").write_text(
        yaml.safe_dump(POLICY | {"title": WORDS, "clauses": [clause]})
    )
    asked = Asked(claims="us-contract,us-dtsa", policies=folder / "policies")
    made = make(one, asked)
    applied = apply_terms(one, read_policies(folder / "policies"))
    assessed = assess_named("us-contract", one, made.assessed[0].today)
    drafts = [draft_fields(fill(kind, one, assessed, applied)) for kind in DRAFTS]
    return "\n".join(texts([made.to_plain(), to_dict(applied, None), *drafts]))


def test_no_text_of_a_package_names_a_cause_in_print(tmp_path: Path) -> None:
    assert cause_in(printed(hostile(tmp_path), tmp_path))  # or the test shows nothing
    whole = printed(cautious(hostile(tmp_path)), tmp_path)
    assert FORBIDDEN.findall(whole) == []
    for name in (FINDINGS_JSON, attribution_name(1), TERMS_JSON, CUSTODY, "usage.yaml"):
        assert withheld(name) in whole, name
    assert "[words that name a cause; they stand in data/plans/PLAN.json]" in whole


def test_what_a_person_states_is_printed_as_theirs(tmp_path: Path) -> None:
    one = dossier(tmp_path)
    said = msgspec.structs.replace(one.statements[0], says="Our weights were stolen.")
    whole = printed(cautious(replace(one, statements=[said])), tmp_path)
    found = [line for line in whole.splitlines() if cause_in(line)]
    assert found
    quoted = f"“{said.says}”"
    assert [line for line in found if f"{said.by} states on {said.dated}: {quoted}" in line]
    assert [line for line in found if line != said.says and quoted not in line] == []


@pytest.mark.parametrize("text", ["stolen", "A Derived work", "trained\n on", "(copied)"])
def test_a_whole_text_is_replaced(text: str) -> None:
    record: dict[str, Any] = {"a": [text, {"b": (text, 1, None)}], text: True}
    kept = withheld("data/x.json")
    assert without_causes(record, "data/x.json") == {"a": [kept, {"b": (kept, 1, None)}], kept: True}
    assert not cause_in(withheld("stolen.yaml"))


@pytest.mark.parametrize("text", ["derivation", "copieds", "stolenness", "trained only", "retrained"])
def test_parts_of_words_stay(text: str) -> None:
    assert without_causes([text], "data/x.json") == [text]


def test_own_rows_that_name_a_cause_are_refused(tmp_path: Path) -> None:
    (tmp_path / "us-sample.yaml").write_text(yaml.safe_dump(claim(title="What was copied")))
    with pytest.raises(Error, match="says 'copied'") as caught:
        own_claims(tmp_path)
    assert caught.value.exit_code == ExitCode.NO_INPUT


def test_a_case_folder_with_such_a_text_is_read_without_it(options: SealOptions, tmp_path: Path) -> None:
    folder = tmp_path / "CASE-1"
    assert countermark("case", "open", folder, "--id", "CASE-1").code == 0
    findings = options.findings / "findings.json"
    document = json.loads(findings.read_bytes())
    document["notes"] = [WORDS]
    findings.write_text(json.dumps(document))
    added = countermark("case", "add", "findings", folder, options.findings, "--events", options.events)
    assert added.code == 0, added.err
    done = countermark("case", "report", folder, "--json")
    assert done.code == 0, done.err
    assert withheld(FINDINGS_JSON) in done.out
    assert not FORBIDDEN.search(done.out)
