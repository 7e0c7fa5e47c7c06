"""Examples of the elementwise functions, for their docstrings; see :mod:`.examples`."""

from __future__ import annotations

# name: the data of the arguments, and of the result
TABLE: dict[str, tuple[str, ...]] = {
    "exp": ("[0., 1.]", "[1.0000, 2.7183]"),
    "exp2": ("[0., 3.]", "[1., 8.]"),
    "expm1": ("[0., 1e-8]", "[0.0000e+00, 1.0000e-08]"),
    "log": ("[1., 10.]", "[0.0000, 2.3026]"),
    "log2": ("[1., 8.]", "[0., 3.]"),
    "log10": ("[1., 20.]", "[0.0000, 1.3010]"),
    "log1p": ("[0., 1.]", "[0.0000, 0.6931]"),
    "sqrt": ("[4., 2.]", "[2.0000, 1.4142]"),
    "rsqrt": ("[4., 2.]", "[0.5000, 0.7071]"),
    "reciprocal": ("[4., -0.5]", "[ 0.2500, -2.0000]"),
    "sin": ("[0., 1.]", "[0.0000, 0.8415]"),
    "cos": ("[0., 1.]", "[1.0000, 0.5403]"),
    "tan": ("[0., 1.]", "[0.0000, 1.5574]"),
    "asin": ("[0., 1.]", "[0.0000, 1.5708]"),
    "acos": ("[0., 1.]", "[1.5708, 0.0000]"),
    "atan": ("[0., 1.]", "[0.0000, 0.7854]"),
    "sinh": ("[0., 1.]", "[0.0000, 1.1752]"),
    "cosh": ("[0., 1.]", "[1.0000, 1.5431]"),
    "tanh": ("[0., 1.]", "[0.0000, 0.7616]"),
    "asinh": ("[0., 1.]", "[0.0000, 0.8814]"),
    "acosh": ("[1., 2.]", "[0.0000, 1.3170]"),
    "atanh": ("[0., 0.5]", "[0.0000, 0.5493]"),
    "floor": ("[1.7, -1.7]", "[ 1., -2.]"),
    "ceil": ("[1.7, -1.7]", "[ 2., -1.]"),
    "trunc": ("[1.7, -1.7]", "[ 1., -1.]"),
    "frac": ("[1.75, -1.75]", "[ 0.7500, -0.7500]"),
    "abs": ("[1.5, -1.5]", "[1.5000, 1.5000]"),
    "sigmoid": ("[0., 2.]", "[0.5000, 0.8808]"),
    "relu": ("[1.5, -1.5]", "[1.5000, 0.0000]"),
    "erf": ("[0., 1.]", "[0.0000, 0.8427]"),
    "erfc": ("[0., 1.]", "[1.0000, 0.1573]"),
    "erfinv": ("[0., 0.5]", "[0.0000, 0.4769]"),
    "neg": ("[1.5, -2.]", "[-1.5000,  2.0000]"),
    "logical_not": ("[0., 2.]", "[ True, False]"),
    "bitwise_not": ("[0, 5]", "[-1, -6]"),
    "isnan": ("[1., torch.nan]", "[False,  True]"),
    "isinf": ("[1., torch.inf]", "[False,  True]"),
    "isfinite": ("[1., torch.inf]", "[ True, False]"),
    "signbit": ("[1., -0.]", "[False,  True]"),
    "maximum": ("[1., 5.]", "[3., torch.nan]", "[3., nan]"),
    "minimum": ("[1., 5.]", "[3., torch.nan]", "[1., nan]"),
    "fmax": ("[1., 5.]", "[3., torch.nan]", "[3., 5.]"),
    "fmin": ("[1., 5.]", "[3., torch.nan]", "[1., 5.]"),
    "remainder": ("[5., -5.]", "[3., 3.]", "[2., 1.]"),
    "fmod": ("[5., -5.]", "[3., 3.]", "[ 2., -2.]"),
    "atan2": ("[1., -1.]", "[1., -1.]", "[ 0.7854, -2.3562]"),
    "hypot": ("[3., 5.]", "[4., 12.]", "[ 5., 13.]"),
    "logaddexp": ("[0., 1000.]", "[0., 1000.]", "[6.9315e-01, 1.0007e+03]"),
    "logaddexp2": ("[0., 1000.]", "[0., 1000.]", "[1.0000e+00, 1.0010e+03]"),
    "copysign": ("[1., -2.]", "[-0., 3.]", "[-1.,  2.]"),
    "heaviside": ("[-2., 0.]", "[0.5, 0.5]", "[0.0000, 0.5000]"),
    "eq": ("[1, 2]", "[1, 3]", "[ True, False]"),
    "ne": ("[1, 2]", "[1, 3]", "[False,  True]"),
    "lt": ("[1, 2]", "[1, 3]", "[False,  True]"),
    "le": ("[1, 2]", "[1, 1]", "[ True, False]"),
    "gt": ("[1, 2]", "[1, 1]", "[False,  True]"),
    "ge": ("[1, 2]", "[1, 3]", "[ True, False]"),
    "logical_and": ("[0, 2]", "[1, 1]", "[False,  True]"),
    "logical_or": ("[0, 2]", "[0, 1]", "[False,  True]"),
    "logical_xor": ("[0, 2]", "[1, 1]", "[ True, False]"),
    "bitwise_and": ("[6, 5]", "[3, 4]", "[2, 4]"),
    "bitwise_or": ("[6, 5]", "[3, 4]", "[7, 5]"),
    "bitwise_xor": ("[6, 5]", "[3, 4]", "[5, 1]"),
    "bitwise_left_shift": ("[1, 3]", "[2, 1]", "[4, 6]"),
    "bitwise_right_shift": ("[4, 7]", "[2, 1]", "[1, 3]"),
}

