"""The fake CuPy catches the mistakes that real CuPy would not, or only on a GPU."""

from __future__ import annotations

import copy
import json
import operator
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

import cuda_shim
import fakecupy
from fakecupy import state

needs_compiler = pytest.mark.skipif(not cuda_shim.have_compiler(), reason="g++ runs the kernels")


@pytest.fixture
def cp():
    return fakecupy.install(2)


@pytest.fixture
def host():
    return np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def a(cp, host):
    return cp.asarray(host)


@pytest.fixture
def elsewhere(cp, host):
    with cp.cuda.Device(1):
        return cp.asarray(host)


# ---- what must pass -----------------------------------------------------------------------------


def test_legal_calls(cp, a, host):
    b = cp.ones((3, 4), dtype="float32")
    pairs = [
        (a @ b, host @ np.ones((3, 4), "f4")),
        (a.sum(), host.sum()),
        (cp.exp(a) + 1, np.exp(host) + 1),
        (np.sum(a), host.sum()),
        (np.exp(a), np.exp(host)),
        (a[:, 1:], host[:, 1:]),
        (a[1, 2], host[1, 2]),
        (a[cp.asarray([1, 0])], host[[1, 0]]),
        (cp.stack([a, a]), np.stack([host, host])),
        (cp.einsum("ij,kj->ik", a, a), host @ host.T),
        (cp.where(a > 2, a, 0), np.where(host > 2, host, 0)),
        (cp.max(a, axis=1, keepdims=True), host.max(1, keepdims=True)),
        (2 - a, 2 - host),
        (np.float32(2) * a, 2 * host),
        (divmod(a, 4)[1], host % 4),
        (cp.linalg.norm(a), np.linalg.norm(host)),
        (cp.fft.fft(a), np.fft.fft(host)),
    ]
    for got, want in pairs:
        assert isinstance(got, cp.ndarray)
        np.testing.assert_allclose(got.get(), want, rtol=1e-6)
    a += 1
    np.testing.assert_array_equal(a.get(), host + 1)


def test_views_share_memory(cp, a):
    views = [
        a.reshape(3, 2), a.T, a[1:], a[1, 2], cp.broadcast_to(a, (4, 2, 3)), a.ravel(),
        cp.moveaxis(a, 0, 1), a.diagonal(), a[:, None],
        cp.lib.stride_tricks.as_strided(a, (2, 2), (12, 4)),
    ]  # fmt: skip
    a.fill(7)
    for view in views:
        assert (view.get() == 7).all()
    assert a.reshape(3, 2).data.ptr == a.data.ptr
    a.diagonal()[...] = 1
    assert a.get().tolist() == [[1, 7, 7], [7, 1, 7]]


def test_dtypes_follow_cupys_loops(cp):
    ints, half = cp.arange(3), cp.ones(3, "float16")
    assert (ints + 1).dtype == np.int64
    assert (half * 2.0).dtype == np.float16
    assert cp.sqrt(ints).dtype == np.float64
    with pytest.raises(TypeError, match="Wrong type"):
        cp.logical_not(cp.ones(2, "complex64"))
    ml_dtypes = pytest.importorskip("ml_dtypes")
    b = ints.astype(ml_dtypes.bfloat16)
    assert (b + 1).dtype == (b * b).dtype == cp.exp(b).dtype == ml_dtypes.bfloat16
    assert (b + cp.ones(3, "float32")).dtype == np.float32
    assert (b @ b).dtype == ml_dtypes.bfloat16
    with pytest.raises(TypeError, match="bfloat16"):
        b.reshape(1, 3, 1) @ b.reshape(1, 1, 3)


def test_no_scalars_and_c_order(cp, a):
    assert isinstance(a.sum(), cp.ndarray)
    assert isinstance(cp.array_equal(a, a), cp.ndarray)
    assert (a.T + 1).flags.c_contiguous


