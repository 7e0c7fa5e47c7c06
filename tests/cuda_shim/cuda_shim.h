// Runs CUDA C++ kernels on the CPU: one fiber per CUDA thread, blocks one after another.
//
// Covers what gradcore's kernels use: static __shared__ arrays, __syncthreads, warp shuffles and
// votes, atomics, half and bfloat16, the math functions. A barrier that not every thread reaches is
// reported, not executed. Set shim_reverse to run the threads of a block in reverse order: a kernel
// whose result depends on it lacks a barrier.
// Not modelled: memory ordering between warps, bank conflicts, launch limits, fast-math rounding.
#pragma once
#include <cmath>
#include <math.h>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>
#include <limits>
#if defined(SHIM_UCONTEXT) || !defined(__x86_64__)
#include <ucontext.h>
#define SHIM_USES_UCONTEXT
#endif

#define __CUDA_ARCH__ 900
#define __global__
#define __device__
#define __host__
#define __constant__ static const
#define __forceinline__ inline
#define __noinline__
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define __shared__ static /* one block runs at a time */

struct dim3 {
  unsigned x, y, z;
  dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};
struct uint4 { unsigned x, y, z, w; };
struct uint2 { unsigned x, y; };
struct float2 { float x, y; };
struct float4 { float x, y, z, w; };
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

static dim3 threadIdx, blockIdx, blockDim, gridDim;
static const int warpSize = 32;

