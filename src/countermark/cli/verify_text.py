"""What `countermark verify` says, in lines: the verdict, the steps, the results, what was taken out."""

import shutil
import sys
import textwrap
from typing import TYPE_CHECKING

from countermark.cli.output import printable

if TYPE_CHECKING:
    from countermark.flow.answers import Answer
    from countermark.prove.verifying.verification import Verification

UNCHECKED = "INTACT, SIGNER NOT CHECKED"


def text_of(verification: "Verification", answers: "dict[str, Answer]") -> str:
    """All of it; every step, reason and file on a line of its own."""
    lines = [*_steps(verification), *_found(verification), *_answered(answers)]
    return "\n".join(printable(line) for line in lines)


def folded(text: str) -> str:
    """Lines broken at blanks where a terminal ends, under where they began; as it is for everything else."""
    if not _is_terminal():
        return text
    width = max(40, shutil.get_terminal_size().columns)
    return "\n".join("\n".join(_broken(line, width)) for line in text.splitlines())


def _is_terminal() -> bool:
    return sys.stdout.isatty()


def _broken(line: str, width: int) -> list[str]:
    if len(line) <= width:
        return [line]
    # under the sentence of a step, which begins after the widest gap; under the text of a reason
    words = line.split("  ")
    indent = len(line) - len(words[-1].lstrip()) if len(words) > 2 else 4
    return textwrap.wrap(
        line,
        width,
        subsequent_indent=" " * (indent if indent < width // 2 else 4),
        drop_whitespace=True,
        break_on_hyphens=False,
    )


def _steps(verification: "Verification") -> list[str]:
    """The verdict in the first line, then the steps."""
    case = f"case {verification.case_id}, " if verification.case_id else ""
    made = f", made {verification.created} by its own clock" if verification.created else ""
    if verification.verdict == "VERIFIED":
        stamps = "".join(f", timestamped {time}" for time in verification.timestamps)
        head = f"VERIFIED {case}signed by {', '.join(verification.signers)}{made}{stamps}"
    elif verification.verdict == "FAILED":
        step = next(step for step in verification.steps if step.outcome == "FAILED")
        head = f"FAILED at step {step.number} ({step.name}): {step.detail}"
    else:
        head = f"{UNCHECKED}: {case}whole{made}; whose it is needs --trust FILE"
    width = max(len(step.name) for step in verification.steps)
    rows = [
        f"  {step.number:2} {step.name:{width}}  {step.outcome:11}  {step.detail}".rstrip()
        for step in verification.steps
    ]
    return [head, *rows]


def _found(verification: "Verification") -> list[str]:
    """The results with their class, and what was taken out."""
    lines = []
    for result in verification.results:
        lines.append(result.heading or f"{result.result_class.capitalize()}: {result.result}")
        lines += [f"  - {reason}" for reason in result.reasons]
    for plan in verification.plans.unused if verification.plans else ():
        lines.append(f"Plan that no result uses: {plan}")
    for gone in verification.taken_out:
        noun = gone.form.removesuffix("s") if gone.count == 1 else gone.form
        what = gone.name if gone.form == "file" else f"{gone.count:,} {noun} of {gone.name}"
        lines.append(f"Taken out: {what} ({gone.ground})")
    return lines


def _answered(answers: "dict[str, Answer]") -> list[str]:
    """What differs; of a computation on what machine, and how far decisions lie from their threshold."""
    lines: list[str] = []
    for answer in answers.values():
        lines += [f"Differs: {one}" for one in answer.differences]
        if answer.environment:
            from countermark.flow.recompute import environment_lines  # was loaded: it made the answer

            lines += environment_lines(answer)
    return lines
