"""How it was examined, and how often that is wrong: the formula's part, the people's part, controls, keys."""

from collections.abc import Iterator, Sequence

from countermark.prove.dossier.dossier import Dossier
from countermark.prove.dossier.exposures import KeyExposure
from countermark.prove.dossier.proficiency import NOT_MEASURED, Proficiency, Samples, rate
from countermark.prove.report.marks import passes
from countermark.prove.report.pictures import rates_picture
from countermark.prove.report.results import Result, committed_on, keys_of
from countermark.prove.report.words import capital, counted, exhibits, listed, short
from countermark.prove.typeset.document import Block, Items, Paragraph, Section, Table

_METHODS = {
    "detect": "Account networks. Accounts that share templates, payment, network or hours more often"
    " than their stratum are looked for in one part of the traits, and tested in another that the search"
    " did not use.",
    "scan": "Marks in a corpus. A keyed function scores each pair of context and token once over the whole"
    " corpus; the sum has an exact law, or a bound, where text and key are independent.",
    "text": "Marks in a text. A keyed function scores each pair of context and token of the text once;"
    " the key also has a rank among keys that were drawn alike.",
    "radioactivity": "Marks in what a model answers. A model is asked fixed prompts; its answers are"
    " scored under our keys.",
    "canary": "Planted items. Random items were served to few accounts; a model is asked for them, and"
    " hits beyond what chance gives are counted.",
    "lineage": "Weights. The arrangement of units in two networks is compared; networks that began"
    " independently agree by chance only.",
    "identity": "Answers of an endpoint beside those of a reference, on the same prompts.",
}
TWO_RATES = (
    "Two error rates are kept apart. That of the formula says how often chance alone gives such a"
    " figure. That of the procedure says how often the whole examination, people included, is wrong; it"
    " is measured in blind trials, with samples that were mixed and sealed by somebody else."
)


def method_section(dossier: Dossier, results: Sequence[Result]) -> tuple[Section, ...]:
    """Subsections: what was done, the error rates, the negative controls, the exposure of keys."""
    kinds = dict.fromkeys(one.kind for one in results)
    done = Items(tuple(_METHODS[kind] for kind in kinds if kind in _METHODS))
    software = listed([f"{name} {version}" for name, version in sorted(dossier.case.software.items())])
    made = Paragraph(
        lead="Made with.", text=f"{software}. Versions and seeds stand in the records themselves."
    )
    return (
        Section("What was done", (done, made)),
        Section("Error rates", tuple(_rates(dossier, kinds))),
        Section("Negative controls", tuple(_controls(dossier, results))),
        Section("Exposure of the keys", tuple(_exposures(dossier, results))),
    )


def _rates(dossier: Dossier, kinds: dict[str, None]) -> Iterator[Block]:
    found = dossier.proficiency
    yield Paragraph(text=TWO_RATES)
    procedures = list(dict.fromkeys([*kinds, *(found.procedures() if found else [])]))
    yield Table(
        columns=("Procedure", "Unrelated, called positive", "Related, missed", "Inconclusive", "Trials"),
        rows=tuple(_procedure(found, one) for one in procedures),
        caption="Procedural error rates from blind trials; exact limits by Clopper and Pearson (1934).",
        widths=(0.16, 0.28, 0.28, 0.14, 0.14),
    )
    if found:
        yield from rates_picture(found)
        yield _trials(found, exhibits(one.number for one in dossier.of_kind("proficiency")))
    for one in kinds:
        if found is None or not found.of(one):
            text = f"How often is this procedure wrong as a whole ({one})? Its blind trials: {NOT_MEASURED}."
            yield Paragraph(text=text, style="question")
    yield from _kinds(dossier)


def _procedure(found: Proficiency | None, procedure: str) -> tuple[str, ...]:
    trials = found.of(procedure) if found else []
    if not trials:
        return (procedure, NOT_MEASURED, NOT_MEASURED, "-", "0")
    both = [(one.unrelated, one.related) for one in trials]
    inconclusive = sum(one.inconclusive + other.inconclusive for one, other in both)
    unrelated, related = rate([one for one, _ in both]), rate([other for _, other in both])
    return (procedure, unrelated, related, f"{inconclusive:,}", f"{len(trials):,}")


