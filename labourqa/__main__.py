"""`python -m labourqa`."""

from labourqa.cli.main import run

if __name__ == "__main__":
    run()
