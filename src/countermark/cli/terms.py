"""`countermark terms`: usage policies as data, what changed in them, and which clauses bound whom when."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countermark.cli.output import emit, emit_json, note, printable
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.prove.clauses.difference import Difference
    from countermark.prove.clauses.outcome import CampaignTerms, TermsApplied

app = typer.Typer(
    help="Compare versions of a usage policy, and say which clauses bound an account on a day.",
    no_args_is_help=True,
)


@app.callback()
def _terms() -> None:
    """Compare versions of a usage policy, and say which clauses bound an account on a day."""


@app.command("diff")
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The policy file of the older version.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="That of the newer version.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say which clauses were added, removed or changed."""
    from countermark.prove.clauses.difference import DIFF_SCHEMA_ID, difference
    from countermark.prove.clauses.policy import read_policy

    found = difference(read_policy(old), read_policy(new))
    if as_json:
        emit_json(DIFF_SCHEMA_ID, found.to_dict())
        return
    for line in _diff_lines(found):
        emit(printable(line))


@app.command("applies")
def applies(
    case: Annotated[
        Path, typer.Argument(metavar="PACKAGE|CASE", help="An evidence package, or a case folder.")
    ],
    policies: Annotated[Path, typer.Option("--policies", help="Folder of policy files (*.yaml).")],
    account: Annotated[str | None, typer.Option("--account", help="This account alone.")] = None,
    trust: Annotated[Path | None, typer.Option("--trust", help="Whose seal is accepted.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say which clauses bound the accounts of each campaign, on which days."""
    from countermark.prove.clauses.outcome import apply_terms
    from countermark.prove.clauses.policy import read_policies
    from countermark.prove.clauses.summary import APPLIES_SCHEMA_ID, to_dict
    from countermark.prove.dossier.read import read_dossier
    from countermark.prove.package.trustfile import read_trust

    read = read_policies(policies)
    dossier = read_dossier(case, trust=read_trust(trust) if trust else None)
    applied = apply_terms(dossier, read)
    if account is not None and not _is_member(applied, account):
        raise Error("no campaign of this case has that account", exit_code=ExitCode.NO_INPUT)
    if not dossier.sealed:
        note("a case folder: nothing here is sealed")
    elif trust is None:
        note("no trust file was given: whose seal this is was not checked")
    if as_json:
        verdict = dossier.verification.verdict if dossier.sealed else None
        emit_json(APPLIES_SCHEMA_ID, {"verdict": verdict, **to_dict(applied, account)})
        return
    for line in _applied_lines(applied, account):
        emit(printable(line))


def _diff_lines(found: "Difference") -> list[str]:
    old, new = found.old, found.new
    lines = [
        f"{old.id} {old.version} (from {old.effective}) to {new.id} {new.version} (from {new.effective})"
    ]
    lines += [f"  added    {one.id}: {one.title} ({', '.join(one.forbids)})" for one in found.added]
    lines += [f"  removed  {one.id}: {one.title} ({', '.join(one.forbids)})" for one in found.removed]
    lines += [f"  changed  {one.new.id}: {', '.join(one.fields)}" for one in found.changed]
    if len(lines) == 1:
        lines.append("  no clause differs" + ("" if found.same_text else ", though the texts do"))
    return lines


def _is_member(applied: "TermsApplied", account: str) -> bool:
    groups = (group for campaign in applied.campaigns for group in campaign.groups)
    return any(account in group.accounts for group in groups)


def _applied_lines(applied: "TermsApplied", account: str | None) -> list[str]:
    lines = [
        f"not applied: {key[0]} {key[1]}: {reason}"
        for key, reason in sorted(applied.policies.refused.items())
    ]
    if not applied.has_acceptances:
        lines.append("the case holds no records of acceptance: nothing binds any account")
    if not applied.has_members:
        lines.append("the case does not name the members of its campaigns")
    lines += [f"left out: {name}: its id or its days are not in this copy" for name in applied.left_out]
    for campaign in applied.campaigns:
        of = _account_lines(applied, campaign, account) if account else _campaign_lines(applied, campaign)
        lines += of
    return lines


def _campaign_lines(applied: "TermsApplied", campaign: "CampaignTerms") -> list[str]:
    from countermark.prove.clauses.summary import bound_at_all, counts

    bound, days = bound_at_all(applied, campaign), f"{campaign.first} to {campaign.last}"
    head = f"{campaign.campaign_id} ({campaign.kind}), {days}: {campaign.accounts:,} accounts, "
    lines = [head + f"{bound:,} bound on a day or more, {campaign.accounts - bound:,} by nothing"]
    lines += [f"  bears on     {one.conduct}: {one.shows}" for one in campaign.bearings]
    for one in counts(applied, campaign):
        what = one.reason or ", ".join(clause.id for clause in one.clauses) or "no clause on such conduct"
        accounts = f"accounts: {one.whole:,} on all days, {one.part:,} on some"
        name = f"{one.terms_id} {one.version}".strip()
        lines.append(f"  {'not bound' if one.reason else 'in force':12} {name}: {what} ({accounts})")
    return lines


def _account_lines(applied: "TermsApplied", campaign: "CampaignTerms", account: str) -> list[str]:
    from countermark.prove.clauses.applying import latest

    group = next((one for one in campaign.groups if account in one.accounts), None)
    if group is None:
        return []
    lines = [f"{campaign.campaign_id} ({campaign.kind}), account {account}"]
    rows = applied.acceptances.by_account.get(account, ())
    for one in group.stretches:
        row = latest(rows, one.terms_id, one.first)
        record = f", accepted {row.accepted}, record {row.record_sha256}" if row else ""
        name = f"{one.terms_id} {one.version}".strip()
        lines.append(f"  {one.first} to {one.last}  {name}: {one.reason or 'in force'}{record}")
        lines += [
            f'    {clause.id}, {clause.where}: "{clause.quote}"' for clause in applied.clauses(campaign, one)
        ]
    return lines
