"""What an exchange is worth: a whole answer, one with a problem, a fault to try again, or the end of the run.

Only what may be repeated is repeated: 408, 425, 429 and most of 5xx, connections that failed, answers that
broke off. What counts against the cap is `usage` where the endpoint gives it for a whole answer, nothing
where it refused (3xx, 4xx) or was not reached, and the worst case in every other case.
"""

from dataclasses import dataclass
from typing import Any

from countermark.capture.probe import exchange as faults
from countermark.capture.probe.answers import Answer, Malformed, error_code, read_answer
from countermark.capture.probe.exchange import Exchange

LOST = "asked, answer lost"
CONNECTION = "connection failed"
CUT = "cut off"
DEADLINE = "deadline passed"
OVERSIZED = "oversized answer"
MALFORMED = "malformed answer"
CREDENTIALS = "answer holds our credentials"
RATE_LIMIT = "rate limit"
SERVER = "server error"
REFUSED_REQUEST = "request refused"
REFUSAL = "refusal"
FILTERED = "content filter"
TOOL = "tool call"
EMPTY = "empty answer"
SILENTLY_CUT = "silently cut"
OTHER_MODEL = "another model"
OTHER_FINGERPRINT = "another fingerprint"

_QUOTA = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "quota_exceeded"}
_STOPS = {401: "key refused", 402: "payment asked for", 403: "access refused", 404: "no such model or path"}
_REPEATED = {408, 425, 429}
_NOT_REPEATED = {501, 505}
_TRANSPORT = {
    faults.NOT_SENT: (CONNECTION, True),
    faults.NO_ANSWER: (CONNECTION, True),
    faults.CUT: (CUT, True),
    faults.DEADLINE: (DEADLINE, False),
    faults.OVERSIZED: (OVERSIZED, False),
    faults.COMPRESSED: (f"{MALFORMED}: compressed, though that was not asked for", False),
    faults.CREDENTIALS: (CREDENTIALS, False),
}
_SECONDARY = {faults.CUT, faults.COMPRESSED, faults.CREDENTIALS}
"""Faults beside which the status of a refusal still tells more."""


@dataclass(frozen=True)
class Judged:
    """The judgement."""

    problem: str
    """A word or two of those above, a colon and more where there is more; empty for a usable answer."""
    answer: Answer | None = None
    repeat: bool = False
    stop: str = ""
    """Why nothing more is to be asked, and this request again once that is put right."""
    charged: tuple[int, int] = (0, 0)


def judge(body: dict[str, Any], most: tuple[int, int], came: Exchange) -> Judged:
    """Judge what came for a request with this body that may cost `most` tokens (in, out)."""
    if came.fault and (came.status < 300 or came.fault not in _SECONDARY):
        problem, repeat = _TRANSPORT[came.fault]
        return Judged(problem, repeat=repeat, charged=(0, 0) if came.fault == faults.NOT_SENT else most)
    if not 200 <= came.status < 300:
        return _refused(came, most)
    try:
        answer = read_answer(came.body, came.headers.get("content-type", ""))
    except Malformed as reason:
        return Judged(f"{MALFORMED}: {reason}", charged=most)
    if answer.error:
        return Judged(f"{SERVER}: {answer.error} in the answer", answer, repeat=True, charged=most)
    if not answer.ended:
        return Judged(CUT, answer, repeat=True, charged=most)
    return Judged(_problem(body, answer), answer, charged=_charged(answer, most))


def _refused(came: Exchange, most: tuple[int, int]) -> Judged:
    code = error_code(came.body)
    problem = f"HTTP {came.status}" + (f" {code}" if code else "")
    if came.status < 400:
        return Judged(problem, stop=f"{problem}: sent elsewhere, which is not followed")
    if came.status in _STOPS or code in _QUOTA:
        return Judged(problem, stop=f"{problem}: {_STOPS.get(came.status, 'no quota left')}")
    if came.status == 429:
        return Judged(f"{RATE_LIMIT}: {problem}", repeat=True)
    if came.status >= 500:
        repeat = came.status not in _NOT_REPEATED
        return Judged(f"{SERVER}: {problem}", repeat=repeat, charged=most)
    kind = FILTERED if code == "content_filter" else REFUSED_REQUEST
    return Judged(f"{kind}: {problem}", repeat=came.status in _REPEATED)


def _charged(answer: Answer, most: tuple[int, int]) -> tuple[int, int]:
    usage = answer.usage
    return usage.get("prompt_tokens", most[0]), usage.get("completion_tokens", most[1])


def _problem(body: dict[str, Any], answer: Answer) -> str:
    if answer.refusal:
        return REFUSAL
    if answer.finish_reason == "content_filter":
        return FILTERED
    if answer.finish_reason in ("tool_calls", "function_call"):
        return TOOL
    if not answer.text.strip() and not answer.token_ids:
        return EMPTY
    if not answer.finish_reason:
        return f"{SILENTLY_CUT}: no finish reason"
    reason = _cut_answer(body, answer) or _cut_prompt(body, answer)
    return f"{SILENTLY_CUT}: {reason}" if reason else ""


def _cut_answer(body: dict[str, Any], answer: Answer) -> str:
    """Signs that an answer is shorter than it says, each of them sure but for an end at the very limit."""
    limit = body.get("max_tokens", body.get("max_completion_tokens", 0))
    count = answer.usage.get("completion_tokens")
    if count is None:
        return ""
    if answer.finish_reason != "length" and count >= limit:
        return "it ends at the limit, and says that it ended by itself"
    if answer.finish_reason == "length" and count < limit:
        return f"at {count} tokens, below the limit that was asked for"
    shown = count - answer.usage.get("reasoning_tokens", 0)
    known = [len(given) for given in (answer.token_ids, answer.logprobs) if given is not None]
    # the end-of-text token is counted by some and listed by others
    if any(abs(shown - length) > 1 for length in known):
        return f"usage says {shown} tokens, {known[0]} came"
    if not known and shown > len(answer.text.encode()) + 1:
        return f"usage says {shown} tokens, more than the text has bytes"
    if answer.logprobs and answer.text and _lacks_text(answer):
        return "the text is shorter than its tokens"
    return ""


def _lacks_text(answer: Answer) -> bool:
    # the last token may be the end of text, and white space at the end may have been stripped
    tokens = "".join(one.token for one in (answer.logprobs or [])[:-1]).rstrip()
    return "bytes:" not in tokens and len(tokens) > len(answer.text) and tokens.startswith(answer.text)


def _cut_prompt(body: dict[str, Any], answer: Answer) -> str:
    sent = body.get("prompt")
    if not isinstance(sent, list):
        return ""
    count = answer.usage.get("prompt_tokens")
    if count is not None and count < len(sent):
        return f"{len(sent)} tokens were sent, {count} of them read"
    if answer.prompt_ids is not None and answer.prompt_ids[-len(sent) :] != sent:
        return "the prompt that was read is not the one that was sent"
    return ""
