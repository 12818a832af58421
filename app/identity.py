"""Who a visitor is: an owner of conversations and codes, as a signed cookie or a sign-in with OpenID Connect says.

Every browser gets a random identity in a cookie that scripts cannot read. The browser that opens the link that the
server prints at its start is the local user's. Where OpenID Connect is configured, each person has one identity.
"""

import hashlib
import os
import secrets
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from itsdangerous import BadSignature, URLSafeSerializer

from labourqa.config import Settings
from labourqa.errors import StoreError
from labourqa.store.owners import LOCAL

COOKIE = "labourqa"
COOKIE_SECONDS = 400 * 24 * 3_600  # the longest that browsers allow
LOCAL_PATH = "/sign-in/local"
_KEY_FILE = "page.key"


@dataclass(frozen=True)
class Visitor:
    """What the cookie of a browser says."""

    owner: str
    passphrase: str = ""  # the digest of the passphrase that was entered; it changes with the passphrase

    @property
    def is_local(self) -> bool:
        return self.owner == LOCAL


class LocalKey:
    """The secret part of the link by which the local user's browser is recognised; new for each start of the server."""

    def __init__(self) -> None:
        self._key = secrets.token_urlsafe(24)

    @property
    def path(self) -> str:
        return f"{LOCAL_PATH}?key={self._key}"

    def matches(self, key: str) -> bool:
        return secrets.compare_digest(key.encode(), self._key.encode())


def new_visitor() -> Visitor:
    return Visitor(f"visitor:{secrets.token_hex(16)}")


def person_owner(issuer: str, subject: str) -> str:
    """The owner that a person is who signed in with OpenID Connect."""
    return "person:" + hashlib.sha256(f"{issuer}\0{subject}".encode()).hexdigest()[:32]


def sign(visitor: Visitor, settings: Settings) -> str:
    """The cookie's value."""
    value = _serializer(settings.home).dumps(asdict(visitor))
    return value if isinstance(value, str) else value.decode()


def read_visitor(cookie: str | None, settings: Settings) -> Visitor | None:
    """The visitor that a cookie names; None without a cookie, or if this server did not sign it."""
    try:
        return Visitor(**_serializer(settings.home).loads(cookie)) if cookie else None
    except (BadSignature, TypeError):
        return None


def digest_passphrase(settings: Settings) -> str:
    """What a cookie says of who entered the passphrase; "" without one."""
    key = _key(settings.home)
    return hashlib.sha256(key + settings.passphrase.encode()).hexdigest() if settings.passphrase else ""


def _serializer(home: Path) -> URLSafeSerializer:
    return URLSafeSerializer(_key(home), salt="labourqa visitor")


@cache
def _key(home: Path) -> bytes:
    """The secret that signs cookies; it stays in the data folder, so that visitors are recognised after a restart."""
    path = home / _KEY_FILE
    try:
        home.mkdir(parents=True, exist_ok=True)
        try:
            # The complete file appears at once: two servers may start at the same time.
            new = path.with_name(f"{_KEY_FILE}.{os.getpid()}")
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(secrets.token_bytes(32))
            os.link(new, path)
        except FileExistsError:
            pass  # of an earlier start
        finally:
            new.unlink(missing_ok=True)
        return path.read_bytes()
    except OSError as error:
        raise StoreError(
            f"{path} cannot be read or written ({error.strerror}); set LABOURQA_HOME to another folder."
        ) from error
