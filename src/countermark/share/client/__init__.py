"""The client of an exchange: TAXII 2.1 over HTTPS (`taxii`), what is published (`publish`), polled (`poll`).

Any TAXII 2.1 server will do; what only our exchange has (releases) is left aside where it is not there.
"""
