"""A certification under Federal Rules of Evidence 902(11), (13) and (14), for a qualified person to sign.

The rules read for it: Fed. R. Evid. 803(6) as amended in 2014; 902(13) and (14), in force since
1 December 2017, with their committee notes; 902(11), to which both point for form and notice; 28 U.S.C. 1746.
What the rules ask of a person stands as a question: software signs nothing.
"""

from collections.abc import Iterator, Sequence

from countermark.prove.claims.assess import Assessed
from countermark.prove.custody.custody import Acquisition
from countermark.prove.dossier.dossier import RESULT_KINDS, Dossier
from countermark.prove.drafts.form import ask, draft, exhibits_of_kind, party
from countermark.prove.report.sure import false_positives
from countermark.prove.report.words import clock, counted
from countermark.prove.typeset.document import Block, Document, Items, Paragraph, Section, Signature, Table

MAX_ITEMS = 200
"""Files that are listed one by one; the rest stand in the chain of custody, which the package holds."""
WITHIN = "“I declare under penalty of perjury that the foregoing is true and correct. Executed on (date).”"
WITHOUT = (
    "“I declare under penalty of perjury under the laws of the United States of America that the foregoing is"
    " true and correct. Executed on (date).”"
)
"""28 U.S.C. 1746(2) and (1)."""


def certificate_902(dossier: Dossier, assessed: Sequence[Assessed]) -> Document:
    """The certification; `certifier` of the facts file is who signs, and the claims do not matter to it."""
    del assessed  # a certificate is about records, whatever they are offered for
    facts = (
        ("Court", party(dossier, "court", "Which court?")),
        ("Case number", party(dossier, "case-number", "Which number does the case have in court?")),
        ("Certified by", party(dossier, "certifier", "Who certifies: name, title and employer?")),
    )
    sections = (
        Section("Who certifies", tuple(_who())),
        Section("A. Records of a regular activity: Rule 902(11) with 803(6)", tuple(_regular(dossier))),
        Section("B. Records made by an electronic process: Rule 902(13)", tuple(_process(dossier))),
        Section("C. Data identified by digest: Rule 902(14)", tuple(_digital(dossier))),
        Section("D. How anybody checks this", tuple(_steps(dossier))),
        Section("Notice to the other side", tuple(_notice())),
        Section("Declaration: 28 U.S.C. § 1746", tuple(_declaration(dossier))),
        Section("What this certification does not say", tuple(_limits())),
    )
    return draft(
        dossier,
        "Certification of records",
        sections,
        subtitle="Federal Rules of Evidence 902(11), 902(13) and 902(14)",
        facts=facts,
    )


def _who() -> Iterator[Block]:
    text = (
        "A qualified person signs: the custodian of the records, or somebody who could give the same"
        " information as a witness at trial. Each statement below is made by that person or is struck out."
    )
    yield Paragraph(text=text)
    yield ask("What makes this person qualified: duties, training, and own knowledge of these systems?")
    yield ask(
        "Which statements does this person make from own knowledge, and which does another have to make?"
    )


def _regular(dossier: Dossier) -> Iterator[Block]:
    routine = [one for one in dossier.custody.acquisitions if one.purpose == "routine"]
    if not routine:
        yield ask("Which records were kept in the ordinary course of business? The case names none.")
        return
    yield Paragraph(text="Of the records in this table, and of no others, I certify:")
    yield _acquisitions(routine)
    yield Items(
        (
            "(A) each record was made at or near the time by — or from information transmitted by — someone"
            " with knowledge;",
            "(B) each record was kept in the course of a regularly conducted activity of a business;",
            "(C) making the record was a regular practice of that activity.",
        )
    )
    yield ask("(A) How and how soon does the system write a record, and from whose or which input?")
    yield ask("(B) Of which business and activity are the records, and who keeps them for how long?")
    yield ask("(C) Since when is this the practice, and where is that written down?")
    yield ask("Were the records made within the United States? If not, Rule 902(12) applies instead.")
    made = [one.id or "not shown" for one in dossier.custody.acquisitions if one.purpose != "routine"]
    if made:
        why = "Not certified under 902(11), since made for this case or not shown as routine"
        yield Paragraph(text=f"{why}: {', '.join(made)}.", style="note")


def _acquisitions(acquisitions: Sequence[Acquisition]) -> Table:
    rows = tuple(
        (
            one.id or "not shown",
            one.what or "not shown",
            one.source or "not shown",
            f"{one.by or 'not shown'}, {one.role or 'role not shown'}; {one.method or 'method not shown'}",
            f"{clock(one.started or 'not shown')} to {clock(one.ended or 'not shown')}",
        )
        for one in acquisitions
    )
    columns = ("No.", "Records", "System", "Taken by and how", "When (UTC)")
    return Table(
        columns=columns, rows=rows, caption="Records kept as a routine.", widths=(0.1, 0.2, 0.2, 0.28, 0.22)
    )


