"""`labourqa ui` with models that need no torch: `python -m tests.app.fake_page --port 8501`."""

import sys
from unittest.mock import patch

from labourqa.cli.main import main
from tests.fakes import fake_models

if __name__ == "__main__":
    with patch("labourqa.pipeline.load_models", lambda settings, progress: fake_models()):
        sys.exit(main(["ui", *sys.argv[1:]]))
