"""Options with any values: each is accepted, or refused by its name."""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.submissions.form import TEXT_FIELDS
from tests.api.hostile.target import Target
from tests.api.submissions.test_submit import errors_of

pytestmark = pytest.mark.slow

EXAMPLES = int(os.environ.get("PASTICHE_FUZZ_EXAMPLES", "15"))
"""Of each kind; `make fuzz` tries many more."""

numbers = st.one_of(
    st.floats().map(str),
    st.integers().map(str),
    st.sampled_from(["1e308", "-0", "1_000", "0x10", "1e999999999", "9" * 5000, "٣", "½", "∞"]),
)
lists = st.lists(st.one_of(numbers, st.sampled_from(["relu4_2", "relu1_1:2", ":", ""]))).map(
    ",".join
)
texts = st.text(st.characters(codec="utf-8"), max_size=200)
addresses = st.builds(
    "{}://{}/{}".format, st.sampled_from(["https", "http", "file", ""]), texts, texts
)


@pytest.mark.parametrize(
    "values", [numbers, lists, texts, addresses], ids=["numbers", "lists", "texts", "addresses"]
)
def test_options_with_any_values_are_accepted_or_refused_by_name(
    values: st.SearchStrategy[str], target: Target
) -> None:
    @given(st.dictionaries(st.sampled_from(TEXT_FIELDS), values, min_size=1, max_size=4))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def answered(options: dict[str, str]) -> None:
        response = target.try_out(**options)
        if response.status_code != 200:
            assert response.status_code == 422, response.text
            assert errors_of(response).keys() <= options.keys()

    answered()
