"""The options of `capture probe`."""

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer


def amount(text: str) -> Decimal:
    """A sum of money, exact."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    # with more digits than that, sums over many tokens would be rounded
    if not amount.is_finite() or amount != round(amount, 9) or abs(amount) > 1_000_000_000:
        raise typer.BadParameter("that is no amount like 12.50")
    return amount


Endpoint = Annotated[
    str, typer.Option("--endpoint", metavar="URL|DIR", help="Base URL (…/v1), or a Hugging Face folder.")
]
Model = Annotated[str, typer.Option("--model", help="Model to ask for.")]
Prompts = Annotated[
    Path, typer.Option("--prompts", metavar="FILE", help="JSON lines, or text with a prompt a line.")
]
Out = Annotated[Path, typer.Option("--out", metavar="FILE", help="Transcripts; a run with the same goes on.")]
Api = Annotated[str, typer.Option("--api", help="chat or completions.")]
Samples = Annotated[int, typer.Option("--samples", help="Answers to each prompt.")]
Temperature = Annotated[float, typer.Option("--temperature")]
TopP = Annotated[float | None, typer.Option("--top-p")]
MaxTokens = Annotated[int, typer.Option("--max-tokens", help="Limit of an answer.")]
MaxTokensField = Annotated[
    str, typer.Option("--max-tokens-field", help="max_tokens or max_completion_tokens.")
]
Seed = Annotated[
    int | None, typer.Option("--seed", help="Each sample of each prompt is sent with a seed made of this.")
]
Logprobs = Annotated[
    int | None, typer.Option("--logprobs", metavar="N", help="Ask for the N likeliest tokens, too.")
]
TokenIds = Annotated[bool, typer.Option("--token-ids", help="Ask for token ids (vLLM).")]
Prefill = Annotated[str | None, typer.Option("--prefill", help="Begin of every answer.")]
PrefillStyle = Annotated[str, typer.Option("--prefill-style", help="In a chat: vllm, prefix or plain.")]
Stream = Annotated[bool, typer.Option("--stream/--no-stream", help="Answers as events.")]
Tokenizer = Annotated[
    Path | None, typer.Option("--tokenizer", help="tokenizer.json, for ids the endpoint does not give.")
]
Concurrency = Annotated[int, typer.Option("--concurrency", help="Requests at a time.")]
Rate = Annotated[float | None, typer.Option("--rate", help="Requests a minute.")]
Retries = Annotated[int, typer.Option("--retries", help="Repetitions of a request that failed.")]
Backoff = Annotated[float, typer.Option("--backoff", help="Seconds before the first, then doubled.")]
Timeout = Annotated[float, typer.Option("--timeout", help="Seconds for a whole answer.")]
CostCap = Annotated[
    Decimal | None,
    typer.Option("--cost-cap", parser=amount, metavar="AMOUNT", help="Never spend more, over all runs."),
]
PriceIn = Annotated[
    Decimal, typer.Option("--price-in", parser=amount, help="For a million tokens of prompts.")
]
PriceOut = Annotated[
    Decimal, typer.Option("--price-out", parser=amount, help="For a million tokens of answers.")
]
OverheadTokens = Annotated[
    int, typer.Option("--overhead-tokens", help="Most that an endpoint adds to a prompt.")
]
MostFailures = Annotated[int, typer.Option("--most-failures", help="Failures in a row that end the run.")]
ApiKeyFile = Annotated[
    Path | None, typer.Option("--api-key-file", metavar="FILE", help="The key, in a file of mode 0600.")
]
ApiKeyEnv = Annotated[
    str | None, typer.Option("--api-key-env", metavar="NAME", help="The variable that holds the key.")
]
HeaderFile = Annotated[
    Path | None, typer.Option("--header-file", metavar="FILE", help="`Name: value` a line, mode 0600.")
]
OneFingerprint = Annotated[
    bool, typer.Option("--one-fingerprint", help="Another system_fingerprint is another model.")
]
AskLostAgain = Annotated[
    bool, typer.Option("--ask-lost-again", help="Repeat what a killed run asked and lost.")
]
AskFailedAgain = Annotated[
    bool, typer.Option("--ask-failed-again", help="Repeat what failed after all repetitions.")
]
PlainHttp = Annotated[bool, typer.Option("--unsafe-plain-http", help="Let http go to other machines.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