def _trials(found: Proficiency, where: str) -> Table:
    rows = tuple(
        (
            short(one.id, 60),
            one.dated,
            short(one.prepared_by, 80),
            short(one.examined_by, 80),
            one.answer_sheet_sha256,
        )
        for one in found.trials
    )
    return Table(
        columns=("Trial", "Compared", "Prepared by", "Examined by", "SHA-256 of the sealed answers"),
        rows=rows,
        caption=f"The trials ({where})." if where else "The trials.",
        widths=(0.14, 0.12, 0.2, 0.2, 0.34),
        mono=(4,),
    )


def _kinds(dossier: Dossier) -> Iterator[Block]:
    """Error rates of what a network is classified as."""
    said = dossier.findings.get("kind_error_rates") or {}
    rates = said.get("rates") or {}
    rows = [
        (str(name), rate([Samples(n=one["trials"], wrong=one["wrong"])]))
        for name, one in sorted(rates.items())
        if isinstance(one, dict) and isinstance(one.get("trials"), int) and isinstance(one.get("wrong"), int)
    ]
    if rows:
        yield Table(
            columns=("Planted group", "Classified wrongly"),
            rows=tuple(rows),
            caption=(
                "What a network looks like, measured on"
                f" {short(said.get('measured_on') or 'worlds that are not shown', 200)}."
            ),
            widths=(0.5, 0.5),
        )


def _controls(dossier: Dossier, results: Sequence[Result]) -> Iterator[Block]:
    rows = []
    for one in results:
        made = one.attribution
        if made is None:
            continue
        number = str(one.exhibit.number) if one.exhibit else "-"
        tested = [control for control in made.controls if not control.problem]
        loud = sum(passes(control, made.alpha) for control in tested)
        rows.append(
            (number, capital(one.subject), f"{len(made.controls):,}", f"{len(tested):,}", f"{loud:,}")
        )
    if rows:
        yield Table(
            columns=("Exhibit", "Test", "Unrelated samples", "Tested", "Below the level"),
            rows=tuple(rows),
            caption="The same tests on samples that are known to be unrelated.",
            numbers=(2, 3, 4),
        )
    panels = exhibits(one.number for one in dossier.of_kind("negative-controls"))
    if panels:
        yield Paragraph(lead="Where they stand.", text=f"{capital(panels)}.")
    if not rows:
        yield Paragraph(text="No test of this case was made on samples that are known to be unrelated.")
    for one in results:
        if one.kind != "detect" and one.exhibit and not (one.attribution and one.attribution.controls):
            text = (
                f"How do unrelated samples come out under the same test? Exhibit {one.exhibit.number} has"
                " no controls."
            )
            yield Paragraph(text=text, style="question")


def _exposures(dossier: Dossier, results: Sequence[Result]) -> Iterator[Block]:
    keys = list(dict.fromkeys(key for one in results for key in keys_of(one, dossier)))
    ledgers = {one.key_id: one for one in dossier.exposures}
    if not keys:
        yield Paragraph(text="No result of this case is about a key.")
        return
    known = [ledgers[key] for key in keys if key in ledgers]
    if known:
        yield _ledger(known)
    for ledger in known:
        if ledger.refused_from:
            since = f"Key {ledger.key_id} is open, or may have leaked, since {ledger.refused_from}"
            text = f"{since}: a text that was taken"
            yield Paragraph(text=f"{text} from then on shows nothing about its source.", style="warning")
    for key in keys:
        if key not in ledgers:
            text = (
                f"How many outputs are out under key {key}, where, and has the key leaked? No ledger was"
                " given."
            )
            yield Paragraph(text=text, style="question")
    for one in results:
        if one.shown and keys_of(one, dossier) and not committed_on(one, dossier):
            number = one.exhibit.number if one.exhibit else "-"
            text = f"When was the key of exhibit {number} committed to, and who saw it? Nothing shows it."
            yield Paragraph(text=text, style="question")


def _ledger(known: Sequence[KeyExposure]) -> Table:
    rows = tuple(
        (
            one.key_id,
            f"{one.tokens:,} on {counted(one.days, 'day')}",
            f"{one.most_accounts:,}",
            listed([short(place, 100) for place in one.publications[:10]]),
            one.refused_from or "no opening or leak recorded",
        )
        for one in known
    )
    return Table(
        columns=("Key", "Tokens served", "Accounts on one day", "Public places", "Open since"),
        rows=rows,
        caption="From the ledger of each key, as its owner recorded it.",
        widths=(0.2, 0.2, 0.15, 0.27, 0.18),
        mono=(0,),
    )
