"""The HTTP interfaces under requests that schemathesis makes from their own OpenAPI document."""

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok

from labourqa.config import Settings
from labourqa.store import Store
from tests.conftest import small_code
from tests.fakes import FakeEngine, fake_models
from tests.server.conftest import serve

pytestmark = pytest.mark.slow

EXAMPLES = 25  # of each address; of right requests and of wrong ones


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_no_request_makes_an_error_of_the_server(tmp_path: Path, mode: schemathesis.GenerationMode) -> None:
    options = Settings(home=tmp_path, requests_per_minute=1_000_000)
    with Store(options.database) as store:
        store.editions.save(small_code(), source="nowhere.txt", sha256="0" * 64)
    tried: set[str] = set()
    with serve(options, fake_models(FakeEngine())) as (url, _):
        schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
        for result in schema.get_all_operations():
            assert isinstance(result, Ok)
            operation = result.ok()
            if (
                mode is schemathesis.GenerationMode.NEGATIVE
                and not any(operation.iter_parameters())
                and not operation.body
            ):
                continue  # nothing can be wrong

            cases = operation.as_strategy(generation_mode=mode)

            @settings(
                max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck)
            )
            @given(case=cases)
            def try_request(case: schemathesis.Case[Any]) -> None:
                case.call_and_validate(checks=[not_a_server_error], timeout=30)

            try_request()
            tried.add(operation.path)
    assert {"/ask", "/v1/chat/completions", "/search", "/diff", "/articles/{number}"} <= tried
