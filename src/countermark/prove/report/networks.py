"""The finding of account networks: groups with size, time, kind, what is claimed, where the lists stand."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from countermark.prove.clauses.acceptances import read_members
from countermark.prove.dossier.dossier import Dossier
from countermark.prove.dossier.groups import KINDS, campaigns_of
from countermark.prove.report.explanations import explanations_of
from countermark.prove.report.pictures import sizes_picture
from countermark.prove.report.results import Result, answer
from countermark.prove.report.sure import campaign_level
from countermark.prove.report.words import counted, day, exhibits, figure, short
from countermark.prove.typeset.document import Block, Items, Paragraph, Section, Table

MOST_LISTED = 20
MOST_REASONS = 4
MEANING = (
    "The p-value of a group says that its accounts have more in common than chance gives to accounts that are"
    " alike in country, language, activity and days (their stratum), no more. What the group looks like is a"
    " classification, with an error rate of its own."
)


def listed_accounts(members: Path | None) -> dict[str, int]:
    """How many accounts the sealed table names for each network; those that were taken out do not count."""
    return {campaign: len(accounts) for campaign, accounts in read_members(members).items()}


def networks_section(result: Result, dossier: Dossier) -> Section:
    """All groups of accounts that act as one."""
    campaigns = campaigns_of(dossier)
    blocks: list[Block | Section] = [Paragraph(lead="Answer.", text=answer(result, dossier))]
    if campaigns:
        blocks += [Paragraph(text=MEANING, style="note"), _table(dossier, campaigns)]
        blocks += sizes_picture(campaigns[:MOST_LISTED])
        blocks += list(_reasons(campaigns))
    blocks += list(_candidates(dossier))
    if result.reasons:
        blocks.append(Paragraph(lead="Why it is exploratory.", text=""))
        blocks.append(Items(tuple(short(one) for one in result.reasons)))
    blocks.append(Paragraph(lead="Other explanations.", text="Accounts also act as one in:"))
    blocks.append(Items(tuple(explanations_of(result))))
    return Section(result.heading, tuple(blocks))


def _table(dossier: Dossier, campaigns: list[Mapping[str, Any]]) -> Table:
    counts = listed_accounts(dossier.members)
    rows = []
    for number, one in enumerate(campaigns[:MOST_LISTED], 1):
        window = one.get("window") or {}
        name = str(one.get("campaign_id") or "taken out")
        rows.append(
            (
                str(number),
                figure(one.get("size")),
                figure(counts.get(name, 0) if dossier.members else None),
                f"{day(window.get('first'))} to {day(window.get('last'))}",
                KINDS.get(str(one.get("kind")), "not shown"),
                campaign_level(dossier, one.get("p_value")),
                name.removeprefix("campaign-"),
            )
        )
    numbers = exhibits(one.number for one in dossier.of_kind("members"))
    where = (
        f"The accounts themselves are listed in {numbers}, by the id of the group."
        if numbers
        else "The lists are not in the package."
    )
    more = len(campaigns) - len(rows)
    rest = f" {counted(more, 'smaller group')} more in exhibit {result_exhibit(dossier)}." if more else ""
    return Table(
        columns=("Group", "Accounts", "Listed", "Seen", "What it looks like", "Chance", "Its id"),
        rows=tuple(rows),
        caption=f"{where}{rest}",
        widths=(0.09, 0.12, 0.09, 0.15, 0.24, 0.11, 0.2),
        mono=(6,),
        numbers=(1, 2),
    )


def result_exhibit(dossier: Dossier) -> str:
    """Number of the exhibit of the networks."""
    return next((str(one.number) for one in dossier.of_kind("networks")), "-")


def _reasons(campaigns: list[Mapping[str, Any]]) -> Iterator[Block]:
    largest = campaigns[0]
    reasons = [one for one in largest.get("reasons") or () if isinstance(one, dict) and one.get("text")]
    if reasons:
        text = "What the largest group rests on:"
        yield Paragraph(lead="Reasons.", text=text)
        yield Items(tuple(short(one["text"]) for one in reasons[:MOST_REASONS]))


def _candidates(dossier: Dossier) -> Iterator[Block]:
    tested, untested = dossier.findings.get("tested"), dossier.findings.get("not_testable")
    if isinstance(tested, int) and isinstance(untested, int):
        yield Paragraph(
            lead="Tested.",
            text=f"{counted(tested, 'candidate group')} were tested, {untested:,} could not be. Among the"
            " groups that are named, the expected share of false ones is at most"
            f" {figure(dossier.findings.get('fdr'))}.",
        )
    notes = [short(one) for one in dossier.findings.get("notes") or () if isinstance(one, str)]
    if notes:
        yield Items(tuple(notes))
