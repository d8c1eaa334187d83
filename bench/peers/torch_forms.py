"""Every form of the PyTorch captioner by its name."""

from torch_attention import ATTENTION_FORMS, attention_captioner
from torch_captioner import FORMS, captioner
from torch_compiled import COMPILED_FORMS, compiled_captioner

RECURRENT_FORMS = FORMS + COMPILED_FORMS
ALL_FORMS = RECURRENT_FORMS + ATTENTION_FORMS


def model_of(form, shape, parameters):
    """The model in one of ALL_FORMS, started from parameters under CS231n's names."""
    if form in ATTENTION_FORMS:
        return attention_captioner(form, parameters)
    if form in COMPILED_FORMS:
        return compiled_captioner(form, shape, parameters)
    return captioner(form, shape, parameters)
