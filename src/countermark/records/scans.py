"""What `watermark scan` says of a corpus: a SCAN folder, with `scan.json` written last."""

SCAN_SCHEMA_ID = "countermark/watermark-scan/v1"
