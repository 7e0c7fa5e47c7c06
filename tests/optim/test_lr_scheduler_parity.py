"""Every schedule beside PyTorch's: rates, momentums, saved state, warnings and errors."""

from __future__ import annotations

import copy
import math
import warnings

import pytest

import gradcore

torch = pytest.importorskip("torch")
# PyTorch's threads spin while others use the cores.
torch.set_num_threads(1)

STEPS = 30


class Decay:
    """A callable with state, which schedules save."""

    def __init__(self, rate):
        self.rate = rate

    def __call__(self, epoch):
        return self.rate**epoch


CASES = {
    "LambdaLR": lambda L, o: L.LambdaLR(o, lambda e: 0.9**e),
    "LambdaLR each": lambda L, o: L.LambdaLR(o, [lambda e: 1 / (1 + e), Decay(0.8)]),
    "MultiplicativeLR": lambda L, o: L.MultiplicativeLR(o, Decay(0.99)),
    "StepLR": lambda L, o: L.StepLR(o, 4, gamma=0.5),
    "MultiStepLR": lambda L, o: L.MultiStepLR(o, [3, 8, 8, 20], gamma=0.5),
    "ConstantLR": lambda L, o: L.ConstantLR(o, factor=0.25, total_iters=7),
    "LinearLR": lambda L, o: L.LinearLR(o, start_factor=0.1, end_factor=0.7, total_iters=9),
    "ExponentialLR": lambda L, o: L.ExponentialLR(o, 0.95),
    "PolynomialLR": lambda L, o: L.PolynomialLR(o, total_iters=12, power=2.0),
    "CosineAnnealingLR": lambda L, o: L.CosineAnnealingLR(o, 6, eta_min=0.001),
    "CosineAnnealingWarmRestarts": lambda L, o: L.CosineAnnealingWarmRestarts(o, 4, 2, 0.001),
    "CyclicLR": lambda L, o: L.CyclicLR(o, 0.01, 0.1, 4, 3),
    "CyclicLR triangular2": lambda L, o: L.CyclicLR(o, 0.01, [0.1, 0.2], 5, mode="triangular2"),
    "CyclicLR exp_range": lambda L, o: L.CyclicLR(o, 0.01, 0.1, 5, mode="exp_range", gamma=0.9),
    "CyclicLR scale_fn": lambda L, o: L.CyclicLR(
        o, 0.01, 0.1, 5, scale_fn=Decay(0.7), scale_mode="iterations", cycle_momentum=False
    ),
    "OneCycleLR": lambda L, o: L.OneCycleLR(o, 0.3, total_steps=35),
    "OneCycleLR three": lambda L, o: L.OneCycleLR(
        o, [0.3, 0.1], epochs=8, steps_per_epoch=4, pct_start=0.4, anneal_strategy="linear",
        three_phase=True, div_factor=5, final_div_factor=10,
    ),
    "ReduceLROnPlateau": lambda L, o: L.ReduceLROnPlateau(o, patience=2, cooldown=1, factor=0.5),
    "ReduceLROnPlateau max": lambda L, o: L.ReduceLROnPlateau(
        o, mode="max", patience=1, threshold=0.1, threshold_mode="abs", min_lr=[0.01, 0.001]
    ),
    "SequentialLR": lambda L, o: L.SequentialLR(
        o, [L.LinearLR(o, total_iters=4), L.CosineAnnealingLR(o, 9), L.StepLR(o, 3)], [4, 15]
    ),
    "ChainedScheduler": lambda L, o: L.ChainedScheduler(
        [L.ConstantLR(o, 0.1, 5), L.ExponentialLR(o, 0.9)]
    ),
}  # fmt: skip
PARAMETERS = pytest.mark.parametrize("make", CASES.values(), ids=CASES.keys())


def optimizer_of(library, kind="SGD"):
    a, b = (library.ones(2, requires_grad=True) for _ in range(2))
    options = {"momentum": 0.9} if kind == "SGD" else {}
    return getattr(library.optim, kind)([{"params": a}, {"params": b, "lr": 0.05}], 0.1, **options)


def seen(optimizer):
    values = []
    for group in optimizer.param_groups:
        values += [float(group["lr"]), group["betas"][0] if "betas" in group else group["momentum"]]
    return values


def step(optimizer, scheduler, number):
    optimizer.step()
    if type(scheduler).__name__ == "ReduceLROnPlateau":
        scheduler.step(max(0.3, 1 - 0.1 * number) + 0.02 * math.sin(number))
    else:
        scheduler.step()
    return seen(optimizer)


def run(library, make, kind="SGD", steps=STEPS):
    optimizer = optimizer_of(library, kind)
    scheduler = make(library.optim.lr_scheduler, optimizer)
    rates = [seen(optimizer)]
    rates += [step(optimizer, scheduler, number) for number in range(steps)]
    return optimizer, scheduler, rates


