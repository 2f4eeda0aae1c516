"""The command line, in which the process dies by SIGKILL at one moment of the way from database to log."""

import os
import signal
import sys
from typing import Any

from countermark.cli import main
from countermark.store.exchange.outbox import Outbox
from countermark.trust import log
from countermark.trust.log import Log


def die(*_: Any, **__: Any) -> Any:
    """No more."""
    os.kill(os.getpid(), signal.SIGKILL)


def append_then_die(self: Log, entries: Any, **options: Any) -> Any:
    """Append to the log, and do no more."""
    done = append_all(self, entries, **options)
    return die() if any(kind == "objects-added" for kind, _ in entries) else done


append_all = Log.append_all
moment = sys.argv.pop(1)
if moment == "before-log":
    take = Outbox.take
    Outbox.take = lambda self, *given: die() if take(self) else []  # type: ignore[method-assign]
elif moment == "in-log":
    log.sign_checkpoint = die  # its bytes are in the file, and no checkpoint covers them
elif moment == "before-drop":
    Log.append_all = append_then_die  # type: ignore[method-assign]
sys.exit(main())
