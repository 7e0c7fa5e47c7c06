"""Training that is stopped at any moment goes on with the numbers that it would have had."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import gradcore
from gradcore import nn
from gradcore.optim import Adam
from gradcore.optim.lr_scheduler import CosineAnnealingLR
from gradcore.utils.data import DataLoader, Dataset, IterableDataset, SubsetRandomSampler
from gradcore.utils.resume import (
    Checkpoint,
    ResumableLoader,
    get_random_states,
    set_random_states,
)

SOURCE = Path(__file__).resolve().parents[2] / "src"


class Noisy(Dataset):
    """Samples that draw from all generators, as random transforms do."""

    def __len__(self):
        return 20

    def __getitem__(self, index):
        noise = gradcore.randn(3) + random.random() + np.random.rand()
        return gradcore.full((3,), float(index)) + noise


class Stream(IterableDataset):
    def __iter__(self):
        return iter(float(i) + gradcore.rand(3) for i in range(20))


class Stopped(Exception):
    pass


def seed(value):
    gradcore.manual_seed(value)
    random.seed(value)
    np.random.seed(value)


LOADERS = {
    "in order": lambda: DataLoader(Noisy(), batch_size=3),
    "shuffled": lambda: DataLoader(Noisy(), batch_size=3, shuffle=True),
    "drop_last": lambda: DataLoader(Noisy(), batch_size=3, shuffle=True, drop_last=True),
    "own generator": lambda: DataLoader(
        Noisy(), batch_size=3, shuffle=True, generator=gradcore.Generator().manual_seed(5)
    ),
    "sampler's generator": lambda: DataLoader(
        Noisy(),
        batch_size=3,
        sampler=SubsetRandomSampler(range(17), generator=gradcore.Generator().manual_seed(6)),
    ),
    "stream": lambda: DataLoader(Stream(), batch_size=3),
    "workers": lambda: DataLoader(Noisy(), batch_size=3, shuffle=True, num_workers=2),
}


def train(path, make_loader, stop=None, epochs=2):
    """Trains with dropout; raises Stopped after ``stop`` steps. Returns what it ends with."""
    seed(1)
    model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1))
    optimizer = Adam(model.parameters(), lr=0.05)
    scheduler = CosineAnnealingLR(optimizer, 20)
    loader = ResumableLoader(make_loader())
    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler, "loader": loader}
    checkpoint = Checkpoint(path, **parts)
    losses = checkpoint.load().get("losses", [])
    steps = 0
    while loader.epoch < epochs:
        for batch in loader:
            loss = model(batch).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
            checkpoint.save(losses=losses)
            steps += 1
            if steps == stop:
                raise Stopped
    return losses, model.state_dict(), get_random_states()


def assert_equal(got, want):
    assert got[0] == want[0]
    for name, value in want[1].items():
        assert gradcore.equal(got[1][name], value), name
    assert str(got[2]) == str(want[2])


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("stop", [2, 7])
def test_stopped_training_goes_on_as_if_it_had_not_been(tmp_path, name, stop):
    whole = train(tmp_path / "whole.pt", LOADERS[name])
    path, parts = tmp_path / "parts.pt", 0
    while True:
        try:
            got = train(path, LOADERS[name], stop)
            break
        except Stopped:
            parts += 1
    assert parts > 0
    assert_equal(got, whole)


def test_place_in_an_epoch():
    seed(0)
    loader = ResumableLoader(DataLoader(range(10), batch_size=4))
    assert len(loader) == 3
    batches = iter(loader)
    assert next(batches).tolist() == [0, 1, 2, 3]
    assert (loader.epoch, loader.batch) == (0, 1)
    again = ResumableLoader(DataLoader(range(10), batch_size=4))
    again.load_state_dict(loader.state_dict())
    assert (again.epoch, again.batch) == (0, 1)
    assert [b.tolist() for b in again] == [[4, 5, 6, 7], [8, 9]]
    assert (again.epoch, again.batch) == (1, 0)
    # A pass that was left begins from the start, as that of a DataLoader.
    assert [b.tolist() for b in loader] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_generator_that_the_training_draws_from_too():
    seed(0)
    generators = [gradcore.Generator().manual_seed(4), gradcore.Generator()]
    loader, again = (
        ResumableLoader(DataLoader(range(6), batch_size=2, shuffle=True, generator=g))
        for g in generators
    )
    batches = iter(loader)
    next(batches)
    gradcore.rand(3, generator=generators[0])
    again.load_state_dict(loader.state_dict())
    assert [b.tolist() for b in again] == [b.tolist() for b in batches]
    draws = [gradcore.rand(3, generator=g).tolist() for g in generators]
    assert draws[0] == draws[1]


def test_random_states():
    seed(3)
    states = get_random_states()

    def draw():
        return gradcore.rand(2).tolist(), random.random(), np.random.randn(3).tolist()

    first = draw()
    assert draw() != first
    set_random_states(states)
    assert draw() == first


def test_random_states_of_devices(device):
    if device == "cpu":
        pytest.skip("is in the test above")
    states = get_random_states()
    first = gradcore.rand(4, device=device).tolist()
    set_random_states(states)
    assert gradcore.rand(4, device=device).tolist() == first


def test_errors(tmp_path):
    with pytest.raises(ValueError, match="persistent_workers=True"):
        ResumableLoader(DataLoader(range(3), num_workers=1, persistent_workers=True))
    with pytest.raises(TypeError, match="steps should have state_dict .* which a int does not"):
        Checkpoint(tmp_path / "x.pt", steps=3)
    model = nn.Linear(1, 1)
    assert Checkpoint(tmp_path / "x.pt", model=model).load() == {}
    Checkpoint(tmp_path / "x.pt", model=model).save()
    with pytest.raises(ValueError, match=r"has the parts \['model'\], not \['net'\]"):
        Checkpoint(tmp_path / "x.pt", net=model).load()


SCRIPT = """
import sys
sys.path[:0] = {paths!r}
from utils import test_resume
losses, _, _ = test_resume.train(sys.argv[1], test_resume.LOADERS["workers"], epochs=4)
print(repr(losses))
"""


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_killed_training_goes_on_as_if_it_had_not_been(tmp_path):
    paths = [str(Path(__file__).parents[1]), str(SOURCE)]
    program = [sys.executable, "-c", SCRIPT.format(paths=paths)]
    run = subprocess.run([*program, tmp_path / "whole.pt"], stdout=subprocess.PIPE, check=True)
    draws, kills = random.Random(0), 0
    path = tmp_path / "parts.pt"
    while True:
        process = subprocess.Popen([*program, path], stdout=subprocess.PIPE)
        wait_for(path, process)
        if kills < 4:
            time.sleep(draws.uniform(0.3, 0.8))
            process.send_signal(signal.SIGKILL)
        out, _ = process.communicate(timeout=60)
        kills += 1
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL
    assert out == run.stdout


def wait_for(path, process):
    """Until there is a checkpoint, or no process any more."""
    for _ in range(3000):
        if path.exists() or process.poll() is not None:
            return
        time.sleep(0.01)
    raise AssertionError("it did not begin")
