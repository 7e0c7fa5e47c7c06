// softmax and log_softmax over the middle axis of an array seen as (outer, n, inner).

// One row of n contiguous elements per threadIdx.y.
extern "C" __global__ void softmax_rows(const scalar_t* __restrict__ x, scalar_t* __restrict__ out,
                                        index_t rows, index_t n, index_t take_log) {
  index_t row = (index_t)blockIdx.x * blockDim.y + threadIdx.y;
  if (row >= rows) return;
  x += row * n;
  out += row * n;
  acc_t largest = -POSITIVE_INFINITY;
  for (index_t i = threadIdx.x; i < n; i += blockDim.x) {
    acc_t value = (acc_t)x[i];
    if (value > largest) largest = value;
  }
  largest = row_reduce(largest, Maximum());
  acc_t total = 0;
  for (index_t i = threadIdx.x; i < n; i += blockDim.x) total += exp((acc_t)x[i] - largest);
  total = row_reduce(total, Sum());
  if (take_log) {
    acc_t log_total = log(total);
    for (index_t i = threadIdx.x; i < n; i += blockDim.x)
      out[i] = (scalar_t)((acc_t)x[i] - largest - log_total);
  } else {
    for (index_t i = threadIdx.x; i < n; i += blockDim.x)
      out[i] = (scalar_t)(exp((acc_t)x[i] - largest) / total);
  }
}

// One (outer, inner) column per thread; neighbouring threads read neighbouring addresses.
extern "C" __global__ void softmax_columns(const scalar_t* __restrict__ x,
                                           scalar_t* __restrict__ out, index_t outer, index_t n,
                                           index_t inner, index_t take_log) {
  GRID_STRIDE(column, outer * inner) {
    index_t start = column / inner * n * inner + column % inner;
    index_t stop = start + n * inner;
    acc_t largest = -POSITIVE_INFINITY;
    for (index_t i = start; i < stop; i += inner)
      if ((acc_t)x[i] > largest) largest = (acc_t)x[i];
    acc_t total = 0;
    for (index_t i = start; i < stop; i += inner) total += exp((acc_t)x[i] - largest);
    acc_t log_total = take_log ? log(total) : (acc_t)0;
    for (index_t i = start; i < stop; i += inner) {
      acc_t shifted = (acc_t)x[i] - largest;
      out[i] = (scalar_t)(take_log ? shifted - log_total : exp(shifted) / total);
    }
  }
}

// softmax: out * (g - sum(g * out)); log_softmax: g - exp(out) * sum(g).
extern "C" __global__ void softmax_rows_backward(const scalar_t* __restrict__ g,
                                                 const scalar_t* __restrict__ out,
                                                 scalar_t* __restrict__ dx, index_t rows,
                                                 index_t n, index_t is_log) {
  index_t row = (index_t)blockIdx.x * blockDim.y + threadIdx.y;
  if (row >= rows) return;
  g += row * n;
  out += row * n;
  dx += row * n;
  acc_t total = 0;
  for (index_t i = threadIdx.x; i < n; i += blockDim.x)
    total += is_log ? (acc_t)g[i] : (acc_t)g[i] * (acc_t)out[i];
  total = row_reduce(total, Sum());
  for (index_t i = threadIdx.x; i < n; i += blockDim.x) {
    acc_t y = (acc_t)out[i], gi = (acc_t)g[i];
    dx[i] = (scalar_t)(is_log ? gi - exp(y) * total : y * (gi - total));
  }
}

extern "C" __global__ void softmax_columns_backward(const scalar_t* __restrict__ g,
                                                    const scalar_t* __restrict__ out,
                                                    scalar_t* __restrict__ dx, index_t outer,
                                                    index_t n, index_t inner, index_t is_log) {
  GRID_STRIDE(column, outer * inner) {
    index_t start = column / inner * n * inner + column % inner;
    index_t stop = start + n * inner;
    acc_t total = 0;
    for (index_t i = start; i < stop; i += inner)
      total += is_log ? (acc_t)g[i] : (acc_t)g[i] * (acc_t)out[i];
    for (index_t i = start; i < stop; i += inner) {
      acc_t y = (acc_t)out[i], gi = (acc_t)g[i];
      dx[i] = (scalar_t)(is_log ? gi - exp(y) * total : y * (gi - total));
    }
  }
}
