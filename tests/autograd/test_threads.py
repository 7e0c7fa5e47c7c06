"""Several threads at work on graphs of their own, on one graph, and on shared leaves."""

from __future__ import annotations

import threading

import gradcore as torch


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def in_threads(work, count=8):
    """Run ``work(i)`` in as many threads at once; the first error is raised here."""
    errors = []
    start = threading.Barrier(count)

    def run(i):
        start.wait()
        try:
            work(i)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_shared_leaf_gets_every_gradient():
    x = leaf(1.0, 2.0)

    def work(i):
        for _ in range(50):
            (x * 3).sum().backward()

    in_threads(work)
    assert x.grad.tolist() == [8 * 50 * 3.0] * 2


def test_backward_through_one_graph():
    x = leaf(2.0)
    y = x * x
    in_threads(lambda i: y.backward(retain_graph=True))
    assert x.grad.tolist() == [32.0]


def test_grad_does_not_mix_results():
    x = leaf(2.0)
    y = x * x
    results = {}

    def work(i):
        vector = torch.full((1,), float(i), dtype=torch.float64)
        for _ in range(20):
            (results[i],) = torch.autograd.grad(y, x, vector, retain_graph=True)

    in_threads(work)
    assert {i: g.item() for i, g in results.items()} == {i: 4.0 * i for i in range(8)}


def test_graphs_of_their_own():
    results = {}

    def work(i):
        w = leaf(float(i), 1.0)
        total = w
        for _ in range(100):
            total = total * 1.01 + w
        total.sum().backward()
        results[i] = w.grad.tolist()

    in_threads(work)
    assert all(r == results[0] for r in results.values())


def test_backward_in_another_thread_than_forward():
    x = leaf(3.0)
    y = x * x
    thread = threading.Thread(target=y.backward)
    thread.start()
    thread.join()
    assert x.grad.tolist() == [6.0]


def test_hooks_run_in_the_thread_that_called_backward():
    x = leaf(1.0)
    seen = []
    x.register_hook(lambda g: seen.append(threading.get_ident()))
    (x * 2).backward()
    assert seen == [threading.get_ident()]


def test_backward_within_no_grad_of_another_thread():
    x = leaf(2.0)
    y = x * x
    done = []

    def work():
        with torch.no_grad():
            y.backward()
            done.append(torch.is_grad_enabled())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [False]
    assert x.grad.tolist() == [4.0]
