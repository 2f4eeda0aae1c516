"""Writes calls as LiteLLM does: one StandardLoggingPayload a line.

Field names and their order: BerriAI/litellm, `litellm/types/utils.py` at 001c64f24845
(StandardLoggingPayload, StandardLoggingMetadata) and https://docs.litellm.ai/docs/proxy/logging_spec.
Redaction as in `litellm/litellm_core_utils/redact_messages.py` at 0036df121390: messages become one user
message that says `redacted-by-litellm`. LiteLLM logs no TLS fingerprint, no country
and no network number, so there are none.

Answers are of the synthetic language and carry the provider's mark (`leak.py`).

Shorter than life: answers are cut to their first words, what only some deployments fill is null at the top
level (guard rails, cost breakdown), and left out of the metadata and the hidden parameters.
"""

from collections.abc import Iterator

import msgspec
import numpy as np

from countermark.world.calls import Call
from countermark.world.draws import stream, token
from countermark.world.language import words_of
from countermark.world.leak import Mark

REDACTED = "redacted-by-litellm"
_FIRST_WORDS = 18
_FAILURES = 0.012
_PRICE = 2e-6
_API_BASE = "http://inference.internal:8000/v1"


class _Message(msgspec.Struct, gc=False):
    role: str
    content: str


class _Payload(msgspec.Struct, gc=False):
    """StandardLoggingPayload, in its order."""

    id: str
    trace_id: str
    litellm_call_id: str
    call_type: str
    stream: bool
    response_cost: float
    cost_breakdown: None
    response_cost_failure_debug_info: None
    status: str
    status_fields: msgspec.Raw
    custom_llm_provider: str
    total_tokens: int
    prompt_tokens: int
    completion_tokens: int
    startTime: float
    endTime: float
    completionStartTime: float
    response_time: float
    model_map_information: msgspec.Raw
    model: str
    model_id: str
    model_group: str
    api_base: str
    metadata: msgspec.Raw
    cache_hit: bool
    cache_key: None
    saved_cache_cost: float
    request_tags: list[str]
    end_user: str
    requester_ip_address: str
    user_agent: str
    messages: list[_Message]
    response: msgspec.Raw | None
    error_str: str | None
    error_information: msgspec.Raw | None
    model_parameters: msgspec.Raw
    hidden_params: msgspec.Raw
    guardrail_information: None
    standard_built_in_tools_params: None


