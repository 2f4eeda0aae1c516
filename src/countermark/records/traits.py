"""What a prompt may ask for: the bits of `prompt_traits`, found at capture and weighed by detection."""

TRAITS_VERSION = "1"
"""Changes with any change of bits or phrases."""

ASKS_FOR_REASONING = 1 << 0
RUBRIC = 1 << 1
STRUCTURED_OUTPUT = 1 << 2
REASONING_PARAMETER = 1 << 3
PERSONA = 1 << 4
ASKS_FOR_MANY = 1 << 5
CODE = 1 << 6
MATHEMATICS = 1 << 7
TRANSLATION = 1 << 8
TOOL_USE = 1 << 9

NAMES = {
    ASKS_FOR_REASONING: "asks_for_reasoning",
    RUBRIC: "rubric",
    STRUCTURED_OUTPUT: "structured_output",
    REASONING_PARAMETER: "reasoning_parameter",
    PERSONA: "persona",
    ASKS_FOR_MANY: "asks_for_many",
    CODE: "code",
    MATHEMATICS: "mathematics",
    TRANSLATION: "translation",
    TOOL_USE: "tool_use",
}
"""Bit to name; `reasoning_parameter` comes from the request's parameters alone."""

ELICITING = ASKS_FOR_REASONING | RUBRIC | STRUCTURED_OUTPUT | REASONING_PARAMETER
"""Traits of prompts whose answers make training data; ordinary users send such prompts too."""
