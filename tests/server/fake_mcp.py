"""`labourqa mcp` with an engine that needs no torch: python -m tests.server.fake_mcp HOME."""

import sys
from pathlib import Path

from labourqa.config import Settings
from labourqa.server.mcp_server import create_mcp_server
from labourqa.server.service import AnswerService
from tests.fakes import fake_models

if __name__ == "__main__":
    service = AnswerService(Settings(home=Path(sys.argv[1])), models=fake_models())
    create_mcp_server(service, loads_models=True).run("stdio")
