"""Stores editions of codes and conversations in one SQLite file on this machine, and original files beside it.

May import law and answering (the report); SQL stands nowhere else.
"""

from pathlib import Path

from labourqa.errors import DamagedDatabaseError
from labourqa.store.computed import ComputedValues
from labourqa.store.conversations import Conversations
from labourqa.store.database import Database, is_read_only
from labourqa.store.editions import Editions
from labourqa.store.originals import OriginalFiles, Originals
from labourqa.store.owners import LOCAL
from labourqa.store.repair import repair_database
from labourqa.store.sharing import SharedAnswers


class Store:
    """Editions and conversations in the database at `path`, or in memory. It belongs to the thread that opened it.

    It shows the conversations of `owner` alone, and the codes of `owner` and of everyone; with None, those of all
    owners, which only the owner of the machine may see. A database that is known to be damaged is first repaired, as
    far as it can be read. Every method raises StoreError when the file is damaged, locked or cannot be written.
    """

    def __init__(self, path: Path | None = None, *, owner: str | None = LOCAL) -> None:
        self._database = _open(path)
        files = OriginalFiles(path.parent / "originals" if path else None)
        self.editions = Editions(self._database, owner, files)
        self.originals = Originals(self._database, owner, files)
        self.computed = ComputedValues(self._database)
        self.conversations = Conversations(self._database, owner)
        self.shared = SharedAnswers(self._database, owner)

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _open(path: Path | None) -> Database:
    try:
        return Database(path)
    except DamagedDatabaseError:
        if path is None or is_read_only(path):
            raise
        repair_database(path)
        return Database(path)
