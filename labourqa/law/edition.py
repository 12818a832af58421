"""An edition: one version of one code, as ingested from one file."""

from dataclasses import dataclass

from labourqa.errors import SettingsError

_LONGEST_NAME = 200


@dataclass(frozen=True)
class Edition:
    code: str  # title; with the checksum it identifies the edition, since a file may have several acts
    date: str  # ISO date of the version, "" if the text states none
    source: str  # file name
    sha256: str  # of the file

    def __str__(self) -> str:
        version = f", version of {self.date}" if self.date else ""
        return f"{self.code}{version} ({self.source})"


def check_code_name(name: str) -> str:
    """The name that a user gives to a code, without extra spaces. Raises SettingsError."""
    name = " ".join(name.split())
    if not name or "@" in name or len(name) > _LONGEST_NAME:
        raise SettingsError(
            f"A code's name has 1 to {_LONGEST_NAME} characters and no @; choose another one."
        )
    return name
