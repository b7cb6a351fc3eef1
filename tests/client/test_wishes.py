"""What a caller may ask for is what the options' table and the service's form have."""

from typing import Literal, get_args, get_type_hints

from api.submission_options import option_names
from pastiche.client.wishes import PICTURES, JobWishes, SweepWishes, text_of
from pastiche.option_kinds import kind_of
from pastiche.options import Options, meaning_of
from shared.inputs import PICTURE_FIELDS
from shared.sweeps import AXES

MORE_PICTURES = set(PICTURES) - {"content", "style"}


def test_every_option_and_picture_of_the_form_has_its_name() -> None:
    assert set(PICTURES) == set(PICTURE_FIELDS)
    for wishes in (JobWishes, SweepWishes):
        assert set(wishes.__annotations__) | set(get_type_hints(wishes)) == (
            set(option_names()) | MORE_PICTURES
        )


def test_the_choices_are_those_of_the_table() -> None:
    hints = get_type_hints(JobWishes)
    for name, kind in get_type_hints(Options).items():
        if getattr(kind, "__origin__", None) is Literal and name != "start":
            assert hints[name] == kind, name


def test_a_sweep_takes_several_values_for_its_axes() -> None:
    hints = get_type_hints(SweepWishes)
    assert {name for name in hints if hints[name] != get_type_hints(JobWishes).get(name)} == set(
        AXES
    )
    assert all(len(get_args(hints[axis])) == 2 for axis in AXES)


def test_every_value_is_read_again_as_it_was_written() -> None:
    values = Options(
        style_weights=(0.7, 0.3),
        scale_iterations=(80, 60),
        style_layers={"relu1_1": 1.0, "relu3_1": 0.5},
        gradient_normalisation=True,
        adam_step=1e-5,
    )
    for name, kind in get_type_hints(Options).items():
        value = getattr(values, name)
        read = kind_of(kind).read(text_of(value))
        assert kind_of(kind).kept(read, kind, meaning_of(name)) == value, name
