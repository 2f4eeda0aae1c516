"""Pictures of findings, from plain figures."""

from collections.abc import Mapping, Sequence
from typing import Any

from countermark.prove.dossier.dossier import Dossier
from countermark.prove.dossier.proficiency import Proficiency
from countermark.prove.typeset.document import Picture
from countermark.records.attributions import Attribution


def sizes_picture(campaigns: Sequence[Mapping[str, Any]]) -> list[Picture]:
    return []


def controls_picture(one: Attribution) -> list[Picture]:
    return []


def rates_picture(found: Proficiency) -> list[Picture]:
    return []


def timeline_picture(dossier: Dossier) -> list[Picture]:
    return []
