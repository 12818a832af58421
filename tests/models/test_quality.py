"""What is said about how well the articles of a code are found."""

import dataclasses

import pytest

from labourqa.law.structure import Code
from labourqa.models.quality import describe_search
from labourqa.models.relevance import TrainedRelevance
from tests.conftest import small_code


@pytest.fixture(scope="module")
def trained() -> TrainedRelevance:
    return TrainedRelevance()


def test_the_embedded_edition_is_the_one_whose_questions_were_labelled(
    trained: TrainedRelevance, code: Code
) -> None:
    quality = describe_search(trained, code.articles)
    assert quality.training == "labelled"
    assert "MRR 0.94" in quality.description


def test_another_version_of_the_embedded_edition_is_told_apart(trained: TrainedRelevance, code: Code) -> None:
    version = [dataclasses.replace(one, title=f"The {one.title} of persons") for one in code.articles]
    assert describe_search(trained, version).training == "another version"


def test_no_question_on_another_law_was_labelled(trained: TrainedRelevance) -> None:
    quality = describe_search(trained, small_code().articles)
    assert quality.training == "none"
    assert "no question on this law" in quality.description
