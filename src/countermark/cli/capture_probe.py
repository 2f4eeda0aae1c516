"""`countermark capture probe`: ask a suspect endpoint, and keep every request and answer."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from countermark.cli import capture_probe_options as given
from countermark.cli.output import emit, emit_json, note, printable, progress
from countermark.errors import ExitCode

if TYPE_CHECKING:
    from countermark.capture.probe.summary import ProbeSummary


def probe(
    endpoint: given.Endpoint,
    model: given.Model,
    prompts: given.Prompts,
    out: given.Out,
    api: given.Api = "chat",
    samples: given.Samples = 1,
    temperature: given.Temperature = 1.0,
    top_p: given.TopP = None,
    max_tokens: given.MaxTokens = 256,
    max_tokens_field: given.MaxTokensField = "max_tokens",
    seed: given.Seed = None,
    logprobs: given.Logprobs = None,
    token_ids: given.TokenIds = False,
    prefill: given.Prefill = None,
    prefill_style: given.PrefillStyle = "vllm",
    stream: given.Stream = False,
    tokenizer: given.Tokenizer = None,
    concurrency: given.Concurrency = 4,
    rate: given.Rate = None,
    retries: given.Retries = 5,
    backoff: given.Backoff = 1.0,
    timeout: given.Timeout = 120.0,
    cost_cap: given.CostCap = None,
    price_in: given.PriceIn = Decimal(0),
    price_out: given.PriceOut = Decimal(0),
    overhead_tokens: given.OverheadTokens = 512,
    most_failures: given.MostFailures = 20,
    api_key_file: given.ApiKeyFile = None,
    api_key_env: given.ApiKeyEnv = None,
    header_file: given.HeaderFile = None,
    one_fingerprint: given.OneFingerprint = False,
    ask_lost_again: given.AskLostAgain = False,
    ask_failed_again: given.AskFailedAgain = False,
    plain_http: given.PlainHttp = False,
    as_json: given.AsJson = False,
) -> int:
    """Send prompts to an OpenAI-compatible endpoint and keep what comes back as transcripts.

    Exit code 11 when something is missing: the cap was reached, requests failed, nothing is usable.
    """
    fields = dict(locals())  # named as those of ProbeOptions, but for what is popped
    from countermark.capture.probe.credentials import read_api_key, read_headers
    from countermark.capture.probe.options import ProbeOptions
    from countermark.capture.probe.run import probe as run

    as_json = fields.pop("as_json")
    api_key = read_api_key(fields.pop("api_key_file"), fields.pop("api_key_env"))
    headers = read_headers(fields.pop("header_file"))
    options = ProbeOptions(**fields, api_key=api_key, headers=headers)
    with progress("probe") as bar:
        summary = run(options, say=note, progress=bar)
    if as_json:
        emit_json(summary.schema, _fields(summary))
    else:
        _tell(summary)
    note(printable(f"transcripts in {out}, the journal beside them"))
    return ExitCode.DONE if summary.complete else ExitCode.INCONCLUSIVE


def _fields(summary: "ProbeSummary") -> dict[str, Any]:
    import msgspec

    fields: dict[str, Any] = msgspec.to_builtins(summary)
    fields.pop("schema")
    return fields


def _tell(summary: "ProbeSummary") -> None:
    emit(f"{summary.usable:,} usable answers of {summary.planned:,} requests")
    if summary.stopped:
        emit(f"  ended early: {printable(summary.stopped)}")
    if summary.not_asked:
        emit(f"  without an answer for good: {summary.not_asked:,}; a run with the same --out goes on")
    for problem, count in summary.problems.items():
        emit(f"  not used, {printable(problem)}: {count:,}")
    for what, count in (
        ("cut at the limit asked for", summary.limited),
        ("without the logprobs asked for", summary.without_logprobs),
        ("with token ids that are our encoding of the text", summary.encoded),
    ):
        if count:
            emit(f"  {what}: {count:,}")
    for kind, names in (("model", summary.models), ("fingerprint", summary.fingerprints)):
        for name, count in names.items():
            if name:
                emit(f"  {kind} {printable(name)}: {count:,}")
    emit(
        f"  tokens: {summary.tokens_in:,} in, {summary.tokens_out:,} out; requests sent: {summary.requests:,}"
    )
    if summary.cost_cap is not None:
        emit(f"  spent at most {summary.spent} of {summary.cost_cap}")
