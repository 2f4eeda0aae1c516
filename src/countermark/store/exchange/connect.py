"""An exchange's database, opened."""

from countermark.store.exchange.checks import Checks
from countermark.store.exchange.collections import Collections
from countermark.store.exchange.database import Database
from countermark.store.exchange.members import Members
from countermark.store.exchange.migrate import migrate
from countermark.store.exchange.names import Names
from countermark.store.exchange.objects import Objects
from countermark.store.exchange.outbox import Outbox
from countermark.store.exchange.overdue import Overdues
from countermark.store.exchange.overlap import Overlaps
from countermark.store.exchange.pools import Pools
from countermark.store.exchange.refusals import Refusals
from countermark.store.exchange.releases import Releases
from countermark.store.exchange.samples import Samples
from countermark.store.exchange.scanning import Scan
from countermark.store.exchange.segments import Segments
from countermark.store.exchange.statuses import Statuses


class ExchangeStore:
    """All that an exchange keeps. Several threads may use it; a process opens it once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.members = Members(database)
        self.collections = Collections(database)
        names = Names(database)
        self.segments = Segments(database, names)
        self.objects = Objects(database, names, self.segments)
        self.scan = Scan(database, names)
        self.statuses = Statuses(database)
        self.releases = Releases(database)
        self.pools = Pools(database)
        self.checks = Checks(database)
        self.samples = Samples(database)
        self.overdue = Overdues(database)
        self.outbox = Outbox(database)
        self.refusals = Refusals(database)
        self.overlap = Overlaps(database)

    @classmethod
    def open(cls, url: str) -> "ExchangeStore":
        """Open `sqlite:///PATH` or `postgresql+psycopg://…`, and bring its tables to the newest revision.

        Raises `Error` for another URL, a database that does not answer, or one of a newer version.
        """
        database = Database(url)
        try:
            migrate(database)
            return cls(database)
        except BaseException:
            database.close()
            raise

    def close(self) -> None:
        """Close all connections."""
        self.segments.close()
        self._database.close()

    def ping(self) -> None:
        """Raise `Error` where the database does not answer."""
        self._database.ping()