@PARAMETERS
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_rates(make, kind):
    _, ours, rates = run(gradcore, make, kind)
    _, theirs, expected = run(torch, make, kind)
    for got, want in zip(rates, expected, strict=True):
        assert got == pytest.approx(want, rel=1e-12)
    assert ours.get_last_lr() == pytest.approx(theirs.get_last_lr(), rel=1e-12)


@PARAMETERS
def test_saved_state_resumes(make):
    optimizer, scheduler, _ = run(gradcore, make, steps=11)
    _, theirs, _ = run(torch, make, steps=11)
    saved = copy.deepcopy(scheduler.state_dict())
    assert set(saved) == set(theirs.state_dict())
    fresh = optimizer_of(gradcore)
    other = make(gradcore.optim.lr_scheduler, fresh)
    fresh.load_state_dict(optimizer.state_dict())
    before = set(saved)
    other.load_state_dict(saved)
    assert set(saved) == before
    for number in range(11, STEPS):
        assert step(fresh, other, number) == pytest.approx(step(optimizer, scheduler, number))


WITHOUT_EPOCHS = ("ReduceLROnPlateau", "SequentialLR", "ChainedScheduler")


@pytest.mark.parametrize("name", [n for n in CASES if n.split()[0] not in WITHOUT_EPOCHS])
def test_steps_to_an_epoch(name):
    results = []
    for library in (gradcore, torch):
        optimizer, scheduler, _ = run(library, CASES[name], steps=2)
        rates = []
        for epoch in (7, 13, 2):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                scheduler.step(epoch)
            rates += [*seen(optimizer), scheduler.last_epoch, len(caught)]
        results.append(rates)
    assert results[0] == pytest.approx(results[1], rel=1e-12)


def test_warm_restarts_take_fractions():
    results = []
    for library in (gradcore, torch):
        optimizer = optimizer_of(library)
        schedule = library.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 3, 2)
        rates = []
        for epoch in (0.5, 2.75, 3.25, 20.5):
            schedule.step(epoch)
            rates += seen(optimizer)
        with pytest.raises(ValueError, match="Expected non-negative epoch, but got -1"):
            schedule.step(-1)
        results.append(rates)
    assert results[0] == pytest.approx(results[1], rel=1e-12)


@pytest.mark.parametrize("name", ["StepLR", "CosineAnnealingLR", "CyclicLR", "OneCycleLR"])
def test_resuming_at_an_epoch(name):
    makers = {
        "StepLR": lambda L, o: L.StepLR(o, 4, last_epoch=5),
        "CosineAnnealingLR": lambda L, o: L.CosineAnnealingLR(o, 6, last_epoch=5),
        "CyclicLR": lambda L, o: L.CyclicLR(o, 0.01, 0.1, 4, last_epoch=5),
        "OneCycleLR": lambda L, o: L.OneCycleLR(o, 0.3, total_steps=40, last_epoch=5),
    }
    results = []
    for library in (gradcore, torch):
        optimizer = optimizer_of(library)
        with pytest.raises(KeyError, match="param 'initial_lr' is not specified in param_groups"):
            makers[name](library.optim.lr_scheduler, optimizer)
        for group in optimizer.param_groups:
            bounds = {"max_lr": 0.3, "min_lr": 1e-4, "max_momentum": 0.9, "base_momentum": 0.8}
            group.update(initial_lr=0.1, **bounds)
        scheduler = makers[name](library.optim.lr_scheduler, optimizer)
        rates = [seen(optimizer)]
        results.append(rates + [step(optimizer, scheduler, i) for i in range(10)])
    for got, want in zip(*results, strict=True):
        assert got == pytest.approx(want, rel=1e-12)


def test_rates_that_are_tensors_stay_the_same_tensor():
    rate = gradcore.tensor(0.1)
    optimizer = gradcore.optim.SGD([gradcore.ones(1, requires_grad=True)], lr=rate)
    scheduler = gradcore.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == pytest.approx(0.05)
    assert scheduler.base_lrs[0].item() == pytest.approx(0.1)


def test_order_of_calls():
    optimizer = optimizer_of(gradcore)
    scheduler = gradcore.optim.lr_scheduler.StepLR(optimizer, 1)
    with pytest.warns(UserWarning, match=r"Detected call of `lr_scheduler.step\(\)` before"):
        scheduler.step()
    optimizer.step()
    optimizer.step()
    assert optimizer._step_count == 2
    scheduler.step()
    other = optimizer_of(gradcore)
    late = gradcore.optim.lr_scheduler.StepLR(other, 1)
    other.step = lambda: None
    with pytest.warns(UserWarning, match=r"`optimizer.step\(\)` has been overridden after"):
        late.step()
    with pytest.warns(UserWarning, match="To get the last learning rate computed"):
        late.get_lr()


