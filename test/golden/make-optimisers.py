"""Prints optimisers.json: what PyTorch's optimisers, clipping, schedules and averages compute in float64.

    pip install torch==2.* && python test/golden/make-optimisers.py > test/golden/optimisers.json && npm run format

A weight of 20 numbers and a bias of 5 follow the mean gradient `waves(t) + 0.3 * w`; weight decay spares the bias.
"""

import json

import torch
from torch.nn.utils import clip_grad_norm_, clip_grad_value_
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

STEPS = 12


def waves(seed, count):
    """Numbers in (-1, 1) that look irregular and are the same everywhere."""
    index = torch.arange(count, dtype=torch.float64)
    return torch.sin(12.9898 * index + 78.233 * seed)


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(waves(100, 20))
        self.bias = torch.nn.Parameter(waves(101, 5))


def trajectory(make, decay=0.0, norm=None, value=None, ema=None):
    model = Model()
    groups = [{"params": [model.weight], "weight_decay": decay}, {"params": [model.bias], "weight_decay": 0.0}]
    optimiser = make(groups)
    average = None if ema is None else AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(ema))
    norms = []
    for t in range(1, STEPS + 1):
        model.weight.grad = waves(t, 25)[:20] + 0.3 * model.weight.detach()
        model.bias.grad = waves(t, 25)[20:] + 0.3 * model.bias.detach()
        norms.append(float(clip_grad_norm_(model.parameters(), float("inf") if norm is None else norm)))
        if value is not None:
            clip_grad_value_(model.parameters(), value)
        optimiser.step()
        if average is not None:
            average.update_parameters(model)
    result = {"w": [*model.weight.tolist(), *model.bias.tolist()], "norms": norms}
    if average is not None:
        result["average"] = [*average.module.weight.tolist(), *average.module.bias.tolist()]
    return result


optim = torch.optim
# The course's Adam adds epsilon elsewhere, so it is compared where epsilon does not count.
cases = [
    ({"optimizer": {"name": "adam", "learningRate": 0.1, "epsilon": 1e-30}, "weightDecay": 0.2},
     trajectory(lambda g: optim.Adam(g, lr=0.1, eps=1e-30), decay=0.2)),
    ({"optimizer": {"name": "adamw", "learningRate": 0.1, "epsilon": 0.01}, "weightDecay": 0.2},
     trajectory(lambda g: optim.AdamW(g, lr=0.1, eps=0.01), decay=0.2)),
    ({"optimizer": {"name": "sgd", "learningRate": 0.1, "momentum": 0.0}},
     trajectory(lambda g: optim.SGD(g, lr=0.1))),
    ({"optimizer": {"name": "sgd", "learningRate": 0.1, "momentum": 0.8}, "weightDecay": 0.2},
     trajectory(lambda g: optim.SGD(g, lr=0.1, momentum=0.8), decay=0.2)),
    ({"optimizer": {"name": "sgd", "learningRate": 0.1, "momentum": 0.8, "nesterov": True}},
     trajectory(lambda g: optim.SGD(g, lr=0.1, momentum=0.8, nesterov=True))),
    ({"optimizer": {"name": "rmsprop", "learningRate": 0.1, "alpha": 0.9, "epsilon": 0.01}, "weightDecay": 0.2},
     trajectory(lambda g: optim.RMSprop(g, lr=0.1, alpha=0.9, eps=0.01), decay=0.2)),
    ({"optimizer": {"name": "adagrad", "learningRate": 0.1, "epsilon": 0.01}},
     trajectory(lambda g: optim.Adagrad(g, lr=0.1, eps=0.01))),
    ({"optimizer": {"name": "adamw", "learningRate": 0.1}, "weightDecay": 0.1, "clip": {"norm": 3.3}},
     trajectory(lambda g: optim.AdamW(g, lr=0.1), decay=0.1, norm=3.3)),
    ({"optimizer": {"name": "sgd", "learningRate": 0.1, "momentum": 0.8}, "weightDecay": 0.1, "clip": {"norm": 3.3, "value": 0.7}},
     trajectory(lambda g: optim.SGD(g, lr=0.1, momentum=0.8), decay=0.1, norm=3.3, value=0.7)),
    ({"optimizer": {"name": "sgd", "learningRate": 0.1, "momentum": 0.8}, "ema": 0.7},
     trajectory(lambda g: optim.SGD(g, lr=0.1, momentum=0.8), ema=0.7)),
]

EPOCH = 5


def rates(make, steps=30, each="step", losses=None):
    optimiser = optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    schedule = make(optimiser)
    found = []
    for step in range(steps):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        if each == "step":
            schedule.step()
        elif (step + 1) % EPOCH == 0:
            schedule.step(*([] if losses is None else [losses[step // EPOCH]]))
    return found


lr = optim.lr_scheduler
LOSSES = [5.0, 4.0, 4.0, 3.9, 4.1, 3.95]
schedules = [
    ({"schedule": "exponential", "lrDecay": 0.9}, rates(lambda o: lr.ExponentialLR(o, 0.9), each="epoch")),
    ({"schedule": "constant"}, rates(lambda o: lr.ConstantLR(o, factor=1))),
    ({"schedule": {"name": "step", "every": 2, "factor": 0.3}}, rates(lambda o: lr.StepLR(o, 2, 0.3), each="epoch")),
    ({"schedule": {"name": "cosine", "end": 0.05}}, rates(lambda o: lr.CosineAnnealingLR(o, 30, eta_min=0.005))),
    ({"schedule": {"name": "oneCycle"}}, rates(lambda o: lr.OneCycleLR(o, 0.1, total_steps=30))),
    ({"schedule": {"name": "plateau", "factor": 0.5, "patience": 2, "minDelta": 0.2}},
     # PyTorch counts the validations that it still waits for, recap those after which it does not.
     rates(lambda o: lr.ReduceLROnPlateau(o, factor=0.5, patience=1, threshold=0.2, threshold_mode="abs"),
           each="epoch", losses=LOSSES)),
]
about = f"Optimisers and schedules of PyTorch {torch.__version__} in float64, by make-optimisers.py."
print(json.dumps({
    "about": about,
    "steps": STEPS,
    "cases": [{"train": train, **found} for train, found in cases],
    "stepsPerEpoch": EPOCH,
    "losses": LOSSES,
    "schedules": [{"train": train, "rates": found} for train, found in schedules],
}))
