"""SummaryWriter: files and folders, graphs, errors. What it writes is in the parity tests."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest

import gradcore
from gradcore import nn

tensorboard = pytest.importorskip("tensorboard")

from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader  # noqa: E402
from tensorboard.compat.proto.event_pb2 import Event  # noqa: E402
from tensorboard.compat.proto.graph_pb2 import GraphDef  # noqa: E402

from gradcore.utils.tensorboard import SummaryWriter  # noqa: E402


def events(folder):
    return [
        Event.FromString(text)
        for file in sorted(folder.glob("events.out.tfevents.*"))
        for text in RawEventFileLoader(str(file)).Load()
    ]


def nodes(folder):
    """The nodes of the one graph in ``folder``, by name."""
    (definition,) = (event.graph_def for event in events(folder) if event.graph_def)
    found = GraphDef.FromString(definition).node
    assert len({node.name for node in found}) == len(found)
    return {node.name: node for node in found}


def shape(node):
    (found,) = node.attr["_output_shapes"].list.shape
    return tuple(dim.size for dim in found.dim)


# ---------------------------------------------------------------------------- files


def test_default_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with SummaryWriter(comment="_lr0.1") as writer:
        assert re.fullmatch(r"runs/\w{3}\d\d_\d\d-\d\d-\d\d_.+_lr0\.1", writer.log_dir)
        assert writer.get_logdir() == writer.log_dir
    (file,) = (tmp_path / writer.log_dir).iterdir()
    assert file.name.startswith("events.out.tfevents.")


def test_flush_makes_events_readable(tmp_path):
    writer = SummaryWriter(tmp_path)
    writer.add_scalar("a", 1.5, 3, walltime=20.0)
    writer.flush()
    event = events(tmp_path)[-1]
    assert (event.step, event.wall_time, event.summary.value[0].simple_value) == (3, 20.0, 1.5)
    writer.close()


def test_closed_writer_opens_again(tmp_path):
    writer = SummaryWriter(tmp_path)
    writer.close()
    writer.close()
    writer.flush()
    writer.add_scalar("a", 1.0)
    writer.close()
    assert len(list(tmp_path.iterdir())) == 2
    assert events(tmp_path)[-1].summary.value[0].tag == "a"


def test_purge_step_once(tmp_path):
    writer = SummaryWriter(tmp_path, purge_step=5)
    writer.close()
    writer.add_scalar("a", 1.0)
    writer.close()
    starts = [event.step for event in events(tmp_path) if event.session_log.status]
    assert starts == [5]


def test_scalars_have_their_own_runs(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        for step in range(2):
            writer.add_scalars("a/b", {"x": step, "y": 1}, step)
    folders = sorted(path.name for path in tmp_path.iterdir() if path.is_dir())
    assert folders == ["a_b_x", "a_b_y"]
    values = [e.summary.value[0].simple_value for e in events(tmp_path / "a_b_x")[1:]]
    assert values == [0.0, 1.0]


@pytest.mark.parametrize("inside", ["", "/deeper"])
def test_folder_that_cannot_be_written(tmp_path, inside):
    file = tmp_path / "file"
    file.touch()
    expected = NotADirectoryError if inside else FileExistsError
    with pytest.raises(expected, match="cannot write event files into log_dir") as error:
        SummaryWriter(str(file) + inside)
    assert error.value.filename == str(file) + inside


# ---------------------------------------------------------------------------- contents


def test_tensor_that_requires_grad(tmp_path):
    weight = gradcore.ones(3, requires_grad=True)
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("sum", weight.sum())
        writer.add_histogram("weight", weight)
    assert events(tmp_path)[-1].summary.value[0].histo.num == 3


def test_histogram_outside_of_the_bins(tmp_path):
    with SummaryWriter(tmp_path) as writer, pytest.raises(ValueError, match="within the bins"):
        writer.add_histogram("h", gradcore.tensor([float("inf")]))


def test_bfloat16_keeps_its_range(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("a", gradcore.tensor(2.0**100).bfloat16())
    assert events(tmp_path)[-1].summary.value[0].simple_value == 2.0**100


def test_hyperparameter_of_a_0d_tensor(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_hparams({"lr": gradcore.tensor(0.5)}, {"loss": 1.0}, run_name="run")
    tags = [event.summary.value[0].tag for event in events(tmp_path / "run")[1:]]
    assert tags[-1] == "loss"
    assert len(tags) == 4


def test_video_is_a_grid_of_frames(tmp_path):
    from io import BytesIO

    from PIL import Image

    videos = np.zeros((3, 2, 1, 4, 5), np.uint8)
    videos[1, 1] = 255
    with SummaryWriter(tmp_path) as writer:
        writer.add_video("v", gradcore.tensor(videos), fps=10)
    image = events(tmp_path)[-1].summary.value[0].image
    assert (image.height, image.width, image.colorspace) == (4, 20, 1)
    gif = Image.open(BytesIO(image.encoded_image_string))
    assert gif.n_frames == 2
    gif.seek(1)
    frame = np.asarray(gif.convert("L"))
    assert frame[:, 5:10].min() == 255
    assert frame[:, :5].max() == 0


def test_loud_audio_is_clipped(tmp_path):
    with SummaryWriter(tmp_path) as writer, pytest.warns(UserWarning, match="out of range"):
        writer.add_audio("s", gradcore.tensor([[2.0, -3.0]]))
    wav = events(tmp_path)[-1].summary.value[0].audio.encoded_audio_string
    assert np.frombuffer(wav[-4:], "<i2").tolist() == [32767, -32767]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda w: w.add_text("a", 3), TypeError, "text_string should be a str, got int"),
        (lambda w: w.add_tensor("a", 3.0), TypeError, "tensor should be a Tensor, got float"),
        (
            lambda w: w.add_image("a", np.zeros((3, 4, 4)), dataformats="CHX"),
            ValueError,
            "dataformats should be an order of NCHW, HWC or HW, got 'CHX'",
        ),
        (lambda w: w.add_video("a", np.zeros((3, 4, 4))), ValueError, "vid_tensor should have"),
        (
            lambda w: w.add_pr_curve_raw("a", *[[1]] * 6, weights=[1]),
            TypeError,
            "weights should be None",
        ),
    ],
)
def test_errors(tmp_path, call, error, message):
    with SummaryWriter(tmp_path) as writer, pytest.raises(error, match=message):
        call(writer)


# ---------------------------------------------------------------------------- graphs


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2))
        self.norm = nn.BatchNorm1d(18)
        self.fc = nn.Linear(18, 3)

    def forward(self, x):
        return self.fc(self.norm(self.features(x).flatten(1))) + 1


def test_graph_of_a_network(tmp_path):
    model = Net()
    model.features.eval()
    model.fc.weight.requires_grad_(False)
    running = model.norm.running_mean.clone()
    with SummaryWriter(tmp_path) as writer:
        writer.add_graph(model, gradcore.zeros(2, 1, 8, 8))
    found = nodes(tmp_path)
    scope = "Net/Sequential[features]"
    convolution = found[f"{scope}/Conv2d[0]/convolution"]
    assert convolution.op == "aten::convolution"
    assert shape(convolution) == (2, 2, 6, 6)
    assert b"stride : (1, 1)" in convolution.attr["attr"].s
    assert list(convolution.input) == [
        "input/input.1",
        f"{scope}/Conv2d[0]/weight",
        f"{scope}/Conv2d[0]/bias",
    ]
    assert list(found[f"{scope}/ReLU[1]/relu"].input) == [convolution.name]
    assert "Net/Linear[fc]/weight" in found["Net/Linear[fc]/addmm"].input
    assert list(found["Net/add"].input) == ["Net/Linear[fc]/addmm"]
    assert list(found["output/output.1"].input) == ["Net/add"]
    for node in found.values():
        assert {name.partition(":")[0] for name in node.input} <= set(found)

    assert [m.training for m in (model, model.features, model.norm)] == [True, False, True]
    assert [p.requires_grad for p in model.fc.parameters()] == [False, True]
    assert model.norm.running_mean.tolist() == running.tolist()
    assert all(p.grad is None for p in model.parameters())


def test_graph_leads_back_to_every_input(tmp_path):
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(5, 4)
            self.rnn = nn.LSTM(4, 3)

        def forward(self, ids, start, scale):
            out, (hidden, _) = self.rnn(self.words(ids.view(-1, 1)), (start, start))
            return {"out": out * scale, "ids": ids, "hidden": hidden}

    with SummaryWriter(tmp_path) as writer:
        ids, start = gradcore.tensor([[1, 2]]), gradcore.zeros(1, 1, 3)
        with pytest.raises(RuntimeError, match="a dict at the output of the tracer"):
            writer.add_graph(Both(), (ids, start, 2.0))
        writer.add_graph(Both(), (ids, start, 2.0), use_strict_trace=False)
    found = nodes(tmp_path)
    assert "input/input.1" in found["Both/Embedding[words]/embedding"].input
    users = [node.name for node in found.values() if "input/input.2" in node.input]
    assert users
    assert all(name.startswith("Both/LSTM[rnn]/") for name in users)
    assert list(found["output/output.2"].input) == ["input/input.1"]
    assert all(":" not in x or x.split(":")[0] in found for n in found.values() for x in n.input)


def test_graph_of_a_module_that_runs_twice(tmp_path):
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, x):
            x += 1
            return self.layer(self.layer(x).tanh())

    with SummaryWriter(tmp_path) as writer:
        writer.add_graph(Twice(), gradcore.zeros(1, 2))
    found = nodes(tmp_path)
    second = found["Twice/Linear[layer]/addmm_1"]
    assert "Twice/tanh" in second.input
    assert "Twice/Linear[layer]/weight" in second.input
    assert list(found["Twice/tanh"].input) == ["Twice/Linear[layer]/addmm"]


def test_graph_is_printed(tmp_path, capsys):
    with SummaryWriter(tmp_path) as writer:
        writer.add_graph(nn.Linear(2, 1), gradcore.zeros(1, 2), verbose=True)
    assert 'name: "Linear/addmm"' in capsys.readouterr().out


def test_failing_model_is_left_as_it_was(tmp_path):
    model = nn.Sequential(nn.Linear(2, 2))
    model[0].weight.requires_grad_(False)
    with SummaryWriter(tmp_path) as writer:
        with pytest.raises(RuntimeError):
            writer.add_graph(model, gradcore.zeros(1, 3))
        with pytest.raises(RuntimeError, match="input_to_model is needed"):
            writer.add_graph(model)
    assert model.training
    assert not model[0].weight.requires_grad
    assert not model[0]._forward_hooks
    assert not model[0]._forward_pre_hooks


def test_loading_is_lazy():
    code = (
        "import sys, gradcore; gradcore.utils.tensorboard; assert 'tensorboard' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
