"""Who conversations and codes belong to: the owner of the machine, a visitor of the page, or everyone."""

LOCAL = "local"  # who uses the command line: the owner of the machine
CLIENTS = "clients"  # of `labourqa serve` and `labourqa mcp`
EVERYONE = ""  # of codes that all may use
_SHOWN_CHARACTERS = 16


def describe_owner(owner: str) -> str:
    """A short name of an owner for lists, which tells owners apart."""
    return {LOCAL: "you", CLIENTS: "clients", EVERYONE: "everyone"}.get(owner, owner[:_SHOWN_CHARACTERS])