namespace shim {
enum State { runnable, at_block_barrier, at_warp_barrier, finished };
static const size_t stack_bytes = 32768;

struct Fiber {
  char* stack = nullptr;
#ifdef SHIM_USES_UCONTEXT
  ucontext_t context;
#else
  void* sp;
#endif
  State state;
  dim3 thread;
};

static std::vector<Fiber> fibers;
static std::vector<uint64_t> exchange_slots;
static int current;
static int reverse;
static char error[256];
static void (*body)(void**);
static void** body_args;

#ifdef SHIM_USES_UCONTEXT
static ucontext_t scheduler;
static void leave() { swapcontext(&fibers[current].context, &scheduler); }
static void enter(Fiber& f) { swapcontext(&scheduler, &f.context); }
#else
static void* scheduler;
extern "C" void shim_switch(void** save, void* load);
// System V: the callee keeps rbx, rbp, r12-r15; everything else is the caller's to save.
asm(R"(
.text
.type shim_switch, @function
shim_switch:
  push %rbp
  push %rbx
  push %r12
  push %r13
  push %r14
  push %r15
  mov %rsp, (%rdi)
  mov %rsi, %rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbx
  pop %rbp
  ret
)");
static void leave() { shim_switch(&fibers[current].sp, scheduler); }
static void enter(Fiber& f) { shim_switch(&scheduler, f.sp); }
#endif

static void run_fiber() {
  body(body_args);
  fibers[current].state = finished;
  leave();
}

static void prepare(Fiber& f) {
  if (!f.stack) f.stack = (char*)malloc(stack_bytes);
#ifdef SHIM_USES_UCONTEXT
  getcontext(&f.context);
  f.context.uc_stack.ss_sp = f.stack;
  f.context.uc_stack.ss_size = stack_bytes;
  f.context.uc_link = &scheduler;
  makecontext(&f.context, run_fiber, 0);
#else
  void** top = (void**)(((uintptr_t)f.stack + stack_bytes) & ~(uintptr_t)15);
  *--top = nullptr;           // keeps rsp % 16 == 8 at the entry of run_fiber
  *--top = (void*)run_fiber;  // popped by ret
  f.sp = top - 6;             // the six saved registers hold anything
#endif
  f.state = runnable;
}

static bool fail(const char* what) {
  snprintf(error, sizeof error, "%s in block (%u, %u, %u)", what, blockIdx.x, blockIdx.y,
           blockIdx.z);
  return false;
}

static void wait(State state) {
  fibers[current].state = state;
  leave();
}

// Releases the warps whose lanes have all arrived; false on a collective with exited lanes.
static bool release_warps(int n, bool& progress) {
  for (int low = 0; low < n; low += 32) {
    int high = low + 32 < n ? low + 32 : n, waiting = 0, exited = 0;
    for (int i = low; i < high; i++) {
      waiting += fibers[i].state == at_warp_barrier;
      exited += fibers[i].state == finished;
    }
    if (!waiting || waiting + exited < high - low) continue;
    if (exited) return fail("warp collective with exited lanes");
    for (int i = low; i < high; i++) fibers[i].state = runnable;
    progress = true;
  }
  return true;
}

static bool run_block() {
  error[0] = 0;
  int n = blockDim.x * blockDim.y * blockDim.z;
  if ((int)fibers.size() < n) fibers.resize(n);
  exchange_slots.assign((n + 31) / 32 * 32, 0);
  for (int i = 0; i < n; i++) {
    prepare(fibers[i]);
    fibers[i].thread = dim3(i % blockDim.x, i / blockDim.x % blockDim.y,
                            i / (blockDim.x * blockDim.y));
  }
  for (;;) {
    bool progress = false;
    for (int j = 0; j < n; j++) {
      int i = reverse ? n - 1 - j : j;
      if (fibers[i].state != runnable) continue;
      current = i;
      threadIdx = fibers[i].thread;
      enter(fibers[i]);
      if (error[0]) return false;
      progress = true;
    }
    if (!release_warps(n, progress)) return false;
    int done = 0, at_barrier = 0;
    for (int i = 0; i < n; i++) {
      done += fibers[i].state == finished;
      at_barrier += fibers[i].state == at_block_barrier;
    }
    if (done == n) return true;
    if (at_barrier == n) {
      for (int i = 0; i < n; i++) fibers[i].state = runnable;
    } else if (at_barrier && at_barrier + done == n) {
      return fail("__syncthreads() not reached by all threads");
    } else if (!progress) {
      return fail("divergent barrier");
    }
  }
}

template <class T>
static T exchange(T value, int source) {
  static_assert(sizeof(T) <= 8, "shuffles move at most 8 bytes");
  int base = current / 32 * 32;
  memcpy(&exchange_slots[current], &value, sizeof value);
  wait(at_warp_barrier);
  uint64_t bits = exchange_slots[base + (source & 31)];
  wait(at_warp_barrier);
  T result;
  memcpy(&result, &bits, sizeof result);
  return result;
}

// One code per parameter: P + pointee, or the kind and size of a scalar.
template <class T>
std::string code() {
  using U = std::remove_cv_t<std::remove_reference_t<T>>;
  if constexpr (std::is_pointer_v<U>) return "P" + code<std::remove_pointer_t<U>>();
  else if constexpr (std::is_void_v<U>) return "v";
  else if constexpr (std::is_same_v<U, bool>) return "b1";
  else if constexpr (std::is_integral_v<U>)
    return (std::is_signed_v<U> ? "i" : "u") + std::to_string(sizeof(U));
  else if constexpr (std::is_floating_point_v<U>) return "f" + std::to_string(sizeof(U));
  else return U::shim_code();
}

template <class... A>
std::string signature(void (*)(A...)) {
  std::string result;
  ((result += code<A>() + " "), ...);
  return result;
}

template <class... A, size_t... I>
void call(void (*kernel)(A...), void** args, std::index_sequence<I...>) {
  kernel(*(std::remove_reference_t<A>*)args[I]...);
}

template <auto kernel, class... A>
void unpack(void** args, void (*)(A...)) {
  call(kernel, args, std::index_sequence_for<A...>());
}

template <auto kernel>
const char* run(const unsigned* grid, const unsigned* block, void** args, int reversed) {
  gridDim = dim3(grid[0], grid[1], grid[2]);
  blockDim = dim3(block[0], block[1], block[2]);
  reverse = reversed;
  body = [](void** a) { unpack<kernel>(a, kernel); };
  body_args = args;
  for (unsigned z = 0; z < gridDim.z; z++)
    for (unsigned y = 0; y < gridDim.y; y++)
      for (unsigned x = 0; x < gridDim.x; x++) {
        blockIdx = dim3(x, y, z);
        if (!run_block()) return error;
      }
  return nullptr;
}
}  // namespace shim

