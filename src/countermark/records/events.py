"""The tables of an EVENTS folder: one row a request, one a distinct prompt, one an account.

`capture.json` is written last and lists every file with its SHA-256: without it, or with a file
that differs, the folder is not whole and nothing reads it.
"""

import pyarrow as pa

CAPTURE_VERSION = "1"
"""Changes whenever the same raw line would give another Event (hashing, templates, traits, sketches)."""

EVENT_SCHEMA = pa.schema(
    [
        pa.field("ts", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("account_id", pa.string(), nullable=False),
        pa.field("request_id", pa.string(), nullable=False),
        pa.field("source_digest", pa.string(), nullable=False),  # sha256 hex of the source file
        pa.field("source_offset", pa.int64(), nullable=False),  # byte offset of the line, or row number
        pa.field("capture_version", pa.string(), nullable=False),
        pa.field("model", pa.string()),
        pa.field("input_tokens", pa.int64()),
        pa.field("output_tokens", pa.int64()),
        pa.field("ip_hash", pa.int64()),
        pa.field("ip_prefix_hash", pa.int64()),  # IPv4 /24, IPv6 /48
        pa.field("asn", pa.int64()),
        pa.field("country", pa.string()),
        pa.field("user_agent", pa.string()),
        pa.field("ja4", pa.string()),
        pa.field("api_key_hash", pa.int64()),
        pa.field("org_id", pa.string()),
        pa.field("end_user", pa.string()),
        pa.field("session_id", pa.string()),
        pa.field("system_hash", pa.int64()),
        pa.field("prompt_hash", pa.int64()),
        pa.field("template_hash", pa.int64()),
        pa.field("opening_hash", pa.int64()),  # first words of the template, see docs/adr
        pa.field("closing_hash", pa.int64()),  # last words of the template
        pa.field("object_hash", pa.int64()),
        pa.field("params_hash", pa.int64()),
        pa.field("tools_hash", pa.int64()),
        pa.field("status", pa.string()),
        pa.field("access_path", pa.string()),
        pa.field("prompt_lang", pa.string()),
        pa.field("prompt_traits", pa.int64()),
    ]
)
"""One row a request. Hashes are keyed, 64 bits, stored signed. No prompt text and no raw identifier."""

ACCOUNT_SCHEMA = pa.schema(
    [
        pa.field("account_id", pa.string(), nullable=False),
        pa.field("payment_hash", pa.int64()),
        pa.field("email_domain", pa.string()),
        pa.field("signup_ts", pa.timestamp("us", tz="UTC")),
        pa.field("ban_ts", pa.timestamp("us", tz="UTC")),
        pa.field("plan", pa.string()),
        pa.field("country", pa.string()),
    ]
)
"""One row an account, from the provider's own account table."""

SKETCH_VALUES = 64
SKETCH_SCHEMA = pa.schema(
    [
        pa.field("prompt_hash", pa.int64(), nullable=False),
        pa.field("sketch", pa.binary(SKETCH_VALUES), nullable=False),
    ]
)
"""64 keyed MinHash values of 8 bits, once per distinct `prompt_hash`."""

OPTIONAL_EVENT_COLUMNS = tuple(field.name for field in EVENT_SCHEMA if field.nullable)
"""Columns that a source may lack; the capture summary names those that stayed empty."""
