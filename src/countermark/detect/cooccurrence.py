"""The built-in detector, joined: features, search, merge, classification, reasons. Read this first."""

import math
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from countermark.detect.classify import Rules, classify
from countermark.detect.detection import Detection, DetectionOptions, FoundGroup, ProgressCall
from countermark.detect.explain import edges, member_reasons, top_values
from countermark.detect.families import BY_CODE, CONTENT, KINDS, View, views
from countermark.detect.incidence import Incidence, prepare, read_incidence
from countermark.detect.members import LEAST_REFERENCE
from countermark.detect.merge import Group, merge
from countermark.detect.owners import open_owners
from countermark.detect.prompt_families import prompt_families
from countermark.detect.report.model import Signal
from countermark.detect.search import Search, SearchOptions, search
from countermark.detect.signs import OUTSIDE, RequestSigns, SharedSigns, SharedValues, read_request_signs
from countermark.detect.strata import read_strata
from countermark.records.traits import ELICITING
from countermark.store.database import Database

RULES = Rules()


class Cooccurrence:
    """Accounts that share rare values of one feature family and are unusual in another."""

    name = "cooccurrence"

    def detect(self, database: Database, options: DetectionOptions, progress: ProgressCall) -> Detection:
        """Find the groups; see the modules named in the imports, in that order."""
        prepare(database, prompt_families(database))
        accounts = database.query(
            "SELECT account_id, requests, days, first_us, last_us FROM account ORDER BY account"
        )
        requests = accounts.column("requests").to_numpy().astype(np.int64)
        whole = read_incidence(database, requests.size)
        available = {BY_CODE[code].family for code in np.unique(whole.kind).tolist()}
        looks = views(available) if requests.size >= LEAST_REFERENCE + 10 else []
        settings = SearchOptions(fdr=options.fdr, member_fdr=options.member_fdr, seed=options.seed)
        strata = read_strata(database, requests)
        found = search(database, looks, whole, strata, requests, settings, progress)
        passed = [candidate for candidate in found.candidates if candidate.membership is not None]
        families = [whole.of((family,), with_bins=False) for family in sorted(available)]
        owner = open_owners(whole, requests)
        per_day = requests / accounts.column("days").to_numpy()
        groups = merge(
            passed, families, requests, per_day, owner, options.member_fdr, settings.graph.least_size
        )
        return Detection(
            account_ids=accounts.column("account_id").to_pylist(),
            first_us=accounts.column("first_us").to_numpy().astype(np.int64),
            last_us=accounts.column("last_us").to_numpy().astype(np.int64),
            groups=_describe(database, groups, whole, requests),
            tested=len(found.candidates),
            not_testable=found.not_testable,
            conclusive=bool(groups) or (bool(looks) and found.not_testable == 0),
            notes=_notes(looks, requests.size, found, CONTENT in available),
            method=_method(looks, settings, found, strata.count),
        )


def _describe(
    database: Database, groups: list[Group], whole: Incidence, requests: NDArray[np.int64]
) -> list[FoundGroup]:
    if not groups:
        return []
    request_signs = read_request_signs(database, [group.accounts for group in groups], ELICITING)
    shared_values = SharedValues(whole, requests)
    outside = request_signs.get(OUTSIDE) or RequestSigns(0, 0, 0.0, 0.0, None, None)
    described = []
    for number, group in enumerate(groups):
        shared, own = shared_values.signs(group.accounts), request_signs[number]
        kind, reasons = classify(shared, own, outside, RULES)
        best = group.candidates[0]
        described.append(
            FoundGroup(
                accounts=group.accounts,
                score=group.score,
                p=group.p,
                q=group.q,
                member_reasons=member_reasons(whole, group.accounts, requests),
                log_p=group.log_p,
                log_q=group.log_q,
                null=_null(best.view, best.community.size),
                discovery_families=_days(best.view.discovery, best.view, "even"),
                confirmation_families=_days(best.view.confirmation, best.view, "odd"),
                kind=kind,
                reasons=reasons,
                signals=_signals(shared, own, outside),
                top_values=top_values(whole, group.accounts, best.confirmation.top)
                if not best.view.split_days
                else [],
                edges=edges(whole, group.accounts),
            )
        )
    return described


def _days(families: tuple[str, ...], view: View, parity: str) -> list[str]:
    return [f"{family}, {parity} days" if view.split_days else family for family in families]


def _null(view: View, size: int) -> str:
    held_out = " and ".join(view.confirmation) + (" on odd days" if view.split_days else "")
    return (
        f"given how active and when they were, and their country and language, the {size} accounts of the "
        "candidate that this campaign grew from are a random sample of all accounts "
        f"as far as {held_out} goes"
    )


def _signals(shared: SharedSigns, own: RequestSigns, others: RequestSigns) -> list[Signal]:
    rows = [
        Signal(
            "requests a day",
            own.requests_per_account_day,
            others.requests_per_account_day,
            "per active account",
            "",
        ),
        Signal(
            "spread of daily rates",
            own.rate_spread,
            others.rate_spread,
            "ln units",
            "small: everyone has the same load",
        ),
        Signal(
            "shared prompts",
            shared.prompt_share,
            None,
            "share",
            "requests on prompts or objects typical of the group",
        ),
        Signal(
            "shared identity",
            shared.identity_share if shared.identity_known else None,
            None,
            "share",
            "members sharing address, card, key, domain or day",
        ),
        Signal(
            "one site",
            shared.site_share if shared.identity_known else None,
            None,
            "share",
            "members on the most common address prefix, card or key",
        ),
        Signal("distinct prompts", own.distinct_prompt_share, others.distinct_prompt_share, "share", ""),
        Signal(
            "eliciting prompts",
            own.eliciting_share,
            others.eliciting_share,
            "share",
            "reasoning, rubric, structured",
        ),
    ]
    return [row for row in rows if row.members_value is not None]


def _notes(looks: list[View], accounts: int, found: Search, content: bool) -> list[str]:
    notes = []
    if not looks:
        notes.append(
            f"nothing can be tested: {accounts} accounts; "
            f"at least {LEAST_REFERENCE + 10} with a shared feature are needed"
        )
    if looks and not content:
        notes.append(
            "no prompts, system prompts or objects in the log: harvest and pool cannot be told apart"
        )
    if any(view.split_days for view in looks):
        notes.append(
            "one feature family only: groups were discovered on even days and confirmed on odd ones; "
            "benign groups (fans, friends, colleagues) persist from day to day too"
        )
    if found.not_testable:
        notes.append(
            f"{found.not_testable} of {len(found.candidates)} candidates are not testable: "
            "the smallest p-value they could have had lies above the threshold"
        )
    return notes


def _method(looks: list[View], settings: SearchOptions, found: Search, strata: int) -> dict[str, object]:
    return {
        "views": [view.name for view in looks],
        "kinds": [f"{kind.name} ({kind.family})" for kind in KINDS],
        "strata": strata,
        "parameters": asdict(settings),
        "classification_rules": asdict(RULES),
        "hypotheses": found.hypotheses,
        "threshold": found.threshold,
        "candidates": [
            {
                "view": candidate.view.name,
                "accounts": int(candidate.community.size),
                "log10_p": round(candidate.confirmation.log_p / math.log(10), 6)
                if candidate.confirmation.log_p > -math.inf
                else None,
                "log10_q": round(candidate.log_q / math.log(10), 6) if candidate.log_q > -math.inf else None,
                "tested_values": candidate.confirmation.tested_values,
                "permutation_p": candidate.confirmation.permutation_p,
                "passed": candidate.membership is not None,
            }
            for candidate in found.candidates
        ],
    }
