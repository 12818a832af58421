"""The schema of the database, as numbered migrations. A migration is never edited after its release."""

import sqlite_utils
from sqlite_utils.migrations import Migrations

migrations = Migrations("labourqa")


@migrations()
def m001_editions(db: sqlite_utils.Database) -> None:
    db.execute(
        "CREATE TABLE editions (id INTEGER PRIMARY KEY, code TEXT NOT NULL, date TEXT NOT NULL, "
        "source TEXT NOT NULL, sha256 TEXT NOT NULL UNIQUE, annex TEXT NOT NULL, ingested_at TEXT NOT NULL)"
    )
    db.execute(
        "CREATE TABLE articles (id INTEGER PRIMARY KEY, "
        "edition INTEGER NOT NULL REFERENCES editions(id) ON DELETE CASCADE, "
        "preliminary INTEGER NOT NULL, number TEXT NOT NULL, title TEXT NOT NULL, part TEXT NOT NULL, "
        "chapter TEXT NOT NULL, section TEXT NOT NULL, text TEXT NOT NULL, "
        "UNIQUE (edition, preliminary, number))"
    )
    db.execute(
        "CREATE TABLE paragraphs (id INTEGER PRIMARY KEY, "
        "article INTEGER NOT NULL REFERENCES articles(id) ON DELETE CASCADE, "
        "number TEXT NOT NULL, text TEXT NOT NULL, UNIQUE (article, number))"
    )
    db.execute(
        "CREATE TABLE points (id INTEGER PRIMARY KEY, "
        "paragraph INTEGER NOT NULL REFERENCES paragraphs(id) ON DELETE CASCADE, "
        "number TEXT NOT NULL, text TEXT NOT NULL)"
    )
    db.execute("CREATE INDEX points_of_paragraph ON points (paragraph)")
    db.execute(
        "CREATE TABLE cross_references (id INTEGER PRIMARY KEY, "
        "article INTEGER NOT NULL REFERENCES articles(id) ON DELETE CASCADE, "
        "to_article TEXT NOT NULL, to_paragraph TEXT NOT NULL, to_point TEXT NOT NULL)"
    )
    db.execute("CREATE INDEX cross_references_of_article ON cross_references (article)")
    db.execute(
        "CREATE TABLE token_counts (article INTEGER NOT NULL REFERENCES articles(id) ON DELETE CASCADE, "
        "tokenizer TEXT NOT NULL, tokens INTEGER NOT NULL, PRIMARY KEY (article, tokenizer))"
    )
    db.execute(
        "CREATE TABLE embeddings (paragraph INTEGER NOT NULL REFERENCES paragraphs(id) ON DELETE CASCADE, "
        "encoder TEXT NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (paragraph, encoder))"
    )
    db.table("articles").enable_fts(["title", "text"], create_triggers=True, tokenize="porter unicode61")


@migrations()
def m002_answers(db: sqlite_utils.Database) -> None:
    db.execute(
        "CREATE TABLE answers (id INTEGER PRIMARY KEY, asked_at TEXT NOT NULL, "
        "question TEXT NOT NULL, report TEXT NOT NULL)"
    )


@migrations()
def m003_null_margins(db: sqlite_utils.Database) -> None:
    db.execute(
        "CREATE TABLE null_margins (article INTEGER NOT NULL REFERENCES articles(id) ON DELETE CASCADE, "
        "model TEXT NOT NULL, margin REAL NOT NULL, PRIMARY KEY (article, model))"
    )


@migrations()
def m004_conversations(db: sqlite_utils.Database) -> None:
    db.execute("CREATE TABLE conversations (id INTEGER PRIMARY KEY, title TEXT NOT NULL)")
    db.execute(
        "ALTER TABLE answers ADD COLUMN conversation INTEGER REFERENCES conversations(id) ON DELETE CASCADE"
    )
    db.execute(
        "ALTER TABLE answers ADD COLUMN helpful INTEGER"
    )  # what the reader said of it: 1, 0 or nothing
    db.execute("ALTER TABLE answers ADD COLUMN reason TEXT NOT NULL DEFAULT ''")
    db.execute("INSERT INTO conversations SELECT id, question FROM answers")
    db.execute("UPDATE answers SET conversation = id")
    db.execute("CREATE INDEX answers_of_conversation ON answers (conversation)")


@migrations()
def m005_calibration_margins(db: sqlite_utils.Database) -> None:
    db.execute("ALTER TABLE null_margins RENAME TO calibration_margins")


