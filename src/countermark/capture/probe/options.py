"""What a probe is told, and what of it is refused."""

import ipaddress
import re
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlsplit

from countermark.errors import Error, ExitCode
from countermark.trust.keyfiles import Secret

APIS = {"chat": "/chat/completions", "completions": "/completions"}
"""Interfaces and the end of their path."""
PREFILL_STYLES = ("vllm", "prefix", "plain")
TOKEN_LIMITS = ("max_tokens", "max_completion_tokens")
MOST_TOKENS = 1 << 20
_PARAMETERS = ("api-version", "api_version", "version")
"""The only ones of a query: nobody can list every name that a credential may have."""


@dataclass(frozen=True)
class ProbeOptions:
    """One probe. `check` raises for what makes no sense; nothing here is shown in a repr that is secret."""

    endpoint: str
    """Base URL of an OpenAI-compatible interface, or a local Hugging Face folder."""
    model: str
    prompts: Path
    out: Path
    api: str = "chat"
    samples: int = 1
    """Answers to each prompt, a request each."""
    temperature: float = 1.0
    top_p: float | None = None
    max_tokens: int = 256
    max_tokens_field: str = "max_tokens"
    """Newer models of OpenAI want `max_completion_tokens`."""
    seed: int | None = None
    """Each sample of each prompt is sent with a seed made of this one. It also seeds the jitter of the
    back-off."""
    logprobs: int | None = None
    """Likeliest tokens to ask for beside each token of the answer; 0 asks for the chosen ones alone."""
    token_ids: bool = False
    """Ask for token ids (vLLM's `return_token_ids`); endpoints that do not know it refuse the request."""
    prefill: str | None = None
    """Begin of every answer; a prompt's own goes before it."""
    prefill_style: str = "vllm"
    stream: bool = False
    tokenizer: Path | None = None
    concurrency: int = 4
    rate: float | None = None
    """Requests a minute."""
    retries: int = 5
    backoff: float = 1.0
    """Seconds before the first repetition, doubled with each."""
    timeout: float = 120.0
    """Seconds from the start of a request to the end of its answer."""
    cost_cap: Decimal | None = None
    price_in: Decimal = Decimal(0)
    """For a million tokens of prompt, in the unit of the cap."""
    price_out: Decimal = Decimal(0)
    overhead_tokens: int = 512
    """Most tokens that an endpoint may add to a prompt: a template, a system prompt of its own."""
    most_failures: int = 20
    """Failures in a row after which the probe stops."""
    api_key: Secret | None = None
    headers: list[tuple[str, Secret]] = field(default_factory=list)
    one_fingerprint: bool = False
    """A changed `system_fingerprint` counts as another model."""
    ask_lost_again: bool = False
    ask_failed_again: bool = False
    plain_http: bool = False

    @property
    def is_local(self) -> bool:
        """Whether the endpoint is a folder."""
        return "://" not in self.endpoint

    @property
    def url(self) -> str:
        """Where requests go."""
        parts = _split(self.endpoint)
        path = parts.path.rstrip("/")
        wanted = APIS[self.api]
        if not path.endswith(wanted) or (self.api == "completions" and path.endswith(APIS["chat"])):
            path += wanted
        return parts._replace(path=path, fragment="").geturl()


def check(options: ProbeOptions) -> None:
    """Raise `Error` for an option that is out of bounds or contradicts another one."""
    bounds = {
        "--samples": (options.samples, 1, 100_000),
        "--temperature": (options.temperature, 0, 10),
        "--top-p": (options.top_p if options.top_p is not None else 1, 0, 1),
        "--max-tokens": (options.max_tokens, 1, MOST_TOKENS),
        "--seed": (options.seed or 0, 0, (1 << 31) - 1),
        "--logprobs": (options.logprobs or 0, 0, 100),
        "--concurrency": (options.concurrency, 1, 256),
        "--rate": (options.rate if options.rate is not None else 1, 1e-3, 1e6),
        "--retries": (options.retries, 0, 100),
        "--backoff": (options.backoff, 0, 600),
        "--timeout": (options.timeout, 1e-3, 86_400),
        "--overhead-tokens": (options.overhead_tokens, 0, MOST_TOKENS),
        "--most-failures": (options.most_failures, 1, 1_000_000),
        "--cost-cap": (options.cost_cap or 0, 0, 1_000_000_000),
        "--price-in": (options.price_in, 0, 1_000_000),
        "--price-out": (options.price_out, 0, 1_000_000),
    }
    for name, (value, least, most) in bounds.items():
        if not least <= value <= most:
            raise usage(f"{name} is {value}, and not from {least:g} to {most:g}")
    if options.api not in APIS or options.prefill_style not in PREFILL_STYLES:
        raise usage(f"--api is one of {', '.join(APIS)}, --prefill-style one of {', '.join(PREFILL_STYLES)}")
    if not options.model.strip() or len(options.model) > 512:
        raise usage("--model is empty or very long")
    if options.cost_cap is not None and not options.price_in + options.price_out:
        raise usage("--cost-cap needs --price-in and --price-out")
    if options.max_tokens_field not in TOKEN_LIMITS:
        raise usage(f"--max-tokens-field is one of {', '.join(TOKEN_LIMITS)}")
    try:
        (options.model + (options.prefill or "")).encode()
    except UnicodeEncodeError:
        raise usage("--model or --prefill is no UTF-8") from None
    if options.is_local:
        _check_local(options)
    else:
        _check_url(options)


def _check_local(options: ProbeOptions) -> None:
    if options.api_key or options.headers:
        raise usage("a local folder takes no key and no headers")
    if options.top_p not in (None, 1.0) or options.stream:
        raise usage("a local folder knows neither --top-p nor --stream")


def _split(endpoint: str) -> SplitResult:
    try:
        return urlsplit(endpoint)
    except ValueError:
        raise usage("--endpoint is no URL") from None


def _check_url(options: ProbeOptions) -> None:
    """No message shows the URL: somebody may have put a credential into it."""
    parts = _split(options.endpoint)
    try:
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good or not options.endpoint.isprintable() or " " in options.endpoint:
        raise usage("--endpoint is neither an http or https URL nor a folder")
    given = parse_qsl(parts.query, keep_blank_values=True)
    plain = all(name in _PARAMETERS and re.fullmatch("[0-9A-Za-z.-]{1,32}", value) for name, value in given)
    if "@" in parts.netloc or not plain:
        raise usage(
            f"--endpoint has a user, or more than plain {', '.join(_PARAMETERS)}: it may be a credential",
            "give it with --api-key-file or --header-file",
        )
    if parts.scheme == "http" and not options.plain_http and not is_loopback(str(parts.hostname)):
        raise usage(
            "plain http to another machine shows prompts, answers and the key to whoever stands between",
            "use https, or --unsafe-plain-http",
        )


def is_loopback(host: str) -> bool:
    """Whether a host name is this machine's."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def usage(message: str, hint: str = "") -> Error:
    """An error of the command line."""
    return Error(message, hint=hint, exit_code=ExitCode.USAGE)
