"""`labourqa` with models that need no torch: `python -m scripts.campaign_parts.without_models ask "..."`."""

import os
import sys
from unittest.mock import patch

from labourqa.cli.main import main
from tests.fakes import FakeEngine, fake_models

if __name__ == "__main__":
    if largest := os.environ.get("CAMPAIGN_LARGEST_FILE"):  # bytes of any file: as on a full disk
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest), int(largest)))
    models = fake_models(FakeEngine(parameters=135_000_000))  # as the embedded model: it quotes
    with patch("labourqa.pipeline.load_models", lambda *_: models):
        sys.exit(main(sys.argv[1:]))
