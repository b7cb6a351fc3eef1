"""The arguments of a submission are the fields of the service's form."""

from typing import get_type_hints

from pastiche.client.job_options import PICTURE_FIELDS, BatchOptions, JobOptions, SweepOptions
from pastiche.job_settings import JOB_SETTINGS
from pastiche.options import OPTIONS, Options, encode_option

OTHER_PICTURES = set(PICTURE_FIELDS) - {"content", "style"}
FIELDS = {*OPTIONS, *JOB_SETTINGS} | OTHER_PICTURES


def test_every_field_of_the_form_is_an_argument() -> None:
    for options in (JobOptions, SweepOptions):
        assert set(get_type_hints(options)) == FIELDS
    assert set(get_type_hints(BatchOptions)) == FIELDS - OTHER_PICTURES - {"pictures_of"}


def test_every_value_is_read_back_as_it_was_written() -> None:
    values = Options(
        style_weights=(0.7, 0.3),
        scale_iterations=(80, 60),
        style_layers={"relu1_1": 1.0, "relu3_1": 0.5},
        gradient_normalisation=True,
        adam_step=1e-5,
    )
    for name, option in OPTIONS.items():
        value = getattr(values, name)
        assert option.parse(encode_option(value)) == value, name