def test_schedules_of_ones_own():
    class Halved(gradcore.optim.lr_scheduler.LRScheduler):
        def get_lr(self):
            return [base * 0.5**self.last_epoch for base in self.base_lrs]

    optimizer = optimizer_of(gradcore)
    scheduler = Halved(optimizer)
    optimizer.step()
    scheduler.step()
    assert scheduler.get_last_lr() == [0.05, 0.025]
    assert issubclass(Halved, gradcore.optim.lr_scheduler.LRScheduler)
    with pytest.raises(NotImplementedError):
        gradcore.optim.lr_scheduler.LRScheduler(optimizer)


def test_plateaus_of_nan_and_old_verbose(capsys):
    optimizer = optimizer_of(gradcore)
    make = gradcore.optim.lr_scheduler.ReduceLROnPlateau
    scheduler = make(optimizer, patience=0, factor=0.5, verbose=True)
    for value in (math.nan, math.nan):
        optimizer.step()
        scheduler.step(gradcore.tensor(value))
    assert optimizer.param_groups[0]["lr"] == 0.025
    assert capsys.readouterr().out.count("reducing learning rate of group 0") == 2
    optimizer.add_param_group({"params": gradcore.ones(1, requires_grad=True)})
    scheduler.step(math.nan)
    assert len(scheduler.min_lrs) == 3


REFUSED = [
    lambda L, o: L.StepLR("optimizer", 3),
    lambda L, o: L.LambdaLR(o, [lambda e: 1]),
    lambda L, o: L.MultiplicativeLR(o, 0.5),
    lambda L, o: L.ConstantLR(o, factor=2),
    lambda L, o: L.LinearLR(o, start_factor=0),
    lambda L, o: L.LinearLR(o, end_factor=2),
    lambda L, o: L.CosineAnnealingWarmRestarts(o, 0),
    lambda L, o: L.CosineAnnealingWarmRestarts(o, 2, 0),
    lambda L, o: L.CosineAnnealingWarmRestarts(o, 2, 1, "0"),
    lambda L, o: L.CyclicLR(o, [0.1], 0.2),
    lambda L, o: L.CyclicLR(o, 0.1, 0.2, mode="square"),
    lambda L, o: L.OneCycleLR(o, 0.1),
    lambda L, o: L.OneCycleLR(o, 0.1, total_steps=-3),
    lambda L, o: L.OneCycleLR(o, 0.1, epochs=2, steps_per_epoch=0),
    lambda L, o: L.OneCycleLR(o, 0.1, total_steps=4, pct_start=2),
    lambda L, o: L.OneCycleLR(o, 0.1, total_steps=4, anneal_strategy="square"),
    lambda L, o: L.ReduceLROnPlateau(o, factor=1.0),
    lambda L, o: L.ReduceLROnPlateau(o, mode="least"),
    lambda L, o: L.ReduceLROnPlateau(o, threshold_mode="least"),
    lambda L, o: L.ReduceLROnPlateau(o, min_lr=[0.1]),
    lambda L, o: L.SequentialLR(o, [], []),
    lambda L, o: L.SequentialLR(o, [L.StepLR(o, 2)], [3]),
    lambda L, o: L.SequentialLR(o, [L.ReduceLROnPlateau(o)], []),
    lambda L, o: L.SequentialLR(o, [3], []),
    lambda L, o: L.ChainedScheduler([]),
    lambda L, o: L.ChainedScheduler([L.ReduceLROnPlateau(o)]),
]


@pytest.mark.parametrize("make", REFUSED)
def test_refused_arguments(make):
    with pytest.raises(Exception) as expected:
        make(torch.optim.lr_scheduler, optimizer_of(torch))
    with pytest.raises(expected.type) as got:
        make(gradcore.optim.lr_scheduler, optimizer_of(gradcore))
    assert str(got.value) == str(expected.value)


def test_cycles_need_momentum():
    for library in (gradcore, torch):
        optimizer = library.optim.Adagrad([library.ones(1, requires_grad=True)])
        for name, options in (("CyclicLR", {"base_lr": 0.1}), ("OneCycleLR", {"total_steps": 4})):
            with pytest.raises(ValueError, match="optimizer must support momentum or beta1"):
                getattr(library.optim.lr_scheduler, name)(optimizer, max_lr=1, **options)


def test_one_cycle_ends():
    optimizer = optimizer_of(gradcore)
    scheduler = gradcore.optim.lr_scheduler.OneCycleLR(optimizer, 0.3, total_steps=3)
    with pytest.raises(ValueError, match="Tried to step 4 times. The specified number of total"):
        for number in range(4):
            step(optimizer, scheduler, number)
