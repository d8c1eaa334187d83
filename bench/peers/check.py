"""Checks that all peers do the same work: loss and every gradient of numpy and of each PyTorch form on one small case,
float64 to 1e-10, float32 to 1e-5 and bfloat16 autocast to 5e-2 of the largest element; numpy's against numeric
gradients; and Adam's update."""

import sys
import warnings

import numpy as np
import torch

from numpy_captioner import NumpyTrainer
from torch_attention import ATTENTION_FORMS
from torch_captioner import TorchTrainer
from torch_forms import RECURRENT_FORMS, model_of
from workload import PARAMETER_NAMES, random_case


def difference(value, expected):
    """Largest difference over the largest element."""
    return float(np.abs(value - expected).max() / max(np.abs(expected).max(), 1e-300))


def numpy_gradients(case, dtype, parts):
    """Loss and gradients of the numpy peer, summed over its parts."""
    shape, parameters, features, captions = case
    trainer = NumpyTrainer(shape, parameters, len(captions), parts, dtype)
    loss = trainer.loss_and_gradients(features, captions)
    named = {
        name: sum(part.gradients.named[name] for part in trainer.gradients) for name in PARAMETER_NAMES
    }
    return loss, named


def torch_gradients(form, case, precision):
    """Loss and gradients of a PyTorch form, in the type of the parameters or in bfloat16 autocast."""
    shape, parameters, features, captions = case
    model = model_of(form, shape, parameters)
    loss = TorchTrainer(model, precision).loss_and_gradients(features, captions)
    return loss, {name: value.numpy() for name, value in model.to_cs231n().items()}


def gradients_or_none(label, form, case, precision):
    """torch_gradients; where this machine lacks what the form needs, a line that says so and None."""
    try:
        return torch_gradients(form, case, precision)
    except (RuntimeError, AttributeError) as error:
        # PyTorch's library has no bfloat16 LSTM for every processor, torch.compile needs PyTorch 2 and a C++ compiler.
        if precision == "float32" and "compiled" not in form:
            raise
        print(f"left out: {label}, {str(error).splitlines()[0]}")
        return None


def numeric_error(case, loss_of, gradients, step=1e-5):
    """Largest difference between gradients and central differences at some elements of each parameter."""
    parameters = case[1]
    worst = 0
    random = np.random.RandomState(3)
    for name in PARAMETER_NAMES:
        flat = parameters[name].reshape(-1)
        for index in random.choice(flat.size, 6):
            kept = flat[index]
            flat[index] = kept + step
            above = loss_of()
            flat[index] = kept - step
            below = loss_of()
            flat[index] = kept
            numeric = (above - below) / (2 * step)
            worst = max(worst, abs(numeric - gradients[name].reshape(-1)[index]) / np.abs(gradients[name]).max())
    return worst


def main():
    """Prints one line a comparison; exits 1 if one is out of bounds."""
    warnings.filterwarnings("ignore")
    failed = False

    def show(what, value, bound):
        nonlocal failed
        failed = failed or not value <= bound
        print(f"{'ok  ' if value <= bound else 'FAIL'} {what}: {value:.1e} (at most {bound:.0e})")

    for cell in ("rnn", "lstm"):
        for dtype, bound in ((np.float64, 1e-10), (np.float32, 1e-5)):
            case = random_case(cell, dtype)
            loss, gradients = numpy_gradients(case, dtype, parts=1)
            label = f"{cell} {np.dtype(dtype).name}"
            if dtype == np.float64:
                error = numeric_error(case, lambda: numpy_gradients(case, dtype, 1)[0], gradients)
                show(f"{label} numpy against numeric gradients", error, 1e-7)
            found = {"numpy in 2 parts": numpy_gradients(case, dtype, parts=2)}
            for form in RECURRENT_FORMS:
                found[f"torch {form}"] = gradients_or_none(f"{label} torch {form}", form, case, "float32")
            for peer, result in found.items():
                if result is None:
                    continue
                peer_loss, named = result
                worst = max(difference(named[name], gradients[name]) for name in PARAMETER_NAMES)
                show(f"{label} {peer}: gradients", worst, bound)
                show(f"{label} {peer}: loss", abs(peer_loss - loss) / loss, bound)

        for form in RECURRENT_FORMS:
            result = gradients_or_none(f"{cell} bf16 torch {form}", form, case, "bf16")
            if result is None:
                continue
            peer_loss, named = result
            worst = max(difference(named[name], gradients[name]) for name in PARAMETER_NAMES)
            show(f"{cell} bf16 torch {form}: gradients", worst, 5e-2)
            show(f"{cell} bf16 torch {form}: loss", abs(peer_loss - loss) / loss, 1e-2)

        shape, parameters, features, captions = case
        ours = NumpyTrainer(shape, parameters, len(captions), 2)
        theirs = TorchTrainer(model_of("loop", shape, parameters))
        for _ in range(5):
            losses = ours.step(features, captions), theirs.step(features, captions)
        # The two forms of Adam place epsilon differently, which the losses of a few steps barely show.
        show(f"{cell} loss after 4 updates, numpy against torch", abs(losses[0] - losses[1]) / losses[0], 1e-3)
    for dtype, bound in ((np.float64, 1e-10), (np.float32, 1e-5)):
        case = random_case("lstm", dtype, grid=(5, 6))
        expected = None
        for form in ATTENTION_FORMS:
            label = f"lstm {np.dtype(dtype).name} torch {form}"
            result = gradients_or_none(label, form, case, "float32")
            if result is None:
                continue
            loss, named = result
            expected = expected or result
            worst = max(difference(value, expected[1][name]) for name, value in named.items())
            show(f"{label}: gradients, against {ATTENTION_FORMS[0]}", worst, bound)
            show(f"{label}: loss", abs(loss - expected[0]) / expected[0], bound)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
