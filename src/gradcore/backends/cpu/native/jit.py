"""Machine code from LLVM assembly, by llvmlite (extra `fast`).

Compiling an elementwise kernel takes 10 to 25 ms, a convolution 300, importing llvmlite 100; what
was compiled once is kept for later processes (`object_cache`).
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import threading
from functools import cache
from typing import Any

import numpy as np

from . import object_cache

# The address of an array's data lies behind the header that every Python object has.
DATA_OFFSET = object.__basicsize__

# LLVM is not safe to use from several threads.
_compiling = threading.Lock()
_loaded: set[str] = set()  # keys of the modules in the engine


@cache
def is_available() -> bool:
    """Whether kernels can be compiled: llvmlite is installed, and not switched off.

    `GRADCORE_FAST=0` in the environment switches it off.
    """
    if os.environ.get("GRADCORE_FAST") == "0":
        return False
    return importlib.util.find_spec("llvmlite") is not None and _finds_data()


@cache
def is_eager() -> bool:
    """Whether kernels are used for arrays of any size, where they are slower than NumPy too.

    `GRADCORE_FAST=always` asks for it: the tests run with it.
    """
    return os.environ.get("GRADCORE_FAST") == "always" and is_available()


def _finds_data() -> bool:
    """Whether an array's data pointer is where `DATA_OFFSET` says; it is in CPython."""
    probe = np.zeros(1)
    found = ctypes.c_void_p.from_address(id(probe) + DATA_OFFSET).value
    return found == probe.ctypes.data


@cache
def machine_features() -> str:
    """This processor's features, as LLVM writes them."""
    import llvmlite.binding as llvm

    # On processors that lower their clock for it LLVM leaves half of a 512-bit register unused.
    features = llvm.get_host_cpu_features()
    features["prefer-256-bit"] = False
    return features.flatten()


@cache
def _target_machine() -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=machine_features(), opt=2, jit=True
    )


@cache
def has_feature(name: str) -> bool:
    """Whether this processor has a feature, by LLVM's name of it."""
    import llvmlite.binding as llvm

    return bool(llvm.get_host_cpu_features().get(name))


@cache
def _engine() -> Any:
    """The one execution engine; it owns the target machine and all code, and lives for ever."""
    import llvmlite.binding as llvm

    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target_machine())


def compile_functions(assembly: str, *names: str) -> list[int]:
    """The addresses of functions of an LLVM module, compiled.

    The machine code is kept in the cache directory, where later processes find it in 1 ms.

    Args:
        assembly: the module; functions of other modules may have the same names.
        names: of the functions.
    """
    import llvmlite.binding as llvm

    with _compiling:
        machine, engine = _target_machine(), _engine()
        version = ".".join(map(str, llvm.llvm_version_info))
        target = (version, machine.triple, llvm.get_host_cpu_name(), machine_features())
        key = hashlib.sha256("\n".join((assembly, *target)).encode()).hexdigest()
        for name in names:
            assembly = assembly.replace(f"@{name}(", f"@{name}_{key}(")
        if key not in _loaded:
            code = object_cache.read(key)
            if code is None:
                code = _compiled(assembly)
                object_cache.write(key, code)
            engine.add_object_file(llvm.ObjectFileRef.from_data(code))
            engine.finalize_object()
            _loaded.add(key)
        return [engine.get_function_address(f"{name}_{key}") for name in names]


def _compiled(assembly: str) -> bytes:
    """The object file of a module."""
    import llvmlite.binding as llvm

    machine = _target_machine()
    module = llvm.parse_assembly(assembly)
    module.triple = machine.triple
    module.verify()
    # Unrolling and vectorizing straight lines make large kernels 4 times as slow to compile and
    # none of them faster: the loops over vectors are interleaved already.
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = options.loop_interleaving = True
    options.loop_unrolling = options.slp_vectorization = False
    passes = llvm.create_pass_builder(machine, options)
    passes.getModulePassManager().run(module, passes)
    return machine.emit_object(module)