def test_uninitialized_memory_shows(cp, a):
    assert np.isnan(cp.empty((2, 2)).get()).all()
    assert np.isnan(cp.empty_like(a).get()).all()
    assert np.isnan(cp.ndarray((2,), "complex64").get()).all()
    assert (cp.empty(3, "int32").get() == 0x7B7B7B7B).all()


# ---- what must not ------------------------------------------------------------------------------

MISTAKES = {
    "conversion to NumPy": (TypeError, lambda cp, a, h: np.asarray(a)),
    "NumPy array of 0-d results": (TypeError, lambda cp, a, h: np.array([a.sum()])),
    "device + host": (TypeError, lambda cp, a, h: a + h),
    "host + device": (TypeError, lambda cp, a, h: h + a),
    "NumPy ufunc over both": (TypeError, lambda cp, a, h: np.add(h, a)),
    "device @ host": (TypeError, lambda cp, a, h: a @ h.T),
    "list operand": (TypeError, lambda cp, a, h: cp.add(a, [1, 2, 3])),
    "function of a host array": (TypeError, lambda cp, a, h: cp.sum(h)),
    "store a host array": (ValueError, lambda cp, a, h: operator.setitem(a, slice(None), h)),
    "store a list": (TypeError, lambda cp, a, h: operator.setitem(a, 0, [1, 2, 3])),
    "fill with a host array": (ValueError, lambda cp, a, h: a.fill(h)),
    "sum(where=)": (TypeError, lambda cp, a, h: cp.sum(a, where=a > 0)),
    "ufunc(where=)": (TypeError, lambda cp, a, h: cp.add(a, a, where=a > 0)),
    "max(initial=)": (TypeError, lambda cp, a, h: cp.max(a, initial=0)),
    "method keyword": (TypeError, lambda cp, a, h: a.sum(where=a > 0)),
    "sort(stable=)": (TypeError, lambda cp, a, h: cp.sort(a, stable=True)),
    "take(mode=)": (TypeError, lambda cp, a, h: cp.take(a, cp.asarray([0]), mode="clip")),
    "geomspace": (AttributeError, lambda cp, a, h: cp.geomspace(1, 2, 3)),
    "errstate": (AttributeError, lambda cp, a, h: cp.errstate(all="ignore")),
    "einsum_path": (AttributeError, lambda cp, a, h: cp.einsum_path),
    "linalg.vector_norm": (AttributeError, lambda cp, a, h: cp.linalg.vector_norm(a)),
    "random generator's normal": (
        AttributeError, lambda cp, a, h: cp.random.default_rng(0).normal(size=3)),
    "ndarray.ctypes": (AttributeError, lambda cp, a, h: a.ctypes),
    "ndarray.resize": (AttributeError, lambda cp, a, h: a.resize(3, 2)),
    "0-d array as an index": (TypeError, lambda cp, a, h: [1, 2, 3][cp.asarray(1)]),
    "0-d array as a size": (TypeError, lambda cp, a, h: range(cp.asarray(3))),
    "hash": (TypeError, lambda cp, a, h: {a: 1}),
    "duplicate indices": (
        ValueError, lambda cp, a, h: operator.setitem(a, cp.asarray([0, 0]), 1.0)),
    "index out of range": (IndexError, lambda cp, a, h: a[cp.asarray([5])]),
    "take out of range": (IndexError, lambda cp, a, h: cp.take(a, cp.asarray([9]))),
    "float index": (IndexError, lambda cp, a, h: a[a]),
    "scatter_add of uint8": (
        TypeError, lambda cp, a, h: a.astype("uint8").scatter_add(cp.asarray([0]), 1)),
    "maximum.reduce": (NotImplementedError, lambda cp, a, h: cp.maximum.reduce(a)),
    "multiply.at": (
        NotImplementedError, lambda cp, a, h: cp.multiply.at(a, cp.asarray([0]), 2)),
    "fuse": (NotImplementedError, lambda cp, a, h: cp.fuse(lambda x: x)),
    "from_dlpack of host memory": (BufferError, lambda cp, a, h: cp.from_dlpack(h)),
    "no such device": (RuntimeError, lambda cp, a, h: cp.cuda.Device(2).use()),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_caught(cp, a, host, name):
    error, mistake = MISTAKES[name]
    with pytest.raises(error):
        mistake(cp, a, host)


WRONG_DEVICE = {
    "mixed operands": lambda cp, a, b: a + b,
    "both elsewhere": lambda cp, a, b: b + b,
    "unary": lambda cp, a, b: cp.exp(b),
    "reduction": lambda cp, a, b: b.sum(),
    "matmul": lambda cp, a, b: a @ b.T,
    "stack": lambda cp, a, b: cp.stack([a, b]),
    "store": lambda cp, a, b: operator.setitem(a, slice(None), b),
    "store into": lambda cp, a, b: operator.setitem(b, slice(None), 1.0),
    "index": lambda cp, a, b: a[b.astype("int64")],
    "out": lambda cp, a, b: cp.exp(a, out=b),
    "in place": lambda cp, a, b: operator.iadd(b, 1),
    "astype": lambda cp, a, b: b.astype("float64"),
}


@pytest.mark.parametrize("name", WRONG_DEVICE)
def test_arrays_of_another_device_are_caught(cp, a, elsewhere, name):
    with pytest.raises(ValueError, match="device"):
        WRONG_DEVICE[name](cp, a, elsewhere)


SYNCS = {
    "get": lambda cp, a: a.get(),
    "asnumpy": lambda cp, a: cp.asnumpy(a),
    "item": lambda cp, a: a[0, 0].item(),
    "tolist": lambda cp, a: a.tolist(),
    "float": lambda cp, a: float(a[0, 0]),
    "int": lambda cp, a: int(a[0, 0]),
    "bool": lambda cp, a: bool(a[0, 0] > 0),
    "if": lambda cp, a: 1 if (a > 0).all() else 0,
    "in": lambda cp, a: 3.0 in a[0],
    "repr": lambda cp, a: repr(a),
    "format": lambda cp, a: f"{a.sum()}",
    "mask": lambda cp, a: a[a > 0],
    "list index": lambda cp, a: a[[0, 1]],
    "host index": lambda cp, a: a[np.array([0, 1])],
    "nonzero": lambda cp, a: cp.nonzero(a),
    "where": lambda cp, a: cp.where(a > 0),
    "unique": lambda cp, a: cp.unique(a),
    "repeat": lambda cp, a: cp.repeat(a, [1, 2], axis=0),
    "pickle": lambda cp, a: a.__reduce__(),
    "device": lambda cp, a: cp.cuda.Device().synchronize(),
    "stream": lambda cp, a: cp.cuda.get_current_stream().synchronize(),
    "runtime": lambda cp, a: cp.cuda.runtime.deviceSynchronize(),
}


@pytest.mark.parametrize("name", SYNCS)
def test_syncs_are_logged_and_forbidden(cp, a, name):
    before = len(fakecupy.SYNCS)
    SYNCS[name](cp, a)
    assert len(fakecupy.SYNCS) > before
    with fakecupy.forbid_syncs(), pytest.raises(fakecupy.HostSync):
        SYNCS[name](cp, a)
    with fakecupy.capturing(), pytest.raises(RuntimeError, match="captur"):
        SYNCS[name](cp, a)


def test_what_needs_no_sync(cp, a):
    b = cp.asarray([1, 0])
    with fakecupy.forbid_syncs(), fakecupy.capturing():
        a[b] = a[b] * 2
        a[a > 3] = 0.0
        cp.add(a, 1, out=a)
        cp.zeros(3).sum()
        copy.copy(a)
        assert a.shape == (2, 3)


@pytest.mark.parametrize(
    "call",
    [
        lambda cp, a: cp.asarray(np.ones(3)),
        lambda cp, a: cp.array([1, 2]),
        lambda cp, a: a @ a.T,
        lambda cp, a: cp.tensordot(a, a, 2),
        lambda cp, a: cp.random.random(3),
        lambda cp, a: cp.linalg.norm(a),
        lambda cp, a: a.set(np.ones((2, 3), np.float32)),
    ],
)
def test_captures_refuse(cp, a, call):
    call(cp, a)
    with fakecupy.capturing(), pytest.raises(RuntimeError, match="captur"):
        call(cp, a)


# ---- devices, streams, memory -------------------------------------------------------------------


def test_devices(cp, a, elsewhere):
    assert (a.device.id, elsewhere.device.id) == (0, 1)
    assert cp.cuda.runtime.getDeviceCount() == 2
    with cp.cuda.Device(1):
        assert cp.cuda.runtime.getDevice() == 1
        assert (elsewhere + 1).device == cp.cuda.Device(1)
        moved = cp.asarray(a)
        assert moved.device.id == 1
        assert elsewhere[0].device.id == 1
    assert cp.cuda.runtime.getDevice() == 0
    assert copy.deepcopy(elsewhere).device.id == 1
    seen = []
    cp.cuda.Device(1).use()
    thread = threading.Thread(target=lambda: seen.append(cp.cuda.runtime.getDevice()))
    thread.start()
    thread.join()
    cp.cuda.Device(0).use()
    assert seen == [0]


def test_streams_and_events(cp):
    null = cp.cuda.get_current_stream()
    stream = cp.cuda.Stream(non_blocking=True)
    with stream:
        assert cp.cuda.get_current_stream() == stream
        event = stream.record()
        null.wait_event(event)
    assert cp.cuda.get_current_stream() == null
    assert cp.cuda.get_elapsed_time(event, event) == 0
    with pytest.raises(RuntimeError):
        cp.cuda.get_elapsed_time(event, cp.cuda.Event())
    with cp.cuda.Device(1), pytest.raises(RuntimeError):
        stream.use()


def test_memory_is_counted(cp):
    pool = cp.get_default_memory_pool()
    before = pool.used_bytes()
    x = cp.zeros(1000, "float32")
    assert pool.used_bytes() - before == 4096
    view = x.reshape(10, 100)[2:]
    del x
    assert pool.used_bytes() - before == 4096
    del view
    assert pool.used_bytes() == before
    assert pool.total_bytes() >= before + 4096
    pool.free_all_blocks()
    assert pool.total_bytes() == before
    with cp.cuda.Device(1):
        elsewhere = pool.used_bytes()
    private = cp.cuda.MemoryPool()
    with cp.cuda.using_allocator(private.malloc):
        y = cp.ones(10)
    assert (private.used_bytes(), pool.used_bytes()) == (512, before)
    with cp.cuda.Device(1):
        assert pool.used_bytes() == elsewhere
    del y
    assert private.used_bytes() == 0


def test_memory_hooks(cp):
    class Peak(cp.cuda.MemoryHook):
        name = "Peak"
        now = peak = 0

        def malloc_postprocess(self, **event):
            self.now += event["mem_size"]
            self.peak = max(self.peak, self.now)

        def free_postprocess(self, **event):
            self.now -= event["mem_size"]

    with Peak() as hook:
        x = cp.zeros(200)
        y = x + 1
        del y
        x + 2
    assert (hook.now, hook.peak) == (2048, 4096)


def test_dlpack_and_pinned_memory(cp, a):
    import cupyx

    assert cp.from_dlpack(a).data.ptr == a.data.ptr
    assert cp.from_dlpack(a.toDlpack()).data.ptr == a.data.ptr
    assert a.__dlpack_device__() == (2, 0)
    assert isinstance(cupyx.empty_pinned((2, 3), "float32"), np.ndarray)
    cupyx.scatter_add(a, cp.asarray([0, 0]), 1.0)
    assert a.get()[0].tolist() == [2, 3, 4]
    from cupyx.scipy.special import erf

    assert abs(float(erf(cp.asarray(0.5))) - 0.5204998778) < 1e-9


# ---- kernels ------------------------------------------------------------------------------------

SAXPY = """
extern "C" __global__ void saxpy(const float* x, float* y, float a, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] += a * x[i];
}"""


@needs_compiler
def test_raw_kernels_check_what_they_get(cp):
    x, y = cp.arange(300, dtype="float32"), cp.ones(300, "float32")
    kernel = cp.RawKernel(SAXPY, "saxpy")
    kernel((3,), (128,), (x, y, np.float32(2), np.int32(300)))
    np.testing.assert_array_equal(y.get(), 1 + 2 * np.arange(300))
    good = (x, y, np.float32(2), np.int32(300))
    for position, wrong in ((2, 2.0), (3, 300), (0, x.astype("float64")), (1, y.get()), (3, y)):
        args = list(good)
        args[position] = wrong
        with pytest.raises(TypeError):
            kernel((3,), (128,), args)
    with pytest.raises(TypeError, match="takes 4 arguments"):
        kernel((3,), (128,), good[:3])
    with pytest.raises(cuda_shim.ShimError, match="launch configuration"):
        kernel((3,), (2048,), good)
    with cp.cuda.Device(1), pytest.raises(ValueError, match="device"):
        kernel((3,), (128,), good)


@needs_compiler
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("if (threadIdx.x < 5) __syncthreads();", "not reached by all threads"),
        ("if (threadIdx.x < 40) x[0] = __shfl_sync(~0u, 1.0f, 0);", "exited lanes"),
        ("if (threadIdx.x % 2) __syncthreads(); else __syncwarp();", "divergent"),
    ],
)
def test_barriers_that_hang_a_gpu_are_reported(cp, body, message):
    source = f'extern "C" __global__ void k(float* x) {{ {body} }}'
    with pytest.raises(cuda_shim.ShimError, match=message):
        cp.RawKernel(source, "k")((1,), (64,), (cp.zeros(64, "float32"),))