inline void __syncthreads() { shim::wait(shim::at_block_barrier); }
inline void __syncwarp(unsigned = ~0u) { shim::wait(shim::at_warp_barrier); }
template <class T>
T __shfl_xor_sync(unsigned, T v, int mask, int = 32) {
  return shim::exchange(v, (shim::current % 32) ^ mask);
}
template <class T>
T __shfl_down_sync(unsigned, T v, int delta, int = 32) {
  int source = shim::current % 32 + delta;
  return shim::exchange(v, source < 32 ? source : shim::current % 32);
}
template <class T>
T __shfl_sync(unsigned, T v, int source, int = 32) {
  return shim::exchange(v, source);
}
// Only the overloads that CUDA has.
#define SHIM_ATOMIC_ADD(T) \
  inline T atomicAdd(T* p, T v) { T old = *p; *p = old + v; return old; }
SHIM_ATOMIC_ADD(int)
SHIM_ATOMIC_ADD(unsigned)
SHIM_ATOMIC_ADD(unsigned long long)
SHIM_ATOMIC_ADD(float)
SHIM_ATOMIC_ADD(double)
inline void __threadfence() {}
inline void __trap() {
  shim::fail("__trap()");
  shim::wait(shim::finished);
}

inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float rsqrtf(float x) { return 1.f / sqrtf(x); }
inline double rsqrt(double x) { return 1. / sqrt(x); }
inline float __fdividef(float a, float b) { return a / b; }
inline unsigned __umulhi(unsigned a, unsigned b) { return (uint64_t(a) * b) >> 32; }
inline float __int_as_float(int i) { float f; memcpy(&f, &i, 4); return f; }
inline int __float_as_int(float f) { int i; memcpy(&i, &f, 4); return i; }
inline unsigned __float_as_uint(float f) { unsigned i; memcpy(&i, &f, 4); return i; }
inline float __uint_as_float(unsigned i) { float f; memcpy(&f, &i, 4); return f; }
inline double __longlong_as_double(long long i) { double f; memcpy(&f, &i, 8); return f; }
inline long long __double_as_longlong(double f) { long long i; memcpy(&i, &f, 8); return i; }
inline float sinpif(float x) { return (float)sin(M_PI * (double)x); }
inline float cospif(float x) { return (float)cos(M_PI * (double)x); }
inline double sinpi(double x) { return sin(M_PI * x); }
inline double cospi(double x) { return cos(M_PI * x); }
inline void sincospif(float x, float* s, float* c) {
  *s = (float)sin(M_PI * (double)x);
  *c = (float)cos(M_PI * (double)x);
}
inline void sincospi(double x, double* s, double* c) { *s = sin(M_PI * x); *c = cos(M_PI * x); }
inline double normcdf(double x) { return 0.5 * erfc(-x * M_SQRT1_2); }
inline float normcdff(float x) { return 0.5f * erfcf(-x * (float)M_SQRT1_2); }
// CUDA has these, C++ does not. Newton steps on a tangent start: quadratic, so 60 are plenty.
inline double erfinv(double y) {
  if (y != y || y < -1 || y > 1) return NAN;
  if (y == 1 || y == -1) return y * INFINITY;
  double w = log1p(-y * y), x = copysign(sqrt(sqrt((4.33 + w / 2) * (4.33 + w / 2) - w / 0.147) -
                                              (4.33 + w / 2)), y);
  for (int i = 0; i < 60; i++) {
    double step = (erf(x) - y) / (2 / sqrt(M_PI) * exp(-x * x));
    if (!(fabs(step) > 1e-17 * fabs(x))) break;
    x -= step;
  }
  return x;
}
inline float erfinv(float y) { return (float)erfinv((double)y); }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
using std::isfinite;
using std::isinf;
using std::isnan;
using std::signbit;
template <class T> T min(T a, T b) { return b < a ? b : a; }
template <class T> T max(T a, T b) { return a < b ? b : a; }

namespace thrust { using std::complex; }
using std::complex;

#include "cuda_bf16.h"
#include "cuda_fp16.h"

// The names that CuPy gives the half types in elementwise kernels.
typedef __half float16;
typedef __nv_bfloat16 bfloat16;
