"""gradcore: a deep-learning library with PyTorch's API in pure Python, on NumPy and CuPy.

``import gradcore as torch`` runs PyTorch programs as they are.
"""

from __future__ import annotations

# The order is the order of the layers: each line may only need those above it.
from . import backends as backends
from . import autograd as autograd
from .ops import (  # noqa: F401  (importing registers the operations)
    activation as _activation,
    along as _along,
    arithmetic as _arithmetic,
    bessel as _bessel,
    complex as _complex,
    conv as _conv,
    cumulative as _cumulative,
    decompositions as _decompositions,
    diagonals as _diagonals,
    distances as _distances,
    dropout as _dropout,
    einsum as _einsum,
    embedding as _embedding,
    extrema as _extrema,
    fft as _fft,
    histogram as _histogram,
    incomplete_gamma as _incomplete_gamma,
    index as _index,
    joining as _joining,
    ldl as _ldl,
    linalg as _linalg,
    loss as _loss,
    lu as _lu,
    masking as _masking,
    matrix_functions as _matrix_functions,
    matrix_norms as _matrix_norms,
    moving as _moving,
    norm as _norm,
    order_statistics as _order_statistics,
    orthogonal as _orthogonal,
    orthogonal_polynomials as _orthogonal_polynomials,
    padding as _padding,
    pointwise as _pointwise,
    pool as _pool,
    products as _products,
    reduce as _reduce,
    searching as _searching,
    selecting as _selecting,
    shape as _shape,
    slices as _slices,
    softmax as _softmax,
    solves as _solves,
    sorting as _sorting,
    special_functions as _special_functions,
    stft as _stft,
    strided as _strided,
    triangular as _triangular,
    unary as _unary,
    variance as _variance,
    views as _views,
)
from .tensor import (  # noqa: F401
    activations as _tensor_activations,
    choosing as _tensor_choosing,
    conversion as _tensor_conversion,
    copies as _tensor_copies,
    creation as _tensor_creation,
    differences as _tensor_differences,
    discrete as _tensor_discrete,
    factories as _tensor_factories,
    hostwise as _tensor_hostwise,
    indexing as _tensor_indexing,
    inplace as _tensor_inplace,
    legacy as _tensor_legacy,
    low_rank as _tensor_low_rank,
    memory as _tensor_memory,
    older as _tensor_older,
    pointwise as _tensor_pointwise,
    random as _tensor_random,
    segments as _tensor_segments,
    spaced as _tensor_spaced,
    splitting as _tensor_splitting,
    statistics as _tensor_statistics,
    triangles as _tensor_triangles,
    windows as _tensor_windows,
    viewing as _tensor_viewing,
)
from .tensor import methods as _methods  # noqa: F401  (after everything is registered)
from .tensor import examples as _examples  # noqa: F401  (completes their docstrings)
from .ops.registry import FUNCTIONS as _FUNCTIONS
from .tensor.public import *
from .tensor.public import __all__ as _public_names
from .tensor.settings import *
from .tensor.settings import __all__ as _settings

__version__ = "0.1.0"

globals().update({name: f for name, f in _FUNCTIONS.items() if not name.startswith("_")})

_SUBMODULES = (
    "cuda", "fft", "func", "hub", "linalg", "masked", "nn", "optim", "random", "serialization",
    "signal", "special", "summary", "types", "utils", "version", "vision",
)  # fmt: skip
# Names of the package that live in a submodule which loads on first use.
_FROM_SUBMODULES = {
    "TypedStorage": "serialization", "UntypedStorage": "serialization", "load": "serialization",
    "save": "serialization", "vmap": "func",
}  # fmt: skip

__all__ = sorted(
    {
        *_public_names,
        *_settings,
        *(n for n in _FUNCTIONS if not n.startswith("_")),
        *_SUBMODULES,
        *_FROM_SUBMODULES,
        "autograd",
    }
)


def __getattr__(name: str):
    """Submodules load on first use, and bfloat16 with them, for it needs a package of its own."""
    if name in _SUBMODULES:
        import importlib

        return importlib.import_module(f"{__name__}.{name}")
    if name in _FROM_SUBMODULES:
        module = __getattr__(_FROM_SUBMODULES[name])
        globals()[name] = getattr(module, name)
        return globals()[name]
    if not name.startswith("_"):
        from .nn import top_level

        if name in top_level.NAMES:
            globals()[name] = getattr(top_level, name)
            return globals()[name]
    if name == "bfloat16":
        from .backends.dtype import bfloat16

        globals()[name] = bfloat16()
        return globals()[name]
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
