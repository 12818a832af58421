"""Errors that a user can act on: one class for each cause, one sentence for each message.

Only the command line and the page catch them, each in one place, and show the message unchanged. Any other exception is
a bug and keeps its traceback.
"""


class LabourQAError(Exception):
    """Base class of every error whose message is meant for the user."""


class SettingsError(LabourQAError):
    """A setting, flag or configuration file has a value that cannot be used."""


class DocumentError(LabourQAError):
    """A document cannot be read: missing, unreadable, encrypted, scanned, or of an unknown kind."""


class NoArticlesError(LabourQAError):
    """A document was read, but no numbered article was recognised in it."""


class UncertainCodeError(LabourQAError):
    """A document was read, but so much of it was not understood that it is not stored without a user's word."""


class UnknownArticleError(LabourQAError):
    """The code has no article, paragraph or point of that number."""


class QuestionError(LabourQAError):
    """The question is empty or too long."""


class StoreError(LabourQAError):
    """The database is damaged, locked, of a newer version, or cannot be written."""


class DamagedDatabaseError(StoreError):
    """The database is damaged; it is repaired when it is opened the next time."""


class NoEditionError(LabourQAError):
    """No labour code has been ingested yet, or the named edition is not there."""


class WeightsError(LabourQAError):
    """A model's files are not available: no network, gated, unknown, incomplete, or with a wrong checksum."""


class InstallationError(LabourQAError):
    """A file that comes with the program is missing or damaged."""


class PromptError(LabourQAError):
    """A prompt file is missing or lacks a variable."""


class EngineError(LabourQAError):
    """The model was found but cannot do what was asked: too little memory, a context too short, a dead server."""


class EvaluationError(LabourQAError):
    """A file of questions or of earlier results cannot be used."""


class BusyError(LabourQAError):
    """A client asks too often, or too many questions wait."""

    def __init__(self, message: str, *, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class AnswerTimeoutError(LabourQAError):
    """A question was not answered within the time limit."""