@needs_compiler
def test_a_missing_barrier_shows_in_reverse():
    source = """extern "C" __global__ void k(const float* x, float* y) {
      __shared__ float s[64];
      s[threadIdx.x] = x[threadIdx.x];
      y[threadIdx.x] = s[63 - threadIdx.x];
    }"""
    kernel = cuda_shim.load(source)["k"]
    x = np.arange(64, dtype=np.float32)
    results = []
    for reverse in (False, True):
        y = np.zeros_like(x)
        kernel((1,), (64,), (x, y), reverse)
        results.append(y)
    assert (results[0] != results[1]).any()


@needs_compiler
def test_elementwise_and_reduction_kernels(cp, a, host):
    kernel = cp.ElementwiseKernel("T x, T y, float32 s", "T z", "z = x * y + s", "fma")
    np.testing.assert_array_equal(kernel(a, a[:1], 0.5).get(), host * host[:1] + 0.5)
    out = cp.zeros((2, 3), "float32")
    assert kernel(a, 2, 0.0, out) is out
    np.testing.assert_array_equal(out.get(), 2 * host)
    with pytest.raises(TypeError, match="mismatched"):
        kernel(a, a.astype("float64"), 0.0)
    with pytest.raises(TypeError, match="Unsupported"):
        kernel(a, host, 0.0)
    norm = cp.ReductionKernel("T x", "T y", "x * x", "a + b", "y = sqrt(a)", "0", "norm")
    np.testing.assert_allclose(norm(a, axis=1).get(), np.sqrt((host**2).sum(1)), 1e-6)


