"""TensorBoard's own pages, in a real browser, show what was logged.

Skipped where the package tensorboard or a Chromium is missing.
"""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

pytest.importorskip("fcntl")
pytest.importorskip("tensorboard")

import gradcore
from gradcore import nn
from utils.chromium import Browser, find_chromium

CHROMIUM = find_chromium()
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
        self.head = nn.Linear(4 * 36, 2)

    def forward(self, x):
        return self.head(self.features(x).flatten(1))


def picture():
    """Red above, and half green at the right."""
    pixels = gradcore.zeros(3, 8, 12)
    pixels[0, :4] = 1
    pixels[1, :, 6:] = 0.5
    return pixels


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The address of a TensorBoard that shows what is logged here."""
    from gradcore.utils.tensorboard import SummaryWriter

    logs = tmp_path_factory.mktemp("logs")
    with SummaryWriter(logs) as writer:
        for step in range(3):
            writer.add_scalar("train/loss", 0.5 - 0.125 * step, 10 * step)
            values = gradcore.linspace(-1, 1, 101) * (step + 1)
            writer.add_histogram("weights", values, 10 * step)
        writer.add_image("picture", picture(), 7)
        writer.add_text("note", "the seed was **twelve**")
        writer.add_graph(Net(), gradcore.zeros(1, 1, 8, 8))
    options = ["--logdir", str(logs), "--port", "0", "--load_fast", "false"]
    server = subprocess.Popen(
        [sys.executable, "-m", "tensorboard.main", *options], stderr=subprocess.PIPE, text=True
    )
    try:
        line = next((line for line in server.stderr if "http://" in line), None)
        assert line is not None, "TensorBoard did not start"
        yield line[line.index("http://") :].split()[0]
    finally:
        server.kill()
        server.communicate()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(CHROMIUM, tmp_path_factory.mktemp("profile")) as browser:
        yield browser


def test_scalars(browser, address):
    browser.open(f"{address}#timeseries")
    find = "const chart = deep('line-chart-interactive-view')[0]?.getBoundingClientRect();"
    find += "return chart?.height && [chart.left, chart.top, chart.width, chart.height]"
    # Pointing at the end of the curve shows its last step. The mean of all steps with weights
    # 0.4, 0.4 * 0.6 and 0.4 * 0.36, as the page smooths them, is 0.3342.
    for i in range(300):
        # The page moves its parts as long as some of them are loading.
        left, top, width, height = browser.wait_for(find)
        browser.point_at(left + 0.93 * width - i % 2, top + height / 2)
        _, _, row = browser.text().partition("Relative\n.\n")
        if row.split("\n")[:3] == ["0.3342", "0.25", "20"]:
            break
        time.sleep(0.1)
    else:
        pytest.fail(f"the table shows {row}")
    assert "train/loss" in browser.text().replace("\n", "")


def test_histograms(browser, address):
    browser.open(f"{address}#histograms")
    count = "return deep('g.histogram').length === 3 && "
    series = browser.wait_for(
        count + "deep('g.histogram').map(g => g.__data__).map(d => [d.step, d.bins])"
    )
    assert [step for step, _ in series] == [0, 10, 20]
    for number, (_, bins) in enumerate(series, 1):
        assert sum(b["y"] for b in bins) == pytest.approx(101, abs=0.01)
        middle = sum(b["y"] * (b["x"] + b["dx"] / 2) for b in bins) / 101
        assert abs(middle) < 0.05 * number
        # All are drawn in the bins of the widest: 30 from -3 to 3.
        full = [b["x"] for b in bins if b["y"] > 0.5]
        assert (full[0], full[-1] + bins[0]["dx"]) == pytest.approx((-number, number), abs=0.21)


def test_images(browser, address):
    browser.open(f"{address}#images")
    image = "const image = deep('img').find(e => e.src.includes('individualImage'));"
    size = browser.wait_for(
        image + "return image?.naturalWidth && [image.naturalWidth, image.naturalHeight]"
    )
    assert size == [12, 8]
    pixels = browser.run(
        image + "const canvas = document.createElement('canvas').getContext('2d');"
        "canvas.drawImage(image, 0, 0);"
        "return [...canvas.getImageData(0, 0, 12, 8).data]"
    )
    got = gradcore.tensor(pixels).reshape(8, 12, 4)[:, :, :3].permute(2, 0, 1)
    assert got.tolist() == (picture() * 255).long().tolist()
    assert "picture" in browser.text() and "step\n7" in browser.text()


def test_graph(browser, address):
    browser.open(f"{address}#graphs")
    names = "const names = deep('g.node').map(e => e.dataset.name);"
    browser.wait_for(names + "return names.length")
    assert browser.run(names + "return names.sort()") == ["Net", "input", "output"]
    # A double click opens a module.
    for module, inside in (
        ("Net", {"Net/Sequential[features]", "Net/Linear[head]"}),
        (
            "Net/Sequential[features]",
            {"Net/Sequential[features]/Conv2d[0]", "Net/Sequential[features]/ReLU[1]"},
        ),
    ):
        browser.run(
            f"const node = deep('g.node').find(e => e.dataset.name === '{module}');"
            "const event = new MouseEvent('dblclick', {bubbles: true, composed: true});"
            "node.querySelector('.nodeshape').dispatchEvent(event)"
        )
        wanted = sorted(inside)
        assert browser.wait_for(names + f"return {wanted}.every(name => names.includes(name))")


def test_text(browser, address):
    browser.open(f"{address}#text")
    assert browser.wait_for(
        "return deep('tf-markdown-view strong, strong').map(text).includes('twelve')"
    )
