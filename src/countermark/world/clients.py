"""User agents, request parameters and models, by kind of user, with how common each is."""

from countermark.world.draws import Choice

_CHROME = "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"
_SAFARI = "Mozilla/5.0 ({}) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15"
_WINDOWS = "Windows NT 10.0; Win64; x64"

APPS = Choice(
    [
        "AtlasApp/2.14.0 (iPhone; iOS 18.5)",
        "AtlasApp/2.13.2 (iPhone; iOS 18.4)",
        "AtlasApp/2.14.1 (Android 15; okhttp/4.12.0)",
        "AtlasApp/2.12.0 (Android 14; okhttp/4.12.0)",
        _CHROME.format(_WINDOWS, 137),
        _CHROME.format(_WINDOWS, 138),
        _SAFARI.format("Macintosh; Intel Mac OS X 10_15_7"),
        "Mozilla/5.0 (X11; Linux x86_64; rv:139.0) Gecko/20100101 Firefox/139.0",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:139.0) Gecko/20100101 Firefox/139.0",
    ],
    [14, 6, 13, 5, 20, 16, 14, 4, 8],
)
"""Chat applications and browsers."""

LIBRARIES = Choice(
    [
        "OpenAI/Python 1.82.0",
        "OpenAI/Python 1.86.0",
        "OpenAI/Python 1.91.0",
        "OpenAI/Python 1.68.2",
        "AsyncOpenAI/Python 1.82.0",
        "AsyncOpenAI/Python 1.91.0",
        "OpenAI/JS 4.104.0",
        "OpenAI/JS 5.5.1",
        "litellm/1.72.6",
        "langchain-openai/0.3.24",
        "python-requests/2.32.3",
        "python-httpx/0.28.1",
        "aiohttp/3.12.13",
        "axios/1.10.0",
        "node-fetch/3.3.2",
        "curl/8.7.1",
        "Go-http-client/2.0",
        "okhttp/4.12.0",
    ],
    [12, 10, 8, 6, 7, 6, 9, 6, 5, 6, 7, 5, 4, 5, 3, 4, 4, 3],
)
"""Program libraries."""

PARAMETERS = Choice(
    [
        "{}",
        '{"temperature":0.7}',
        '{"temperature":1.0}',
        '{"temperature":0.0}',
        '{"temperature":0.2}',
        '{"max_tokens":1024}',
        '{"max_tokens":2048,"temperature":0.7}',
        '{"max_tokens":4096}',
        '{"max_tokens":4096,"temperature":1.0}',
        '{"max_tokens":8192,"temperature":0.6,"top_p":0.95}',
        '{"max_tokens":4096,"temperature":0.8,"top_p":0.9}',
        '{"max_tokens":512,"temperature":0.0}',
        '{"response_format":{"type":"json_object"},"temperature":0.0}',
        '{"max_tokens":2048,"response_format":{"type":"json_object"}}',
        '{"reasoning_effort":"high"}',
        '{"max_tokens":16384,"reasoning_effort":"medium"}',
        '{"frequency_penalty":0.3,"temperature":0.9}',
        '{"n":2,"temperature":1.0}',
    ],
    [12, 12, 7, 8, 6, 5, 6, 6, 4, 4, 4, 4, 5, 3, 5, 3, 2, 2],
)
"""`model_parameters` as JSON text."""

MODELS = Choice(
    [
        "atlas-large",
        "atlas-medium",
        "atlas-small",
        "atlas-large-reasoning",
        "atlas-code",
        "atlas-medium-2025-11",
    ],
    [26, 26, 22, 12, 9, 5],
)
"""The provider's models."""

AGENT_USER_AGENT = "pine-agent/0.42.1 (external, cli)"
AGENT_PARAMETERS = (
    '{"max_tokens":8192,"temperature":0.0,"tools":['
    '{"type":"function","function":{"name":"read_file","parameters":{"type":"object","properties":{"path":{"type":"string"}}}}},'
    '{"type":"function","function":{"name":"edit_file","parameters":{"type":"object","properties":{"path":{"type":"string"},"patch":{"type":"string"}}}}},'
    '{"type":"function","function":{"name":"run","parameters":{"type":"object","properties":{"command":{"type":"string"}}}}}]}'
)