# ---- the snapshot -------------------------------------------------------------------------------


def test_everything_in_the_fake_exists_in_cupy(cp):
    import cupyx

    for module, path in ((cp, "cupy"), (cp.cuda, "cupy.cuda"), (cp.cuda.runtime, None),
                         (cupyx, "cupyx")):  # fmt: skip
        known = state.NAMES[path or "cupy.cuda.runtime"]
        for name in vars(module):
            if not name.startswith("_") and name != "is_fake":
                assert name in known, f"{path}.{name}"
    for kind, path in ((cp.ndarray, "cupy.ndarray"), (cp.cuda.Stream, "cupy.cuda.Stream"),
                       (cp.cuda.Device, "cupy.cuda.Device"),
                       (cp.cuda.MemoryPool, "cupy.cuda.MemoryPool")):  # fmt: skip
        for name in vars(kind):
            if not name.startswith("_") or name in ("__index__", "__contains__"):
                assert name in state.NAMES[path], f"{path}.{name}"


def in_real_cupy(script):
    """Run a script in a process where `cupy` is the real one; skip where there is none."""
    folder = str(Path(fakecupy.__file__).parent)
    command = [sys.executable, "-c", f"import sys; sys.path.append({folder!r})\n{script}"]
    if subprocess.run([sys.executable, "-c", "import cupy"], capture_output=True).returncode:
        pytest.skip("CuPy is not installed")
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_snapshot_is_that_of_the_installed_cupy():
    script = "import json, generate_api; print(json.dumps(generate_api.snapshot()))"
    fresh = in_real_cupy(script)
    if fresh["version"] != state.API["version"]:
        pytest.skip(f"CuPy {fresh['version']} is installed, the snapshot has another version")
    assert fresh == state.API


