"""The drafts there are, by the name that `case draft` takes."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from countermark.prove.claims.assess import Assessed
from countermark.prove.clauses.outcome import TermsApplied
from countermark.prove.dossier.dossier import Dossier
from countermark.prove.drafts.breach_notice import breach_notice
from countermark.prove.drafts.certificate_902 import certificate_902
from countermark.prove.drafts.exhibit_list import exhibit_list
from countermark.prove.drafts.preservation_letter import preservation_letter
from countermark.prove.typeset.document import Document

DRAFTS: Mapping[str, Callable[[Dossier, Sequence[Assessed]], Document]] = MappingProxyType(
    {
        "preservation-letter": preservation_letter,
        "breach-notice": breach_notice,
        "certificate-902": certificate_902,
        "exhibit-list": exhibit_list,
    }
)


def fill(
    kind: str, dossier: Dossier, assessed: Sequence[Assessed] = (), applied: TermsApplied | None = None
) -> Document:
    """The draft of this kind; only a notice of breach prints the clauses in force."""
    if kind == "breach-notice":
        return breach_notice(dossier, assessed, applied)
    return DRAFTS[kind](dossier, assessed)
