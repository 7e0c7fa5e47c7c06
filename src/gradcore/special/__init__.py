"""``torch.special``: special functions."""

from ..ops import bessel as _bessel
from ..ops import incomplete_gamma as _incomplete_gamma
from ..ops import orthogonal_polynomials as _polynomials
from ..ops import special_functions as _functions
from ..ops.registry import FUNCTIONS as _FUNCTIONS

_OWN = """digamma entr erfcx log_ndtr logit ndtr ndtri polygamma sinc xlog1py zeta""".split()
_SHARED = """erf erfc erfinv exp2 expm1 log1p log_softmax logsumexp round softmax xlogy""".split()
_RENAMED = {
    "expit": _FUNCTIONS["sigmoid"],
    "gammainc": _incomplete_gamma.igamma,
    "gammaincc": _incomplete_gamma.igammac,
    "gammaln": _functions.lgamma,
    "multigammaln": _functions.mvlgamma,
    "psi": _functions.digamma,
}

globals().update(
    {name: getattr(_functions, name) for name in _OWN}
    | {name: _FUNCTIONS[name] for name in _SHARED}
    | _RENAMED
    | _bessel.FUNCTIONS
    | _polynomials.FUNCTIONS
)

__all__ = [name for name in globals() if not name.startswith("_")]