def _process(dossier: Dossier) -> Iterator[Block]:
    made = list(dossier.of_kind(*RESULT_KINDS))
    software = ", ".join(f"{name} {version}" for name, version in sorted(dossier.case.software.items()))
    text = (
        "The records in this table were generated by an electronic process. The process ran in the steps"
        f" {', '.join(dossier.case.steps)}, each of which has a signed statement of its inputs and outputs by"
        f" digest. Software: {software}."
    )
    yield Paragraph(text=text)
    yield Table(
        columns=("Exhibit", "Record", "Class and outcome", "SHA-256"),
        rows=tuple(
            (str(one.number), one.title, f"{one.result_class}; {one.outcome}", one.sha256) for one in made
        ),
        caption="Records that the process made.",
        widths=(0.1, 0.32, 0.22, 0.36),
        mono=(3,),
    )
    yield Paragraph(text="What bears on whether the process produces an accurate result:")
    yield Items(tuple(_accuracy(dossier)))
    yield ask("Who ran the process, on which machine and days, and did anything go wrong?")
    yield ask("Which of these grounds has this person checked, and how?")


def _accuracy(dossier: Dossier) -> Iterator[str]:
    yield "Anybody with the inputs can run it again and compare: countermark verify PACKAGE --recompute."
    for number, one in enumerate(dossier.attributions, 1):
        for test in one.tests:
            if test.decides:
                yield (
                    f"Result {number}, {test.name}: {test.law}; calibrated to {test.calibrated_to:g}"
                    f" ({test.calibration})."
                )
    if dossier.findings.get("calibrated_to") is not None:
        yield f"Account networks: calibrated to {dossier.findings['calibrated_to']:g}."
    procedures = [
        "detect",
        *["scan"] * (dossier.scan is not None),
        *(one.kind for one in dossier.attributions),
    ]
    for procedure in dict.fromkeys(procedures):
        rate = false_positives(dossier.proficiency, procedure)
        yield f"Blind trials of {procedure}, how often unrelated samples were called positive: {rate}."


def _digital(dossier: Dossier) -> Iterator[Block]:
    acquired = [(one.id or "not shown", item) for one in dossier.custody.acquisitions for item in one.items]
    if not acquired:
        yield ask("Which data were taken from a device, medium or file, and what was their digest then?")
        return
    text = (
        "Each item in this table was taken from an electronic device, storage medium or file. Its SHA-256 was"
        " written down when it was taken. I reckoned the SHA-256 of the item that is offered, and it is the"
        " same."
    )
    yield Paragraph(text=text)
    yield Table(
        columns=("Acquisition", "Item", "Bytes", "SHA-256"),
        rows=tuple(
            (name, item.name or "not shown", f"{item.bytes:,}" if item.bytes is not None else "", item.sha256)
            for name, item in acquired[:MAX_ITEMS]
        ),
        caption="Items and their digests when they were taken.",
        widths=(0.14, 0.3, 0.16, 0.4),
        mono=(3,),
        numbers=(2,),
    )
    if (more := len(acquired) - MAX_ITEMS) > 0:
        where = exhibits_of_kind(dossier, "custody") or "the chain of custody"
        yield Paragraph(text=f"{counted(more, 'further item')} stand with their digests in {where}.")
    yield ask("On which day and with which tool did this person reckon these digests, and were all the same?")


def _steps(dossier: Dossier) -> Iterator[Block]:
    digest = dossier.package_sha256 or "the package is not sealed"
    yield Items(
        (
            f"Reckon the SHA-256 of the package and compare: {digest}.",
            "Run countermark verify PACKAGE --trust FILE, with a trust file that comes from outside the"
            " package.",
            "Run the second verifier, countermark-verify, which shares no code with the first.",
            "Reckon the SHA-256 of each exhibit, and compare with the exhibit list.",
        ),
        numbered=True,
    )
    yield Paragraph(text="When this draft was made, the steps of the verifier gave:")
    yield Table(
        columns=("Step", "Name", "Outcome", "What it found"),
        rows=tuple(
            (str(one.number), one.name, one.outcome, one.detail) for one in dossier.verification.steps
        ),
        caption="Steps of the verifier.",
        widths=(0.08, 0.22, 0.15, 0.55),
    )


def _notice() -> Iterator[Block]:
    text = (
        "Before the trial or hearing, who offers these records gives an adverse party reasonable written"
        " notice of the intent to offer them, and makes the records and this certification available for"
        " inspection, so that the party has a fair opportunity to challenge them (Rule 902(11), to which"
        " 902(13) and (14) point)."
    )
    yield Paragraph(text=text)
    yield ask("On which day is notice given, and where can package, exhibits and certification be inspected?")


def _declaration(dossier: Dossier) -> Iterator[Block]:
    yield Paragraph(
        lead="Signed within the United States, its territories, possessions, or commonwealths:", text=WITHIN
    )
    yield Paragraph(lead="Signed elsewhere:", text=WITHOUT)
    yield ask("Where is it signed, and on which day? One of the two forms is struck out.")
    yield Signature(who=dossier.parties.get("certifier", "Qualified person"))


def _limits() -> Iterator[Block]:
    yield Items(
        (
            "It establishes that the records are what they are said to be, and no more: the other side may"
            " object on every other ground, such as hearsay, relevance, or the right to confrontation.",
            "It says nothing of why a result is as it is. What a result means is for a witness under Rule"
            " 702.",
            "A proposed Rule 707 on machine-generated evidence was published for comment in August 2025.",
        )
    )
    yield ask("Has Rule 902, 803(6) or 707 changed since this form was written on 28 November 2026?")
    text = (
        "Read for this form: 803(6), 902(13), 902(14) and 28 U.S.C. § 1746 in their text; 902(11) and the"
        " committee notes of 2017 in the accounts of others. Counsel compares it with the rules in force."
    )
    yield Paragraph(text=text, style="note")