@migrations()
def m006_codes(db: sqlite_utils.Database) -> None:
    """Several codes, several acts of one file, and what the law says about its articles."""
    db.execute(
        "CREATE TABLE new_editions (id INTEGER PRIMARY KEY, code TEXT NOT NULL, date TEXT NOT NULL, "
        "source TEXT NOT NULL, sha256 TEXT NOT NULL, annex TEXT NOT NULL, ingested_at TEXT NOT NULL, "
        "chosen_at TEXT NOT NULL, UNIQUE (sha256, code))"
    )
    db.execute(
        "INSERT INTO new_editions SELECT id, code, date, source, sha256, annex, ingested_at, ingested_at FROM editions"
    )
    db.execute("DROP TABLE editions")
    db.execute("ALTER TABLE new_editions RENAME TO editions")
    db.execute("ALTER TABLE articles ADD COLUMN repealed INTEGER NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE articles ADD COLUMN title_is_own INTEGER NOT NULL DEFAULT 1")


@migrations()
def m007_owners(db: sqlite_utils.Database) -> None:
    """Conversations and codes belong to whoever asked or added them: until now the local user, and everyone."""
    db.execute("ALTER TABLE conversations ADD COLUMN owner TEXT NOT NULL DEFAULT 'local'")
    db.execute("CREATE INDEX conversations_of_owner ON conversations (owner)")
    db.execute(
        "CREATE TABLE edition_owners (edition INTEGER NOT NULL REFERENCES editions(id) ON DELETE CASCADE, "
        "owner TEXT NOT NULL, source TEXT NOT NULL, PRIMARY KEY (edition, owner))"
    )
    db.execute("INSERT INTO edition_owners SELECT id, '', source FROM editions")
    db.execute(
        "CREATE TABLE chosen_editions (owner TEXT NOT NULL PRIMARY KEY, "
        "edition INTEGER NOT NULL REFERENCES editions(id) ON DELETE CASCADE)"
    )


@migrations()
def m008_open_questions(db: sqlite_utils.Database) -> None:
    """Questions are stored when they are asked; these have no answer yet."""
    db.execute(
        "CREATE TABLE open_questions (id INTEGER PRIMARY KEY, "
        "conversation INTEGER NOT NULL REFERENCES conversations(id) ON DELETE CASCADE, "
        "asked_at TEXT NOT NULL, question TEXT NOT NULL)"
    )
    db.execute("CREATE INDEX open_questions_of_conversation ON open_questions (conversation)")
    db.execute(
        "CREATE VIEW turns AS SELECT answers.id, conversation, title, owner, asked_at, question, "
        "json_extract(report, '$.answer.text') AS answer "
        "FROM answers JOIN conversations ON conversations.id = conversation "
        "UNION ALL SELECT open_questions.id, conversation, title, owner, asked_at, question, '' "
        "FROM open_questions JOIN conversations ON conversations.id = conversation"
    )


@migrations()
def m009_checksums(db: sqlite_utils.Database) -> None:
    """See store/checksums.py. What was stored before has none."""
    db.execute("ALTER TABLE editions ADD COLUMN checksum INTEGER")
    db.execute("ALTER TABLE editions ADD COLUMN articles_checksum INTEGER")
    db.execute("ALTER TABLE editions ADD COLUMN references_checksum INTEGER")
    for table in (
        "edition_owners",
        "articles",
        "token_counts",
        "calibration_margins",
        "embeddings",
        "answers",
    ):
        db.execute(f"ALTER TABLE {table} ADD COLUMN checksum INTEGER")
    db.execute("CREATE TABLE index_checksum (id INTEGER PRIMARY KEY, value INTEGER NOT NULL)")
    db.execute(  # that could not be read back from a damaged database and are to be ingested anew
        "CREATE TABLE lost_editions (id INTEGER PRIMARY KEY, code TEXT NOT NULL, date TEXT NOT NULL, "
        "source TEXT NOT NULL, sha256 TEXT NOT NULL, owners TEXT NOT NULL, chosen_at TEXT NOT NULL)"
    )


@migrations()
def m010_places(db: sqlite_utils.Database) -> None:
    """Where each paragraph stands in the file of its edition."""
    db.execute(
        "CREATE TABLE places (paragraph INTEGER PRIMARY KEY REFERENCES paragraphs(id) ON DELETE CASCADE, "
        "lines TEXT NOT NULL, page INTEGER NOT NULL, marks TEXT NOT NULL)"
    )


@migrations()
def m011_checksums_of_places(db: sqlite_utils.Database) -> None:
    db.execute("ALTER TABLE places ADD COLUMN checksum INTEGER")


@migrations()
def m012_sharing(db: sqlite_utils.Database) -> None:
    """Answers that their owners share by a link, and what readers say the right answer is."""
    db.execute(
        "CREATE TABLE shared_answers (answer INTEGER PRIMARY KEY REFERENCES answers(id) ON DELETE CASCADE, "
        "token TEXT NOT NULL UNIQUE)"
    )
    db.execute("ALTER TABLE answers ADD COLUMN right_articles TEXT NOT NULL DEFAULT ''")
