// Included in front of every kernel file by compile.py, after these typedefs:
//   scalar_t  the type in memory      acc_t  the type of the arithmetic (float or double)
//   index_t   int, or long long where an array has 2^30 elements or more: a 64-bit division costs
//             about five 32-bit ones, and index arithmetic is most of what these kernels do.

#define POSITIVE_INFINITY ((acc_t)__int_as_float(0x7f800000))

#define GRID_STRIDE(i, n)                                              \
  for (index_t i = (index_t)blockIdx.x * blockDim.x + threadIdx.x; i < (n); \
       i += (index_t)blockDim.x * gridDim.x)

struct Sum {
  template <class T>
  __device__ T operator()(T a, T b) const { return a + b; }
};

struct Maximum {
  template <class T>
  __device__ T operator()(T a, T b) const { return a > b ? a : b; }
};

// Combines the values of the threads that share threadIdx.y, and returns the result to all of
// them. blockDim.x is a power of two from 32 to 1024; beyond 32, blockDim.y must be 1.
template <class T, class Combine>
__device__ T row_reduce(T value, Combine combine) {
  for (int lane = 16; lane > 0; lane /= 2)
    value = combine(value, __shfl_xor_sync(0xffffffffu, value, lane));
  if (blockDim.x == 32) return value;
  __shared__ T warps[32];
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = value;
  __syncthreads();
  value = warps[0];
  for (unsigned w = 1; w < blockDim.x / 32; w++) value = combine(value, warps[w]);
  __syncthreads();
  return value;
}

// CUDA adds atomically to unsigned 64-bit integers only; two's complement makes them the same.
template <class T>
__device__ __forceinline__ void add_atomically(T* target, T value) { atomicAdd(target, value); }
__device__ __forceinline__ void add_atomically(long long* target, long long value) {
  atomicAdd((unsigned long long*)target, (unsigned long long)value);
}