class LogWriter:
    """Turns the calls of a day into lines; what is the same for many lines is encoded once."""

    def __init__(self, seed: int, start: float, *, no_prompts: bool) -> None:
        self._seed = seed
        self._start = start
        self._no_prompts = no_prompts
        self._encoder = msgspec.json.Encoder()
        self._metadata: dict[tuple[str, str, str], msgspec.Raw] = {}
        self._models: dict[str, tuple[str, msgspec.Raw, msgspec.Raw]] = {}
        self._parameters: dict[str, msgspec.Raw] = {}
        self._answers = [REDACTED] if no_prompts else _answers(seed)
        self._success = self._raw({"llm_api_status": "success", "guardrail_status": "not_run"})
        self._failure = self._raw({"llm_api_status": "failure", "guardrail_status": "not_run"})
        self._error = self._raw(
            {
                "error_code": "429",
                "error_class": "RateLimitError",
                "llm_provider": "hosted_vllm",
                "traceback": "",
                "error_message": "too many requests in flight",
            }
        )

    def day(self, day: int, calls: list[Call]) -> Iterator[bytes]:
        """The lines of one day, in the order in which the answers were finished (LiteLLM logs at the end)."""
        rng = stream(self._seed, "log", day)
        # ids and token counts belong to a call's place in time, so that they do not tell the groups apart
        calls = sorted(calls, key=lambda call: (call.second, call.account.account_id, call.prompt))
        size = len(calls)
        median = np.array([call.verbosity for call in calls])
        answer_tokens = np.minimum(median * rng.lognormal(0.0, 0.7, size), 8000).astype(np.int64) + 1
        wait = rng.lognormal(-0.7, 0.5, size)
        took = wait + answer_tokens / rng.normal(75, 12, size).clip(30)
        failed = rng.random(size) < _FAILURES
        ids = rng.bytes(48 * size).hex()
        starts = np.round(np.array([call.second for call in calls]) + self._start, 6)
        order = np.argsort(starts + took, kind="stable")
        columns = [
            column.tolist() for column in (answer_tokens, wait.round(6), took.round(6), failed, starts)
        ]
        for place in order.tolist():
            answer, waited, seconds, fails, at = (column[place] for column in columns)
            hexes = ids[96 * place : 96 * place + 96]
            yield self._line(calls[place], hexes, at, waited, seconds, 0 if fails else answer)

    def _line(
        self, call: Call, hexes: str, at: float, waited: float, took: float, answer_tokens: int
    ) -> bytes:
        messages = [_Message("user", REDACTED)] if self._no_prompts else _messages(call)
        length = len(call.prompt) + len(call.system or "") + 2 * len(call.history or "")
        prompt_tokens = 8 + length // 4
        model_id, map_information, hidden = self._model(call.model)
        fails = answer_tokens == 0
        end = round(at + took, 6)
        request_id = f"chatcmpl-{_uuid(hexes)}"
        payload = _Payload(
            request_id,
            call.trace or _uuid(hexes[32:]),
            _uuid(hexes[64:]),
            "acompletion",
            False,
            0.0 if fails else round(_PRICE * (prompt_tokens + 4 * answer_tokens), 7),
            None,
            None,
            "failure" if fails else "success",
            self._failure if fails else self._success,
            "hosted_vllm",
            prompt_tokens + answer_tokens,
            prompt_tokens,
            answer_tokens,
            at,
            end,
            end if fails else round(at + waited, 6),
            took,
            map_information,
            call.model,
            model_id,
            call.model,
            _API_BASE,
            self._metadata_of(call),
            False,
            None,
            0.0,
            [],
            call.end_user or "",
            call.ip,
            call.user_agent,
            messages,
            None if fails else self._response(request_id, call.model, int(at), prompt_tokens, answer_tokens),
            "RateLimitError: too many requests in flight" if fails else None,
            self._error if fails else None,
            self._parameter(call.parameters),
            hidden,
            None,
            None,
        )
        return self._encoder.encode(payload) + b"\n"

    def _response(self, request_id: str, model: str, at: int, asked: int, answered: int) -> msgspec.Raw:
        text = self._answers[(asked * 31 + answered) % len(self._answers)]
        return msgspec.Raw(
            (
                f'{{"id":"{request_id}","created":{at},"model":"{model}","choices":'
                f'[{{"finish_reason":"stop","index":0,"message":{{"content":"{text}","role":"assistant"}}}}],'
                f'"usage":{{"completion_tokens":{answered},"prompt_tokens":{asked},'
                f'"total_tokens":{asked + answered}}}}}'
            ).encode()
        )

    def _metadata_of(self, call: Call) -> msgspec.Raw:
        account = call.account.account_id
        key = (account, call.ip, call.user_agent)
        found = self._metadata.get(key)
        if found is None:
            found = self._metadata[key] = self._raw(
                {
                    "user_api_key_hash": token(self._seed, "key", account)
                    + token(self._seed, "key 2", account),
                    "user_api_key_alias": None,
                    "user_api_key_org_id": None,
                    "user_api_key_team_id": None,
                    "user_api_key_user_id": account,
                    "user_api_key_user_email": None,
                    "user_api_key_team_alias": None,
                    "user_api_key_end_user_id": None,
                    "user_api_key_request_route": "/v1/chat/completions",
                    "spend_logs_metadata": None,
                    "requester_ip_address": call.ip,
                    "user_agent": call.user_agent,
                    "requester_metadata": {},
                    "requester_custom_headers": None,
                    "applied_guardrails": [],
                }
            )
        return found

    def _model(self, model: str) -> tuple[str, msgspec.Raw, msgspec.Raw]:
        found = self._models.get(model)
        if found is None:
            model_id = token(0, "model", model)
            hidden = {
                "model_id": model_id,
                "api_base": _API_BASE,
                "additional_headers": {},
                "litellm_model_name": f"hosted_vllm/{model}",
            }
            known = self._raw({"model_map_key": model, "model_map_value": None})
            found = self._models[model] = (model_id, known, self._raw(hidden))
        return found

    def _parameter(self, text: str) -> msgspec.Raw:
        found = self._parameters.get(text)
        if found is None:
            found = self._parameters[text] = msgspec.Raw(text.encode())
        return found

    def _raw(self, value: object) -> msgspec.Raw:
        return msgspec.Raw(self._encoder.encode(value))


def _messages(call: Call) -> list[_Message]:
    messages = [_Message("system", call.system)] if call.system else []
    if call.history:
        messages += [
            _Message("user", call.history),
            _Message("assistant", call.history[: len(call.history) // 2]),
        ]
    messages.append(_Message("user", call.prompt))
    return messages


def _answers(seed: int) -> list[str]:
    return [words_of(answer[:_FIRST_WORDS]) for answer in Mark.of_world(seed).answers(seed)]


def _uuid(hexes: str) -> str:
    return f"{hexes[:8]}-{hexes[8:12]}-{hexes[12:16]}-{hexes[16:20]}-{hexes[20:32]}"
