"""One file a family of watermarks; `base.py` says what a scheme is."""
