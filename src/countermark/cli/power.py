"""`countermark power`: what could be shown, before anything is scored."""

from typing import Annotated, Any

import typer

from countermark.cli.output import emit, emit_json
from countermark.errors import Error, ExitCode

POWER_SCHEMA_ID = "countermark/power/v1"


def power(
    tokens: Annotated[int, typer.Option("--tokens", min=1, help="Tokens of the body, all pairs distinct.")],
    share: Annotated[float, typer.Option("--share", help="Share of the pairs that is marked, 0 to 1.")],
    k: Annotated[
        int, typer.Option("--k", min=1, max=64, help="Context width: the first k are not scored.")
    ] = 4,
    alpha: Annotated[float, typer.Option(help="Family-wise error rate.")] = 0.01,
    family: Annotated[
        int, typer.Option("--family", min=1, help="Hypotheses: bodies x keys x profiles x epochs.")
    ] = 1,
    entropy: Annotated[
        float | None, typer.Option("--entropy", help="Mean entropy of a token in nats; default: 1.5.")
    ] = None,
    scheme: Annotated[str, typer.Option("--scheme", help="gumbel or green-list.")] = "gumbel",
    gamma: Annotated[float, typer.Option("--gamma", help="Green list: its share of the vocabulary.")] = 0.25,
    delta: Annotated[float, typer.Option("--delta", help="Green list: its bias.")] = 2.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say which share and which length could be shown, under a stated model, before any scoring."""
    for name, value in (("--alpha", alpha), ("--gamma", gamma)):
        if not 0 < value < 1:
            raise Error(f"{name} {value:g} is not between 0 and 1", exit_code=ExitCode.USAGE)
    if not 0 <= share <= 1:
        raise Error(f"--share {share:g} is not between 0 and 1", exit_code=ExitCode.USAGE)
    if not 0 <= delta <= 100:
        raise Error(f"--delta {delta:g} is not between 0 and 100", exit_code=ExitCode.USAGE)
    from countermark.watermark import power as model

    if scheme not in model.SCHEMES:
        hint = f"there are {', '.join(model.SCHEMES)}"
        raise Error(f"no power model for {scheme!r}", hint=hint, exit_code=ExitCode.USAGE)
    nats = model.DEFAULT_ENTROPY if entropy is None else entropy
    law = model.zipf(nats)
    pair = model.gumbel_pair(law) if scheme == model.GUMBEL else model.green_pair(law, gamma, delta)
    question = model.Question(scheme, pair, alpha, family)
    pairs = max(tokens - k, 0)
    answer: dict[str, Any] = {
        "scheme": scheme,
        "tokens": tokens,
        "context_width": k,
        "pairs": pairs,
        "share": share,
        "alpha": alpha,
        "family": family,
        "entropy_nats": nats,
        "reference": f"Zipf's law over {model.VOCABULARY:,} ids, temperature 1, every marked token alike",
        "approximation": "normal sum under the mark, exact null quantile",
        "mean_score": {"null": pair.null_mean, "marked": pair.mean},
        "power": question.power(pairs, share),
        "least_share": {f"{level:g}": question.least_share(pairs, level) for level in model.LEVELS},
        "least_tokens": {
            f"{level:g}": None if (n := question.least_pairs(share, level)) is None else n + k
            for level in model.LEVELS
        },
    }
    if scheme == model.GREEN:
        answer |= {"gamma": gamma, "delta": delta}
    if as_json:
        emit_json(POWER_SCHEMA_ID, answer)
    else:
        _table(answer)


def _table(answer: dict[str, Any]) -> None:
    """At most 80 columns."""
    emit(f"{answer['scheme']}, {answer['pairs']:,} distinct pairs, {answer['share']:.2%} of them marked")
    emit(f"alpha {answer['alpha']:g} over {answer['family']:,}; {answer['entropy_nats']:g} nats a token:")
    emit(f"  {answer['reference']}")
    null, marked = answer["mean_score"]["null"], answer["mean_score"]["marked"]
    emit(f"  a pair scores {null:.3f} unmarked, {marked:.3f} marked")
    emit(f"  {answer['approximation']}")
    emit("")
    emit(f"probability of passing               {answer['power']:>12.1%}")
    for level, share in answer["least_share"].items():
        shown = "none" if share is None else f"{share:.3%}"
        emit(f"least share at {answer['tokens']:>13,} tokens   {shown:>12}   for {float(level):.0%}")
    for level, least in answer["least_tokens"].items():
        shown = "over 10^10" if least is None else f"{least:,}"
        emit(f"least tokens at a share of {answer['share']:>8.2%}  {shown:>12}   for {float(level):.0%}")
