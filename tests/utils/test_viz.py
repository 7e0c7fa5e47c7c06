"""Pictures of graphs and curves of training."""

from __future__ import annotations

import re
import shutil
import stat
import sys
from xml.etree import ElementTree

import pytest

import gradcore
from gradcore import nn
from gradcore.utils.viz import history, make_dot, plot_curves

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz")


def parse(graph):
    """The labels of a graph, with their colours, and its edges as pairs of labels."""
    labels, colours = {}, {}
    for key, label, colour in re.findall(
        r'^ {2}"(\d+)" \[label="((?:[^"\\]|\\.)*)" fillcolor="(\w+)"\]$', graph.source, re.M
    ):
        assert key not in labels
        labels[key], colours[label] = label, colour
    edges = re.findall(r'^ {2}"(\d+)" -> "(\d+)"$', graph.source, re.M)
    return colours, [(labels[a], labels[b]) for a, b in edges]


def test_graph_of_an_expression():
    x = gradcore.ones(2, requires_grad=True)
    y = gradcore.ones(3, 1, requires_grad=True)
    colours, edges = parse(make_dot((x * y).sum(), {"x": x}))
    assert colours == {
        "MulBackward0": "lightgrey",
        "SumBackward0": "lightgrey",
        "x\\n(2,)": "lightblue",
        "(3, 1)": "lightblue",
        "()": "darkolivegreen1",
    }
    assert sorted(edges) == [
        ("(3, 1)", "MulBackward0"),
        ("MulBackward0", "SumBackward0"),
        ("SumBackward0", "()"),
        ("x\\n(2,)", "MulBackward0"),
    ]


def test_an_operation_used_twice_is_one_box():
    x = gradcore.ones(2, requires_grad=True)
    y = x.exp()
    colours, edges = parse(make_dot([y + y, {"product": y * 3}], {"x": x}))
    assert sorted(colours) == ["(2,)", "AddBackward0", "ExpBackward0", "MulBackward0", "x\\n(2,)"]
    assert edges.count(("ExpBackward0", "AddBackward0")) == 2
    assert edges.count(("x\\n(2,)", "ExpBackward0")) == 1


def test_tensor_without_history():
    colours, edges = parse(make_dot(gradcore.ones(2)))
    assert (colours, edges) == ({"(2,)": "lightblue"}, [])


def test_model_with_names_and_attributes():
    model = nn.Sequential(nn.Conv2d(1, 2, 3, stride=2), nn.Flatten())
    out = model(gradcore.zeros(1, 1, 7, 7))
    graph = make_dot(out, dict(model.named_parameters()), show_attrs=True, max_attr_chars=4)
    colours, _ = parse(graph)
    assert colours["0.weight\\n(2, 1, 3, 3)"] == "lightblue"
    assert any("\\nstride: (2, …" in label for label in colours)


def test_long_chain():
    y = gradcore.ones(1, requires_grad=True)
    for _ in range(5000):
        y = y + 1
    nodes = history([y])
    assert len(nodes) == 5000
    assert nodes[-1] is y.grad_fn


def test_freed_graph():
    x = gradcore.ones(1, requires_grad=True)
    y = (x * x).softmax(0).sum()
    y.backward()
    assert "SoftmaxBackward0" in str(make_dot(y, show_attrs=True))


def test_wrong_arguments():
    x = gradcore.ones(1)
    with pytest.raises(TypeError, match="var should be a Tensor or hold Tensors, got int"):
        make_dot([x, 3])
    with pytest.raises(TypeError, match=r"params\['x'\] should be a Tensor, got int"):
        make_dot(x, {"x": 3})
    with pytest.raises(ValueError, match=r"path should end in \.svg, \.dot or \.gv, got 'x\.png'"):
        make_dot(x).save("x.png")


def test_text_file(tmp_path):
    graph = make_dot(gradcore.ones(1), {"größe": gradcore.ones(1)})
    graph.save(tmp_path / "x.gv")
    assert (tmp_path / "x.gv").read_text(encoding="utf-8") == str(graph) == graph.source


def test_picture_without_graphviz(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    graph = make_dot(gradcore.ones(1))
    with pytest.raises(RuntimeError, match="needs the program 'dot' of Graphviz"):
        graph.save(tmp_path / "x.svg")
    assert not (tmp_path / "x.svg").exists()
    assert graph._repr_svg_() is None


def test_picture_of_a_program_that_fails(monkeypatch, tmp_path):
    program = tmp_path / "dot"
    program.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('no fonts')\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="dot could not draw the graph: no fonts"):
        make_dot(gradcore.ones(1)).svg()


@needs_dot
def test_picture(tmp_path):
    x = gradcore.ones(2, requires_grad=True)
    graph = make_dot(x.exp(), {'a "name" \\ größe': x})
    graph.save(tmp_path / "x.svg")
    text = (tmp_path / "x.svg").read_text(encoding="utf-8")
    assert text == graph._repr_svg_()
    words = [element.text for element in ElementTree.fromstring(text).iter() if element.text]
    assert "ExpBackward0" in words
    assert 'a "name" \\ größe' in [word.strip() for word in words]


# ---------------------------------------------------------------------------- curves


@pytest.fixture
def axes():
    pytest.importorskip("matplotlib").use("agg")
    import matplotlib.pyplot as plt

    yield plt.figure().add_subplot()
    plt.close("all")


def test_curves(axes):
    drawn = plot_curves({"train": [gradcore.tensor(3.0), 2, 1], "test": [4]}, ax=axes, log=True)
    assert drawn is axes
    assert [line.get_label() for line in axes.lines] == ["train", "test"]
    assert axes.lines[0].get_xydata().tolist() == [[1, 3], [2, 2], [3, 1]]
    assert (axes.get_xlabel(), axes.get_yscale()) == ("epoch", "log")


def test_smoothed_curves(axes):
    plot_curves({"loss": [4.0, 0.0]}, steps=[10, 20], smoothing=0.5, ax=axes)
    smooth, pale = (line.get_xydata().tolist() for line in axes.lines)
    # (0.5 · 0.5 · 4 + 0.5 · 0) / 0.75
    assert smooth == [[10, 4], [20, pytest.approx(4 / 3)]]
    assert pale == [[10, 4], [20, 0]]


def test_curves_make_axes(axes):
    assert plot_curves({}) is not axes


def test_curves_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "gradcore\[plot\]"'):
        plot_curves({"loss": [1]})


@pytest.mark.parametrize(
    ("options", "message"),
    [({"smoothing": 1.0}, "smoothing should be"), ({"steps": [1]}, "1 places for 2 values of 'a'")],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        plot_curves({"a": [1, 2]}, ax=object(), **options)
