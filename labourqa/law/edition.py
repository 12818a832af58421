"""An edition: one version of one code, as ingested from one file."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Edition:
    code: str  # title; with the checksum it identifies the edition, since a file may have several acts
    date: str  # ISO date of the version, "" if the text states none
    source: str  # file name
    sha256: str  # of the file

    def __str__(self) -> str:
        version = f", version of {self.date}" if self.date else ""
        return f"{self.code}{version} ({self.source})"
