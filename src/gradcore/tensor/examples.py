"""Examples for the docstrings of functions that have none of their own in the source.

Those are the functions that a loop makes from a table, and the families whose modules the examples
would make too long. ``attach`` completes the docstrings once everything is registered.
"""

from __future__ import annotations

from typing import Any

from ..ops import bessel, fft, orthogonal_polynomials, products, special_functions
from ..ops.registry import FUNCTIONS, METHODS
from . import elementwise_examples

# name, Tensor.name of what is only a method, or module.name: the call and what it prints
EXAMPLES: dict[str, tuple[str, str]] = {
    # joining
    "hstack": ("torch.hstack((torch.tensor([1, 2]), torch.tensor([3])))", "tensor([1, 2, 3])"),
    "vstack": (
        "torch.vstack((torch.tensor([1, 2]), torch.tensor([3, 4]))).tolist()",
        "[[1, 2], [3, 4]]",
    ),
    "dstack": (
        "torch.dstack((torch.tensor([1, 2]), torch.tensor([3, 4]))).tolist()",
        "[[[1, 3], [2, 4]]]",
    ),
    "column_stack": (
        "torch.column_stack((torch.tensor([1, 2]), torch.tensor([3, 4]))).tolist()",
        "[[1, 3], [2, 4]]",
    ),
    # moving
    "tril": ("torch.tril(torch.tensor([[1, 2], [3, 4]])).tolist()", "[[1, 0], [3, 4]]"),
    "triu": ("torch.triu(torch.tensor([[1, 2], [3, 4]])).tolist()", "[[1, 2], [0, 4]]"),
    # views
    "Tensor.as_strided_": (
        "torch.arange(6).as_strided_((2, 2), (1, 3)).tolist()",
        "[[0, 3], [1, 4]]",
    ),
    "Tensor.squeeze_": ("torch.zeros(1, 3, 1).squeeze_().shape", "torch.Size([3])"),
    "Tensor.unsqueeze_": ("torch.tensor([1, 2]).unsqueeze_(0)", "tensor([[1, 2]])"),
    "Tensor.transpose_": ("torch.zeros(2, 3).transpose_(0, 1).shape", "torch.Size([3, 2])"),
    "Tensor.swapdims_": ("torch.zeros(2, 3).swapdims_(0, 1).shape", "torch.Size([3, 2])"),
    "Tensor.swapaxes_": ("torch.zeros(2, 3).swapaxes_(0, 1).shape", "torch.Size([3, 2])"),
    "Tensor.t_": ("torch.zeros(2, 3).t_().shape", "torch.Size([3, 2])"),
    "reshape": ("torch.reshape(torch.zeros(2, 6), (3, -1)).shape", "torch.Size([3, 4])"),
    "Tensor.reshape_as": (
        "torch.arange(4).reshape_as(torch.zeros(2, 2)).shape",
        "torch.Size([2, 2])",
    ),
    "Tensor.view": ("torch.zeros(2, 6).view(4, -1).shape", "torch.Size([4, 3])"),
    "Tensor.view_as": ("torch.arange(4).view_as(torch.zeros(2, 2)).shape", "torch.Size([2, 2])"),
    "flatten": ("torch.flatten(torch.zeros(2, 3, 4), start_dim=1).shape", "torch.Size([2, 12])"),
    "unflatten": ("torch.unflatten(torch.zeros(2, 12), 1, (3, -1)).shape", "torch.Size([2, 3, 4])"),
    "ravel": ("torch.ravel(torch.tensor([[1, 2], [3, 4]]))", "tensor([1, 2, 3, 4])"),
    "squeeze": ("torch.squeeze(torch.zeros(1, 3, 1), dim=0).shape", "torch.Size([3, 1])"),
    "unsqueeze": ("torch.unsqueeze(torch.zeros(2, 3), 1).shape", "torch.Size([2, 1, 3])"),
    "transpose": ("torch.transpose(torch.zeros(2, 3, 4), 1, 2).shape", "torch.Size([2, 4, 3])"),
    "swapaxes": ("torch.swapaxes(torch.zeros(2, 3, 4), 0, 2).shape", "torch.Size([4, 3, 2])"),
    "t": ("torch.t(torch.zeros(2, 3)).shape", "torch.Size([3, 2])"),
    "permute": ("torch.permute(torch.zeros(2, 3, 4), (2, 0, 1)).shape", "torch.Size([4, 2, 3])"),
    "movedim": ("torch.movedim(torch.zeros(2, 3, 4), 0, -1).shape", "torch.Size([3, 4, 2])"),
    "adjoint": (
        "torch.adjoint(torch.tensor([[1j, 2.0], [3.0, 4.0]])).resolve_conj()[0]",
        "tensor([0.-1.j, 3.-0.j])",
    ),
    "Tensor.expand": ("torch.zeros(2, 1).expand(-1, 3).shape", "torch.Size([2, 3])"),
    "Tensor.expand_as": ("torch.zeros(3).expand_as(torch.ones(2, 3)).shape", "torch.Size([2, 3])"),
    "broadcast_to": ("torch.broadcast_to(torch.zeros(3), (2, 3)).shape", "torch.Size([2, 3])"),
    "broadcast_shapes": ("torch.broadcast_shapes((3, 1), (1, 2))", "torch.Size([3, 2])"),
    "broadcast_tensors": (
        "torch.broadcast_tensors(torch.tensor([[1], [2]]), torch.tensor([3, 4]))[1].shape",
        "torch.Size([2, 2])",
    ),
    "select": ("torch.select(torch.tensor([[1, 2], [3, 4]]), 1, 0)", "tensor([1, 3])"),
    "narrow": ("torch.narrow(torch.tensor([1, 2, 3, 4]), 0, 1, 2)", "tensor([2, 3])"),
    # casts and conversions
    "Tensor.float": ("torch.tensor([1, 2]).float()", "tensor([1., 2.])"),
    "Tensor.double": ("torch.tensor([1, 2]).double()", "tensor([1., 2.], dtype=torch.float64)"),
    "Tensor.half": ("torch.tensor([1, 2]).half()", "tensor([1., 2.], dtype=torch.float16)"),
    "Tensor.short": ("torch.tensor([1.7, -1.7]).short()", "tensor([ 1, -1], dtype=torch.int16)"),
    "Tensor.int": ("torch.tensor([1.7, -1.7]).int()", "tensor([ 1, -1], dtype=torch.int32)"),
    "Tensor.long": ("torch.tensor([1.7, -1.7]).long()", "tensor([ 1, -1])"),
    "Tensor.byte": ("torch.tensor([1.7, 255.0]).byte()", "tensor([  1, 255], dtype=torch.uint8)"),
    "Tensor.char": ("torch.tensor([1.7, -1.7]).char()", "tensor([ 1, -1], dtype=torch.int8)"),
    "Tensor.bool": ("torch.tensor([0.0, -1.7]).bool()", "tensor([False,  True])"),
    "Tensor.cfloat": ("torch.tensor([1.0, 2.0]).cfloat()", "tensor([1.+0.j, 2.+0.j])"),
    "Tensor.cdouble": (
        "torch.tensor([1.0, 2.0]).cdouble()",
        "tensor([1.+0.j, 2.+0.j], dtype=torch.complex128)",
    ),
    "clone": ("torch.clone(torch.tensor([1, 2]))", "tensor([1, 2])"),
    "Tensor.contiguous": ("torch.zeros(2, 3).t().contiguous().stride()", "(2, 1)"),
    "Tensor.to": ("torch.tensor([1.7, -1.7]).to(torch.int64)", "tensor([ 1, -1])"),
    "Tensor.type_as": ("torch.tensor([1, 2]).type_as(torch.tensor(0.5))", "tensor([1., 2.])"),
    "Tensor.cpu": ("torch.tensor([1, 2]).cpu().device", "device(type='cpu')"),
    "Tensor.numpy": ("torch.tensor([1, 2]).numpy()", "array([1, 2])"),
    "from_dlpack": ("torch.from_dlpack(torch.tensor([1, 2]))", "tensor([1, 2])"),
    "asarray": ("torch.asarray([1, 2], dtype=torch.float32)", "tensor([1., 2.])"),
    "as_tensor": ("torch.as_tensor([1.0, 2.0])", "tensor([1., 2.])"),
    # copies of views
    "alias_copy": ("torch.alias_copy(torch.tensor([1, 2]))", "tensor([1, 2])"),
    "detach_copy": ("torch.detach_copy(torch.tensor([1.0]))", "tensor([1.])"),
    "slice_copy": ("torch.slice_copy(torch.arange(6), 0, 1, 6, 2)", "tensor([1, 3, 5])"),
    "split_copy": ("torch.split_copy(torch.arange(3), 2)", "(tensor([0, 1]), tensor([2]))"),
    "unfold_copy": (
        "torch.unfold_copy(torch.arange(5), 0, 3, 2).tolist()",
        "[[0, 1, 2], [2, 3, 4]]",
    ),
    "as_strided_copy": (
        "torch.as_strided_copy(torch.arange(6), (2, 2), (1, 3)).tolist()",
        "[[0, 3], [1, 4]]",
    ),
    "view_as_real_copy": ("torch.view_as_real_copy(torch.tensor([1 + 2j]))", "tensor([[1., 2.]])"),
    "view_as_complex_copy": (
        "torch.view_as_complex_copy(torch.tensor([[1.0, 2.0]]))",
        "tensor([1.+2.j])",
    ),
    "view_copy": ("torch.view_copy(torch.arange(4), (2, 2)).shape", "torch.Size([2, 2])"),
    "squeeze_copy": ("torch.squeeze_copy(torch.zeros(1, 3, 1)).shape", "torch.Size([3])"),
    "unsqueeze_copy": ("torch.unsqueeze_copy(torch.tensor([1, 2]), 1).shape", "torch.Size([2, 1])"),
    "transpose_copy": ("torch.transpose_copy(torch.zeros(2, 3), 0, 1).shape", "torch.Size([3, 2])"),
    "t_copy": ("torch.t_copy(torch.zeros(2, 3)).shape", "torch.Size([3, 2])"),
    "permute_copy": (
        "torch.permute_copy(torch.zeros(2, 3, 4), (2, 0, 1)).shape",
        "torch.Size([4, 2, 3])",
    ),
    "expand_copy": ("torch.expand_copy(torch.zeros(3), (2, 3)).shape", "torch.Size([2, 3])"),
    "select_copy": ("torch.select_copy(torch.tensor([[1, 2], [3, 4]]), 1, 0)", "tensor([1, 3])"),
    "narrow_copy": ("torch.narrow_copy(torch.tensor([1, 2, 3, 4]), 0, 1, 2)", "tensor([2, 3])"),
    "diagonal_copy": ("torch.diagonal_copy(torch.tensor([[1, 2], [3, 4]]))", "tensor([1, 4])"),
    "split_with_sizes_copy": (
        "torch.split_with_sizes_copy(torch.arange(3), [1, 2])",
        "(tensor([0]), tensor([1, 2]))",
    ),
    "unbind_copy": (
        "torch.unbind_copy(torch.tensor([[1, 2], [3, 4]]))",
        "(tensor([1, 2]), tensor([3, 4]))",
    ),
    # random numbers
    "Tensor.uniform_": (
        "_ = torch.manual_seed(0); torch.zeros(3).uniform_(3, 4)",
        "tensor([3.4963, 3.7682, 3.0885])",
    ),
    "Tensor.normal_": (
        "_ = torch.manual_seed(0); torch.zeros(3).normal_(10, 1)",
        "tensor([11.5410,  9.7066,  7.8212])",
    ),
    "Tensor.exponential_": (
        "_ = torch.manual_seed(0); torch.zeros(3).exponential_()",
        "tensor([3.5083, 1.2304, 0.6150])",
    ),
    "Tensor.geometric_": (
        "_ = torch.manual_seed(0); torch.zeros(3).geometric_(0.5)",
        "tensor([1., 1., 2.])",
    ),
    "Tensor.log_normal_": (
        "_ = torch.manual_seed(0); torch.zeros(3).log_normal_()",
        "tensor([5.9263e+01, 1.5116e+00, 3.4819e-02])",
    ),
    "Tensor.cauchy_": (
        "_ = torch.manual_seed(0); torch.zeros(3).cauchy_()",
        "tensor([10.5977,  0.7648, -0.1283])",
    ),
    "rand": ("_ = torch.manual_seed(0); torch.rand(3)", "tensor([0.4963, 0.7682, 0.0885])"),
    "randn": ("_ = torch.manual_seed(0); torch.randn(3)", "tensor([ 1.5410, -0.2934, -2.1788])"),
    "randint": ("_ = torch.manual_seed(0); torch.randint(10, (4,))", "tensor([4, 9, 3, 0])"),
    "randperm": ("_ = torch.manual_seed(0); torch.randperm(4)", "tensor([0, 1, 3, 2])"),
    "rand_like": ("torch.rand_like(torch.zeros(2, 3)).shape", "torch.Size([2, 3])"),
    "randn_like": ("torch.randn_like(torch.zeros(2, 3)).shape", "torch.Size([2, 3])"),
    "randint_like": ("torch.randint_like(torch.zeros(2, 3), 10).shape", "torch.Size([2, 3])"),
    "normal": (
        "_ = torch.manual_seed(0); torch.normal(torch.tensor([0.0, 100.0]), 1.0)",
        "tensor([ 1.5410, 99.7066])",
    ),
    "bernoulli": ("torch.bernoulli(torch.tensor([0.0, 1.0]))", "tensor([0., 1.])"),
    "multinomial": (
        "torch.multinomial(torch.tensor([0.0, 1.0, 0.0]), 3, replacement=True)",
        "tensor([1, 1, 1])",
    ),
    "poisson": (
        "_ = torch.manual_seed(0); torch.poisson(torch.tensor([2.0, 50.0]))",
        "tensor([ 6., 47.])",
    ),
    "Tensor.bernoulli_": (
        "_ = torch.manual_seed(0); torch.zeros(3).bernoulli_()",
        "tensor([0., 0., 1.])",
    ),
    "Tensor.random_": (
        "_ = torch.manual_seed(0); torch.zeros(3, dtype=torch.int64).random_(10)",
        "tensor([4, 9, 3])",
    ),
    # splitting
    "hsplit": ("torch.hsplit(torch.arange(4), 2)", "(tensor([0, 1]), tensor([2, 3]))"),
    "vsplit": (
        "torch.vsplit(torch.tensor([[1, 2], [3, 4]]), 2)",
        "(tensor([[1, 2]]), tensor([[3, 4]]))",
    ),
    "dsplit": (
        "[part.shape for part in torch.dsplit(torch.zeros(1, 2, 4), 2)]",
        "[torch.Size([1, 2, 2]), torch.Size([1, 2, 2])]",
    ),
    # triangles
    "tril_indices": ("torch.tril_indices(2, 2).tolist()", "[[0, 1, 1], [0, 0, 1]]"),
    "triu_indices": ("torch.triu_indices(2, 2).tolist()", "[[0, 0, 1], [0, 1, 1]]"),
    # in place at indices
    "Tensor.scatter_": (
        "torch.zeros(3).scatter_(0, torch.tensor([2, 0]), torch.tensor([5.0, 6.0]))",
        "tensor([6., 0., 5.])",
    ),
    "Tensor.scatter_add_": (
        "torch.zeros(3).scatter_add_(0, torch.tensor([2, 2]), torch.tensor([5.0, 6.0]))",
        "tensor([ 0.,  0., 11.])",
    ),
    "Tensor.index_put_": (
        "torch.zeros(3).index_put_((torch.tensor([0, 2]),), torch.tensor([1.0, 2.0]))",
        "tensor([1., 0., 2.])",
    ),
    "Tensor.index_add_": (
        "torch.zeros(3).index_add_(0, torch.tensor([0, 0, 2]), torch.ones(3))",
        "tensor([2., 0., 1.])",
    ),
    "Tensor.index_copy_": (
        "torch.zeros(3).index_copy_(0, torch.tensor([2, 0]), torch.tensor([5.0, 6.0]))",
        "tensor([6., 0., 5.])",
    ),
    "Tensor.index_fill_": (
        "torch.tensor([1, 2, 3]).index_fill_(0, torch.tensor([0, 2]), 9)",
        "tensor([9, 2, 9])",
    ),
    # products
    "addmm": (
        "torch.addmm(torch.tensor([5]), torch.tensor([[1, 2]]), torch.tensor([[1, 0], [3, 1]]))",
        "tensor([[12,  7]])",
    ),
    "baddbmm": (
        "torch.baddbmm(torch.zeros(5), torch.ones(3, 2, 4), torch.ones(3, 4, 5)).shape",
        "torch.Size([3, 2, 5])",
    ),
    "addbmm": (
        "torch.addbmm(torch.zeros(5), torch.ones(3, 2, 4), torch.ones(3, 4, 5)).shape",
        "torch.Size([2, 5])",
    ),
    "addmv": (
        "torch.addmv(torch.tensor([5, 6]), torch.tensor([[1, 2], [3, 4]]), torch.tensor([1, 1]))",
        "tensor([ 8, 13])",
    ),
    "addr": (
        "torch.addr(torch.zeros(2, 2), torch.ones(2), torch.tensor([3.0, 4.0])).tolist()",
        "[[3.0, 4.0], [3.0, 4.0]]",
    ),
    "vdot": ("torch.vdot(torch.tensor([1j, 2.0]), torch.tensor([1j, 3.0]))", "tensor(7.+0.j)"),
    "outer": (
        "torch.outer(torch.tensor([1, 2]), torch.tensor([3, 4])).tolist()",
        "[[3, 4], [6, 8]]",
    ),
    "inner": (
        "torch.inner(torch.tensor([1, 2]), torch.tensor([[3, 4], [5, 6]]))",
        "tensor([11, 17])",
    ),
    "tensordot": (
        "torch.tensordot(torch.ones(2, 3, 4), torch.ones(3, 4, 5), dims=2).shape",
        "torch.Size([2, 5])",
    ),
    "chain_matmul": (
        "torch.chain_matmul(torch.ones(2, 3), torch.ones(3, 4), torch.ones(4, 1)).shape",
        "torch.Size([2, 1])",
    ),
    "kron": ("torch.kron(torch.tensor([1, 10]), torch.tensor([1, 2]))", "tensor([ 1,  2, 10, 20])"),
    "cross": (
        "torch.cross(torch.tensor([1, 0, 0]), torch.tensor([0, 1, 0]), dim=0)",
        "tensor([0, 0, 1])",
    ),
    "trace": ("torch.trace(torch.tensor([[1, 2], [3, 4]]))", "tensor(5)"),
    # of submodules
    "fft.fft2": ("torch.fft.fft2(torch.ones(4, 2, 3)).shape", "torch.Size([4, 2, 3])"),
    "fft.ifft2": ("torch.fft.ifft2(torch.ones(4, 2, 3)).shape", "torch.Size([4, 2, 3])"),
    "fft.rfft2": ("torch.fft.rfft2(torch.ones(4, 6)).shape", "torch.Size([4, 4])"),
    "fft.irfft2": ("torch.fft.irfft2(torch.ones(4, 4)).shape", "torch.Size([4, 6])"),
    "fft.hfft2": ("torch.fft.hfft2(torch.ones(4, 4)).shape", "torch.Size([4, 6])"),
    "fft.ihfft2": ("torch.fft.ihfft2(torch.ones(4, 6)).shape", "torch.Size([4, 4])"),
    "linalg.cross": (
        "torch.linalg.cross(torch.tensor([1, 0, 0]), torch.tensor([0, 1, 0]))",
        "tensor([0, 0, 1])",
    ),
    "linalg.multi_dot": (
        "torch.linalg.multi_dot([torch.ones(2, 3), torch.ones(3, 4), torch.ones(4)])",
        "tensor([12., 12.])",
    ),
    "linalg.vecdot": (
        "torch.linalg.vecdot(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1.0, 10.0]))",
        "tensor([21., 43.])",
    ),
}

_TABLES: dict[str, dict[str, Any]] = {
    "": FUNCTIONS,
    "Tensor": METHODS,
    "fft": vars(fft),
    "linalg": vars(products) | {"cross": products.linalg_cross},
    "special": vars(special_functions) | bessel.FUNCTIONS | orthogonal_polynomials.FUNCTIONS,
}


def attach(examples: dict[str, tuple[str, str]]) -> None:
    """Add each example to the docstring of its function, at the indentation of that."""
    for path, (call, printed) in examples.items():
        table, _, name = path.rpartition(".")
        function = _TABLES[table][name]
        text = function.__doc__
        if text:  # None under python -OO
            kept = text.rstrip()
            pad = text[len(kept) :].rpartition("\n")[2]
            function.__doc__ = f"{kept}\n\n{pad}>>> {call}\n{pad}{printed}\n{pad}"


attach(elementwise_examples.EXAMPLES)
attach(EXAMPLES)
