"""What `countermark share demo --together` prints at the end."""

from pathlib import Path
from typing import TYPE_CHECKING

from countermark.cli.output import emit, emit_json, printable

if TYPE_CHECKING:
    from countermark.flow.together_demo_outcome import Together

TOGETHER_SCHEMA_ID = "countermark/share-demo-together/v1"


def show(outcome: "Together", out: Path, as_json: bool) -> None:
    """The overlaps, the checks, and the logs."""
    import msgspec

    from countermark.share.overlap.messages import FLOOR

    if as_json:
        emit_json(TOGETHER_SCHEMA_ID, {"good": outcome.good, **msgspec.to_builtins(outcome)})
        return
    for pair in outcome.pairs:
        one, other = pair.members
        size = f"under {FLOOR}" if pair.sizes[0] is None else str(pair.sizes[0])
        opened = "; opened" if set(pair.members) == set(outcome.matches) else ""
        emit(f"{'overlap':<9} {one} and {other}: {size}{opened}")
    emit("")
    emit(f"{'asked by':<10} {'about':<14} {'consent':<8} {'told':<14} {'ordinal'}")
    for check in outcome.checks:
        told = " ".join([check.told["word"], *check.told.get("marks", ())])
        right = "" if check.good else "  NOT AS IT SHOULD BE"
        consent, place = "yes" if check.consent else "no", check.told.get("ordinal", "-")
        emit(printable(f"{check.by:<10} {check.text:<14} {consent:<8} {told:<14} {place!s:>7}{right}"))
    emit("")
    for name, log in outcome.logs.items():
        state = "verifies" if log["verified"] else "DOES NOT VERIFY"
        emit(f"{'log':<9} {name}: {log['size']} entries, {state}")
    held = sum(one.holds for one in outcome.proofs)
    emit(f"{'proofs':<9} {held} of {len(outcome.proofs)} consents and refusals: {out / 'proofs'}")
    emit(f"{'folder':<9} {out}; nothing runs any more")
