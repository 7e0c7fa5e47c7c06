"""Machine code from LLVM assembly, by llvmlite (extra `fast`).

Compiling an elementwise kernel takes 10 to 25 ms, importing llvmlite 100 ms: both wait until a
program has been run often enough to pay for it (`elementwise.py`).
"""

from __future__ import annotations

import ctypes
import importlib.util
import itertools
import os
import threading
from functools import cache
from typing import Any

import numpy as np

# The address of an array's data lies behind the header that every Python object has.
DATA_OFFSET = object.__basicsize__

# LLVM is not safe to use from several threads.
_compiling = threading.Lock()
_module_numbers = itertools.count()


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
    """Whether programs are compiled when they first run, for arrays of any size.

    `GRADCORE_FAST=always` asks for it: the tests run with it too.
    """
    return os.environ.get("GRADCORE_FAST") == "always" and is_available()


def _finds_data() -> bool:
    """Whether an array's data pointer is where `DATA_OFFSET` says; it is in CPython."""
    probe = np.zeros(1)
    found = ctypes.c_void_p.from_address(id(probe) + DATA_OFFSET).value
    return found == probe.ctypes.data


@cache
def _target_machine() -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    # On processors that lower their clock for it LLVM leaves half of a 512-bit register unused.
    features = llvm.get_host_cpu_features()
    features["prefer-256-bit"] = False
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features.flatten(), opt=3
    )


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

    Args:
        assembly: the module; functions of other modules may have the same names.
        names: of the functions.
    """
    import llvmlite.binding as llvm

    with _compiling:
        machine, engine, number = _target_machine(), _engine(), next(_module_numbers)
        for name in names:
            assembly = assembly.replace(f"@{name}(", f"@{name}_{number}(")
        module = llvm.parse_assembly(assembly)
        module.triple = machine.triple
        module.verify()
        options = llvm.create_pipeline_tuning_options(speed_level=3)
        options.loop_vectorization = options.slp_vectorization = True
        options.loop_interleaving = options.loop_unrolling = True
        passes = llvm.create_pass_builder(machine, options)
        passes.getModulePassManager().run(module, passes)
        engine.add_module(module)
        engine.finalize_object()
        return [engine.get_function_address(f"{name}_{number}") for name in names]
