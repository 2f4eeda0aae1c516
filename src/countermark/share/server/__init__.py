"""A TAXII 2.1 server on FastAPI, with what the exchange asks beyond it: releases, disputes, one log."""
