// Reductions that CuPy lacks or does in several passes.

// Welford's running moments: adding and merging keep the precision that E[x^2] - E[x]^2 loses.
struct Moments {
  acc_t count, mean, squares;
  __device__ void add(acc_t value) {
    count += 1;
    acc_t delta = value - mean;
    mean += delta / count;
    squares += delta * (value - mean);
  }
  __device__ void merge(acc_t other_count, acc_t other_mean, acc_t other_squares) {
    acc_t total = count + other_count;
    if (total == 0) return;
    acc_t delta = other_mean - mean;
    mean += delta * other_count / total;
    squares += other_squares + delta * delta * count * other_count / total;
    count = total;
  }
};

// x is (outer, kept, inner); block (k, s) takes part s of the elements of kept index k.
// partial is (kept, splits, 3).
extern "C" __global__ void moments_partial(const scalar_t* __restrict__ x,
                                           acc_t* __restrict__ partial, index_t outer,
                                           index_t kept, index_t inner, index_t splits) {
  index_t k = blockIdx.x / splits, split = blockIdx.x % splits, n = outer * inner;
  Moments moments = {0, 0, 0};
  for (index_t i = split * blockDim.x + threadIdx.x; i < n; i += splits * blockDim.x)
    moments.add((acc_t)x[(i / inner * kept + k) * inner + i % inner]);
  for (int lane = 16; lane > 0; lane /= 2) {
    acc_t count = __shfl_xor_sync(0xffffffffu, moments.count, lane);
    acc_t mean = __shfl_xor_sync(0xffffffffu, moments.mean, lane);
    acc_t squares = __shfl_xor_sync(0xffffffffu, moments.squares, lane);
    moments.merge(count, mean, squares);
  }
  __shared__ Moments warps[32];
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = moments;
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (unsigned w = 1; w < blockDim.x / 32; w++)
    moments.merge(warps[w].count, warps[w].mean, warps[w].squares);
  partial[blockIdx.x * 3] = moments.count;
  partial[blockIdx.x * 3 + 1] = moments.mean;
  partial[blockIdx.x * 3 + 2] = moments.squares;
}

extern "C" __global__ void moments_merge(const acc_t* __restrict__ partial,
                                         acc_t* __restrict__ mean, acc_t* __restrict__ variance,
                                         index_t kept, index_t splits) {
  GRID_STRIDE(k, kept) {
    Moments moments = {0, 0, 0};
    for (index_t s = 0; s < splits; s++) {
      const acc_t* part = partial + (k * splits + s) * 3;
      moments.merge(part[0], part[1], part[2]);
    }
    mean[k] = moments.mean;
    variance[k] = moments.squares / moments.count;
  }
}

// The extreme of each column of (outer, n, inner) and its first position; NaN wins.
// sign is 1 for the maximum and -1 for the minimum: comparing keeps the values exact.
extern "C" __global__ void extreme_columns(const scalar_t* __restrict__ x,
                                           scalar_t* __restrict__ values,
                                           long long* __restrict__ indices, index_t outer,
                                           index_t n, index_t inner, index_t sign) {
  GRID_STRIDE(column, outer * inner) {
    index_t start = column / inner * n * inner + column % inner;
    acc_t best = (acc_t)x[start];
    index_t where = 0;
    for (index_t i = 1; i < n && best == best; i++) {
      acc_t value = (acc_t)x[start + i * inner];
      if (value != value || (sign > 0 ? value > best : value < best)) {
        best = value;
        where = i;
      }
    }
    values[column] = (scalar_t)best;
    indices[column] = where;
  }
}

// The same for contiguous columns (inner == 1), one per threadIdx.y.
extern "C" __global__ void extreme_rows(const scalar_t* __restrict__ x,
                                        scalar_t* __restrict__ values,
                                        long long* __restrict__ indices, index_t rows, index_t n,
                                        index_t sign) {
  index_t row = (index_t)blockIdx.x * blockDim.y + threadIdx.y;
  if (row >= rows) return;
  x += row * n;
  index_t where = threadIdx.x < n ? (index_t)threadIdx.x : 0;
  acc_t best = (acc_t)x[where];
  for (index_t i = threadIdx.x + (index_t)blockDim.x; i < n && best == best; i += blockDim.x) {
    acc_t value = (acc_t)x[i];
    if (value != value || (sign > 0 ? value > best : value < best)) {
      best = value;
      where = i;
    }
  }
  for (int lane = 16; lane > 0; lane /= 2) {
    acc_t other = __shfl_xor_sync(0xffffffffu, best, lane);
    index_t at = __shfl_xor_sync(0xffffffffu, where, lane);
    bool nan = best != best, other_nan = other != other;
    bool better = sign > 0 ? other > best : other < best;
    bool tied = other == best || (nan && other_nan);
    if ((other_nan && !nan) || (!nan && better) || (tied && at < where)) {
      best = other;
      where = at;
    }
  }
  if (threadIdx.x != 0) return;
  values[row] = (scalar_t)best;
  indices[row] = where;
}
