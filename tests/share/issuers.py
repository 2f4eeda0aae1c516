"""An OpenID provider on loopback: keys of its own, tokens as one wants them, a key set that is counted."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

AUDIENCE = "countermark"


class Issuer:
    """The provider."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {"ec": _ec("ec"), "rsa": RSAKey.generate_key(2048, {"kid": "rsa"})}
        self.others: list[dict[str, Any]] = []
        """Further entries of the key set, as they are."""
        self.asked = 0
        self.answer: tuple[int, bytes] | None = None
        """What is answered in place of the key set."""
        self.delay = 0.0
        self.url = ""

    def key_set(self) -> bytes:
        """The public keys."""
        keys = [one.as_dict(private=False) for one in self.keys.values()]
        return json.dumps({"keys": keys + self.others}).encode()

    def token(self, key: str = "ec", alg: str | None = None, *, header: Any = None, **claims: Any) -> str:
        """A signed token; claims that are None are left out."""
        now = int(time.time())
        whole = {"iss": self.url, "aud": AUDIENCE, "sub": "desk@alice", "iat": now, "exp": now + 300} | claims
        head = {"alg": alg or {"ec": "ES256", "rsa": "RS256"}[key], "kid": key} | (header or {})
        head = {name: value for name, value in head.items() if value is not None}
        whole = {name: value for name, value in whole.items() if value is not None}
        return jwt.encode(head, whole, self.keys[key], algorithms=[head["alg"]])


def _ec(kid: str) -> ECKey:
    return ECKey.generate_key("P-256", {"kid": kid})


def stranger(kid: str = "ec") -> ECKey:
    """Another's key that calls itself as ours."""
    return _ec(kid)


@contextmanager
def issuer() -> Iterator[Issuer]:
    """A provider that answers on loopback."""
    made = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked += 1
            time.sleep(made.delay)
            status, body = made.answer or (200, made.key_set())
            self.send_response(status)
            if status == 302:
                self.send_header("Location", body.decode())
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