EXAMPLES: dict[str, tuple[str, str]] = {
    name: (f"torch.{name}({', '.join(f'torch.tensor({x})' for x in data)})", f"tensor({result})")
    for name, (*data, result) in TABLE.items()
} | {
    "i0": ("torch.i0(torch.tensor([0.0, 1.0]))", "tensor([1.0000, 1.2661])"),
    "lgamma": ("torch.lgamma(torch.tensor([3.0, 5.0]))", "tensor([0.6931, 3.1781])"),
    "digamma": ("torch.digamma(torch.tensor([1.0, 5.0]))", "tensor([-0.5772,  1.5061])"),
    "xlogy": (
        "torch.xlogy(torch.tensor([0.0, 2.0]), torch.tensor([0.0, 3.0]))",
        "tensor([0.0000, 2.1972])",
    ),
    "sign": ("torch.sign(torch.tensor([-2.0, 0.0, 3.0]))", "tensor([-1.,  0.,  1.])"),
    "sgn": ("torch.sgn(torch.tensor([3 + 4j, 0j]))", "tensor([0.6000+0.8000j, 0.0000+0.0000j])"),
    "square": ("torch.square(torch.tensor([-2.0, 3.0]))", "tensor([4., 9.])"),
    "add": ("torch.add(torch.tensor([1, 2]), torch.tensor([3, 4]), alpha=10)", "tensor([31, 42])"),
    "sub": ("torch.sub(torch.tensor([5, 5]), torch.tensor([1, 2]), alpha=2)", "tensor([3, 1])"),
    "rsub": ("torch.rsub(torch.tensor([1, 2]), 10)", "tensor([9, 8])"),
    "mul": ("torch.mul(torch.tensor([1, 2]), torch.tensor([3.0, 4.0]))", "tensor([3., 8.])"),
    "div": ('torch.div(torch.tensor([7.0, -7.0]), 2, rounding_mode="trunc")', "tensor([ 3., -3.])"),
    "true_divide": ("torch.true_divide(torch.tensor([1, 3]), 2)", "tensor([0.5000, 1.5000])"),
    "floor_divide": ("torch.floor_divide(torch.tensor([7, -7]), 2)", "tensor([ 3, -4])"),
    "pow": ("torch.pow(torch.tensor([1, 2, 3]), 2)", "tensor([1, 4, 9])"),
    "round": ("torch.round(torch.tensor([0.5, 1.5, 2.6]))", "tensor([0., 2., 3.])"),
    "conj": ("torch.conj(torch.tensor([1 + 2j])).resolve_conj()", "tensor([1.-2.j])"),
    "positive": ("torch.positive(torch.tensor([1, -2]))", "tensor([ 1, -2])"),
    "addcmul": (
        "torch.addcmul(torch.ones(2), torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))",
        "tensor([4., 9.])",
    ),
    "addcdiv": (
        "torch.addcdiv(torch.ones(2), torch.tensor([1.0, 2.0]), torch.tensor([4.0, 4.0]))",
        "tensor([1.2500, 1.5000])",
    ),
    "lerp": (
        "torch.lerp(torch.tensor([0.0, 10.0]), torch.tensor([1.0, 20.0]), 0.25)",
        "tensor([ 0.2500, 12.5000])",
    ),
    "ldexp": ("torch.ldexp(torch.tensor([1.0, 3.0]), torch.tensor([2, 1]))", "tensor([4., 6.])"),
    "frexp": (
        "tuple(torch.frexp(torch.tensor([1.0, 6.0])))",
        "(tensor([0.5000, 0.7500]), tensor([1, 3], dtype=torch.int32))",
    ),
    "float_power": (
        "torch.float_power(torch.tensor([1, 2]), 0.5)",
        "tensor([1.0000, 1.4142], dtype=torch.float64)",
    ),
    "Tensor.float_power_": (
        "torch.tensor([1.0, 4.0], dtype=torch.float64).float_power_(0.5)",
        "tensor([1., 2.], dtype=torch.float64)",
    ),
    "gcd": ("torch.gcd(torch.tensor([12, 7]), torch.tensor([18, 5]))", "tensor([6, 1])"),
    "lcm": ("torch.lcm(torch.tensor([4, 7]), torch.tensor([6, 21]))", "tensor([12, 21])"),
    "nextafter": (
        "torch.nextafter(torch.tensor(0.0), torch.tensor(1.0)).item()",
        "1.401298464324817e-45",
    ),
    "deg2rad": ("torch.deg2rad(torch.tensor([0.0, 180.0]))", "tensor([0.0000, 3.1416])"),
    "rad2deg": ("torch.rad2deg(torch.tensor([0.0, torch.pi]))", "tensor([  0., 180.])"),
    "nan_to_num": (
        'torch.nan_to_num(torch.tensor([1.0, float("nan")]), nan=-1.0)',
        "tensor([ 1., -1.])",
    ),
    "isposinf": (
        'torch.isposinf(torch.tensor([1.0, float("inf"), -float("inf")]))',
        "tensor([False,  True, False])",
    ),
    "isneginf": (
        'torch.isneginf(torch.tensor([1.0, float("inf"), -float("inf")]))',
        "tensor([False, False,  True])",
    ),
    "isclose": (
        "torch.isclose(torch.tensor([1.0, 2.0]), torch.tensor([1.0 + 1e-6, 2.1]))",
        "tensor([ True, False])",
    ),
    "allclose": (
        "torch.allclose(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0 + 1e-6]))",
        "True",
    ),
    "equal": ("torch.equal(torch.tensor([1, 2]), torch.tensor([1, 2]))", "True"),
    "dist": ("torch.dist(torch.tensor([3.0, 0.0]), torch.tensor([0.0, 4.0]))", "tensor(5.)"),
    # special functions
    "special.xlog1py": (
        "torch.special.xlog1py(torch.tensor([0.0, 2.0]), torch.tensor([-1.0, 1.0]))",
        "tensor([0.0000, 1.3863])",
    ),
    "special.zeta": (
        "torch.special.zeta(torch.tensor([2.0, 4.0]), torch.tensor(1.0))",
        "tensor([1.6449, 1.0823])",
    ),
    "special.entr": ("torch.special.entr(torch.tensor([0.25, 0.5]))", "tensor([0.3466, 0.3466])"),
    "special.erfcx": ("torch.special.erfcx(torch.tensor([0.0, 1.0]))", "tensor([1.0000, 0.4276])"),
    "special.log_ndtr": (
        "torch.special.log_ndtr(torch.tensor([0.0, 1.0]))",
        "tensor([-0.6931, -0.1728])",
    ),
    "special.ndtr": ("torch.special.ndtr(torch.tensor([0.0, 1.0]))", "tensor([0.5000, 0.8413])"),
    "special.i0e": ("torch.special.i0e(torch.tensor([0.0, 1.0]))", "tensor([1.0000, 0.4658])"),
    "special.i1": ("torch.special.i1(torch.tensor([0.0, 1.0]))", "tensor([0.0000, 0.5652])"),
    "special.i1e": ("torch.special.i1e(torch.tensor([0.0, 1.0]))", "tensor([0.0000, 0.2079])"),
    "special.bessel_j0": (
        "torch.special.bessel_j0(torch.tensor([0.0, 1.0]))",
        "tensor([1.0000, 0.7652])",
    ),
    "special.bessel_j1": (
        "torch.special.bessel_j1(torch.tensor([0.0, 1.0]))",
        "tensor([0.0000, 0.4401])",
    ),
    "special.modified_bessel_i0": (
        "torch.special.modified_bessel_i0(torch.tensor([0.0, 1.0]))",
        "tensor([1.0000, 1.2661])",
    ),
    "special.modified_bessel_i1": (
        "torch.special.modified_bessel_i1(torch.tensor([0.0, 1.0]))",
        "tensor([0.0000, 0.5652])",
    ),
    "special.spherical_bessel_j0": (
        "torch.special.spherical_bessel_j0(torch.tensor([0.0, 1.0]))",
        "tensor([1.0000, 0.8415])",
    ),
    "special.airy_ai": (
        "torch.special.airy_ai(torch.tensor([0.0, 1.0]))",
        "tensor([0.3550, 0.1353])",
    ),
    "special.bessel_y0": (
        "torch.special.bessel_y0(torch.tensor([1.0, 2.0]))",
        "tensor([0.0883, 0.5104])",
    ),
    "special.bessel_y1": (
        "torch.special.bessel_y1(torch.tensor([1.0, 2.0]))",
        "tensor([-0.7812, -0.1070])",
    ),
    "special.modified_bessel_k0": (
        "torch.special.modified_bessel_k0(torch.tensor([1.0, 2.0]))",
        "tensor([0.4210, 0.1139])",
    ),
    "special.modified_bessel_k1": (
        "torch.special.modified_bessel_k1(torch.tensor([1.0, 2.0]))",
        "tensor([0.6019, 0.1399])",
    ),
    "special.scaled_modified_bessel_k0": (
        "torch.special.scaled_modified_bessel_k0(torch.tensor([1.0, 2.0]))",
        "tensor([1.1445, 0.8416])",
    ),
    "special.scaled_modified_bessel_k1": (
        "torch.special.scaled_modified_bessel_k1(torch.tensor([1.0, 2.0]))",
        "tensor([1.6362, 1.0335])",
    ),
    "special.ndtri": ("torch.special.ndtri(torch.tensor([0.5, 0.9]))", "tensor([0.0000, 1.2816])"),
    "special.chebyshev_polynomial_t": (
        "torch.special.chebyshev_polynomial_t(torch.tensor([0.25, 0.75]), 2)",
        "tensor([-0.8750,  0.1250])",
    ),
    "special.chebyshev_polynomial_u": (
        "torch.special.chebyshev_polynomial_u(torch.tensor([0.25, 0.75]), 2)",
        "tensor([-0.7500,  1.2500])",
    ),
    "special.chebyshev_polynomial_v": (
        "torch.special.chebyshev_polynomial_v(torch.tensor([0.25, 0.75]), 2)",
        "tensor([-1.2500, -0.2500])",
    ),
    "special.chebyshev_polynomial_w": (
        "torch.special.chebyshev_polynomial_w(torch.tensor([0.25, 0.75]), 2)",
        "tensor([-0.2500,  2.7500])",
    ),
    "special.hermite_polynomial_h": (
        "torch.special.hermite_polynomial_h(torch.tensor([0.25, 0.75]), 2)",
        "tensor([-1.7500,  0.2500])",
    ),
    "special.hermite_polynomial_he": (
        "torch.special.hermite_polynomial_he(torch.tensor([0.25, 0.75]), 2)",
        "tensor([-0.9375, -0.4375])",
    ),
    "special.laguerre_polynomial_l": (
        "torch.special.laguerre_polynomial_l(torch.tensor([0.25, 0.75]), 2)",
        "tensor([ 0.5312, -0.2188])",
    ),
    "special.legendre_polynomial_p": (
        "torch.special.legendre_polynomial_p(torch.tensor([0.25, 0.75]), 2)",
        "tensor([-0.4062,  0.3438])",
    ),
    "special.shifted_chebyshev_polynomial_t": (
        "torch.special.shifted_chebyshev_polynomial_t(torch.tensor([0.25, 0.75]), 2)",
        "tensor([-0.5000, -0.5000])",
    ),
    "special.shifted_chebyshev_polynomial_u": (
        "torch.special.shifted_chebyshev_polynomial_u(torch.tensor([0.25, 0.75]), 2)",
        "tensor([0., 0.])",
    ),
    "special.shifted_chebyshev_polynomial_v": (
        "torch.special.shifted_chebyshev_polynomial_v(torch.tensor([0.25, 0.75]), 2)",
        "tensor([ 1., -1.])",
    ),
    "special.shifted_chebyshev_polynomial_w": (
        "torch.special.shifted_chebyshev_polynomial_w(torch.tensor([0.25, 0.75]), 2)",
        "tensor([-1.,  1.])",
    ),
}