VIEWS = """
x.reshape(6, 4).T[1:3]; x[::-1, :, None].swapaxes(0, 3); x.transpose(2, 0, 1)[0]; x[1, 2, 3]
cp.broadcast_to(x[:, :1], (5, 2, 3, 4)); x.ravel()[5::3]; x[..., 1].T
cp.moveaxis(x, 0, -1).squeeze(); x.diagonal(1, 1, 2); cp.expand_dims(x, 1)[:, 0, 2:]
cp.split(x, 3, axis=1)[1]; x[:, 1:2].squeeze(1); x.reshape(2, -1)[:, ::-2]; x.T.T; x[2:]
cp.lib.stride_tricks.as_strided(x, (3, 3), (16, 4)); cp.rollaxis(x, 2); x[None, -1, ..., 0]
"""
DESCRIBE = """
def describe(cp, x):
    texts = [text.strip() for line in VIEWS.strip().splitlines() for text in line.split(";")]
    views = [eval(text, {"cp": cp, "x": x}) for text in texts]
    origin = x.data.ptr
    return [
        [list(v.shape), list(v.strides), v.data.ptr - origin if v.size else 0,
         bool(v.flags.c_contiguous), bool(v.flags.f_contiguous)]
        for v in views
    ]
"""


def test_views_are_laid_out_as_by_the_installed_cupy(cp):
    """Real arrays over host memory can be made without a GPU, and sliced, not computed with."""
    real = in_real_cupy(f"""
import json, cupy as cp, numpy as np
VIEWS = {VIEWS!r}
{DESCRIBE}
host = np.zeros(24, np.float32)
memory = cp.cuda.UnownedMemory(host.ctypes.data, host.nbytes, host, device_id=0)
x = cp.ndarray((2, 3, 4), "float32", cp.cuda.MemoryPointer(memory, 0))
print(json.dumps(describe(cp, x)))
""")
    namespace = {"VIEWS": VIEWS}
    exec(DESCRIBE, namespace)
    fake = namespace["describe"](cp, cp.zeros((2, 3, 4), "float32"))
    texts = [text for line in VIEWS.strip().splitlines() for text in line.split(";")]
    for text, got, want in zip(texts, fake, real, strict=True):
        assert got == want, text
