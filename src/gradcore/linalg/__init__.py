"""``torch.linalg``: linear algebra on batches of matrices, with gradients.

The functions are defined in ``gradcore.ops``; those of this module have the names and arguments
of PyTorch's.
"""

from ..ops.decompositions import (
    cholesky_ex,
    eig,
    eigh,
    eigvals,
    eigvalsh,
    svdvals,
)
from ..ops.decompositions import linalg_cholesky as cholesky
from ..ops.decompositions import linalg_svd as svd
from ..ops.diagonals import diagonal as _diagonal
from ..ops.ldl import ldl_factor, ldl_factor_ex, ldl_solve
from ..ops.linalg import matmul
from ..ops.lu import linalg_lu_solve as lu_solve
from ..ops.lu import lu, lu_factor, lu_factor_ex
from ..ops.matrix_checks import LinAlgError
from ..ops.matrix_functions import lstsq, matrix_exp, matrix_power, matrix_rank, pinv, vander
from ..ops.matrix_norms import cond, matrix_norm, vector_norm
from ..ops.matrix_norms import linalg_norm as norm
from ..ops.orthogonal import householder_product
from ..ops.orthogonal import linalg_qr as qr
from ..ops.products import linalg_cross as cross
from ..ops.products import multi_dot, vecdot
from ..ops.solves import det, inv, inv_ex, solve, solve_ex, tensorinv, tensorsolve
from ..ops.solves import linalg_slogdet as slogdet
from ..ops.triangular import solve_triangular


def diagonal(A, *, offset=0, dim1=-2, dim2=-1):
    """The diagonals of matrices, a view.

    >>> torch.linalg.diagonal(torch.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    return _diagonal(A, offset, dim1, dim2)


__all__ = [
    "LinAlgError", "cholesky", "cholesky_ex", "cond", "cross", "det", "diagonal", "eig", "eigh",
    "eigvals", "eigvalsh", "householder_product", "inv", "inv_ex", "ldl_factor", "ldl_factor_ex",
    "ldl_solve", "lstsq", "lu", "lu_factor",
    "lu_factor_ex", "lu_solve", "matmul", "matrix_exp", "matrix_norm", "matrix_power",
    "matrix_rank", "multi_dot", "norm", "pinv", "qr", "slogdet", "solve", "solve_ex",
    "solve_triangular", "svd", "svdvals", "tensorinv", "tensorsolve", "vander", "vecdot",
    "vector_norm",
]  # fmt: skip
