"""Run an attribution again on the inputs that are at hand, and hold it against the record.

What the log said of seeds and of the matter's family is taken from the record: it is checked in its own step.
"""

import re
from typing import Any

import msgspec

from countermark.errors import Error, MissingExtra
from countermark.flow.answers import Answer
from countermark.flow.attributions import software
from countermark.flow.closeness import OF_A_MODEL, UNROUNDED, Closeness
from countermark.flow.computed_attributions import Given, ProgressCall, Question, compute
from countermark.flow.recompute_inputs import Inputs, Left
from countermark.flow.recompute_kinds import attributor_of, check_kind, numbered
from countermark.models.local import check_can_run
from countermark.prove.package.layout import REDACTION, Contents, attribution_name, data_of, read_object
from countermark.records.attributions import NOTHING_DRAWN, SEED_SOURCE, Attribution
from countermark.trust.committed_seeds import Held

_NOT_SHOWN = "not shown: "
_INPUT = re.compile(
    r"suspect|reference|prompts|known|tokenizer|servings|(?:control|ancestor) [1-9][0-9]{0,3}"
)


def recompute_attribution(
    contents: Contents, number: int, inputs: Inputs, answer: Answer, progress: ProgressCall
) -> None:
    """Add to the answer what attribution `number` gives again, or why it is not run."""
    name = f"attribute-{number}"
    if attribution_name(number) not in contents:
        answer.say(name, True, "not recomputed: it was taken out")
        return
    redacted = REDACTION in contents
    document = read_object(data_of(contents, attribution_name(number)), name)
    try:
        record = msgspec.convert(document, Attribution)
        computed, precision = _again(record, inputs, progress)
    except msgspec.ValidationError:
        why = "fields of it were taken out" if redacted else "its parameters are not those of its kind"
        answer.say(name, redacted, f"not recomputed: {why}")
        return
    except Left as reason:
        answer.say(name, True, f"not recomputed: {reason}")
        return
    except MissingExtra as error:
        answer.say(name, True, f"not recomputed: {error.message} ({error.hint})")
        return
    except Error as error:
        answer.say(name, False, f"cannot be run again: {error.message}")
        return
    found, recorded = Closeness(rounded=False, unrounded=precision), msgspec.to_builtins(record)
    for part in sorted(computed):
        found.compare(recorded[part], computed[part], f"/{part}", redacted=redacted)
    made_by = {"recorded": record.software, "same": record.software == software()}
    answer.environment.setdefault("attributions", {})[name] = made_by
    sentence = f"{record.kind}: {len(record.tests):,} tests, {found.compared:,} values compared"
    if found.count:
        answer.differences += [f"{name}: {place}" for place in found.differences]
        answer.say(name, False, f"{sentence}, {found.count:,} differ")
    else:
        taken = f", {found.skipped:,} taken out" if found.skipped else ""
        answer.say(name, True, f"{sentence}{taken}: equal")


def _again(record: Attribution, inputs: Inputs, progress: ProgressCall) -> tuple[dict[str, Any], float]:
    """The computed fields as plain data, and how far floats may lie apart; raises as `attributor_of` does."""
    check_kind(record)
    unknown = [name for name in record.inputs if not _INPUT.fullmatch(name)]
    if unknown or "suspect" not in record.inputs:
        raise Left("its inputs are not those of its kind")
    files = inputs.files(record.inputs)
    runs = record.kind != "lineage" and any(path.is_dir() for path in files.values())
    if runs:
        check_can_run()  # or the reason would be looked for in the model
    attributor, declared = attributor_of(record, files, inputs)
    names = [one.name for one in record.controls]  # after the paths that they had
    controls = [
        Given(names[at] if at < len(names) else one, files[one], record.inputs[one])
        for at, one in enumerate(numbered(files, "control"))
    ]
    question = Question(
        suspect=Given("suspect", files["suspect"], record.inputs["suspect"]),
        controls=controls,
        alpha=record.alpha,
        declared=declared,
        others=_others(record, declared),
        in_case=bool(record.case_run),
        held=_held(record.parameters.get(SEED_SOURCE)),
    )
    plain: dict[str, Any] = msgspec.to_builtins(compute(attributor, question, progress).fields())
    return plain, OF_A_MODEL if runs else UNROUNDED


def _others(record: Attribution, declared: int) -> int:
    """Hypotheses of the matter's other runs; the log has them, and no computation. None outside a case."""
    own = max(declared, sum(test.decides for test in record.tests))
    return max(0, record.family - own) if record.case_run else 0


def _held(source: Any) -> Held:
    fields = dict(source) if isinstance(source, dict) else {"source": NOTHING_DRAWN}
    committed = str(fields.get("committed", ""))
    return Held(fields, committed.removeprefix(_NOT_SHOWN) if committed.startswith(_NOT_SHOWN) else "")
