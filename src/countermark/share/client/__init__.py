"""The client of an exchange: TAXII 2.1 over HTTPS, what is published, what is polled.

Any TAXII 2.1 server will do; what only our exchange has (releases) is left aside where it is not there.
"""

from countermark.share.client.credentials import Credentials, read_credentials
from countermark.share.client.poll import Polled, poll
from countermark.share.client.publish import Published, Release, publish, read_release_to_publish
from countermark.share.client.taxii import Taxii
from countermark.share.client.transport import Bounds, Transport

__all__ = [
    "Bounds",
    "Credentials",
    "Polled",
    "Published",
    "Release",
    "Taxii",
    "Transport",
    "poll",
    "publish",
    "read_credentials",
    "read_release_to_publish",
]
