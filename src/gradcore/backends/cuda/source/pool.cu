// Pooling over windows of planes: arrays are seen as (planes, depth, height, width).

// NaN wins, as in PyTorch; of equal values the first is taken. Indices are flat in the plane.
extern "C" __global__ void max_pool(const scalar_t* __restrict__ x, scalar_t* __restrict__ out,
                                    long long* __restrict__ indices, index_t planes,
                                    WINDOW_PARAMETERS) {
  index_t positions = out_d * out_h * out_w;
  GRID_STRIDE(i, planes * positions) {
    index_t z0 = i / (out_w * out_h) % out_d * stride_d - pad_d;
    index_t y0 = i / out_w % out_h * stride_h - pad_h;
    index_t x0 = i % out_w * stride_w - pad_w;
    const scalar_t* plane = x + i / positions * in_d * in_h * in_w;
    acc_t largest = -POSITIVE_INFINITY;
    index_t where = -1;
    for (index_t a = 0; a < kernel_d; a++) {
      index_t z = z0 + a * dilation_d;
      if (z < 0 || z >= in_d) continue;
      for (index_t b = 0; b < kernel_h; b++) {
        index_t y = y0 + b * dilation_h;
        if (y < 0 || y >= in_h) continue;
        for (index_t c = 0; c < kernel_w; c++) {
          index_t column = x0 + c * dilation_w;
          if (column < 0 || column >= in_w) continue;
          index_t at = (z * in_h + y) * in_w + column;
          acc_t value = (acc_t)plane[at];
          if (where < 0 || value > largest || value != value) {
            largest = value;
            where = at;
          }
        }
      }
    }
    out[i] = (scalar_t)largest;
    indices[i] = where;
  }
}

// dx holds zeros. Windows may overlap, hence the atomics; their order is not fixed.
extern "C" __global__ void max_pool_backward(const scalar_t* __restrict__ g,
                                             const long long* __restrict__ indices, acc_t* dx,
                                             index_t planes, index_t positions, index_t size) {
  GRID_STRIDE(i, planes * positions) {
    if (indices[i] < 0 || indices[i] >= size) continue;
    add_atomically(dx + i / positions * size + indices[i], (acc_t)g[i]);
  }
}

// The number that a window's sum is divided by: PyTorch's rules for padding and overhang.
__device__ __forceinline__ index_t overlap(index_t o, index_t stride, index_t pad, index_t kernel,
                                           index_t in, bool with_padding) {
  index_t start = o * stride - pad;
  index_t stop = start + kernel < in + pad ? start + kernel : in + pad;
  if (!with_padding) {
    if (start < 0) start = 0;
    if (stop > in) stop = in;
  }
  return stop - start;
}

#define DIVISOR(oz, oy, ox)                                                      \
  (divisor > 0 ? divisor                                                         \
               : overlap(oz, stride_d, pad_d, kernel_d, in_d, count_include_pad) * \
                     overlap(oy, stride_h, pad_h, kernel_h, in_h, count_include_pad) * \
                     overlap(ox, stride_w, pad_w, kernel_w, in_w, count_include_pad))

extern "C" __global__ void avg_pool(const scalar_t* __restrict__ x, scalar_t* __restrict__ out,
                                    index_t planes, index_t count_include_pad, index_t divisor,
                                    WINDOW_PARAMETERS) {
  index_t positions = out_d * out_h * out_w;
  GRID_STRIDE(i, planes * positions) {
    index_t oz = i / (out_w * out_h) % out_d, oy = i / out_w % out_h, ox = i % out_w;
    const scalar_t* plane = x + i / positions * in_d * in_h * in_w;
    acc_t total = 0;
    for (index_t a = 0; a < kernel_d; a++) {
      index_t z = oz * stride_d - pad_d + a;
      if (z < 0 || z >= in_d) continue;
      for (index_t b = 0; b < kernel_h; b++) {
        index_t y = oy * stride_h - pad_h + b;
        if (y < 0 || y >= in_h) continue;
        for (index_t c = 0; c < kernel_w; c++) {
          index_t column = ox * stride_w - pad_w + c;
          if (column >= 0 && column < in_w) total += (acc_t)plane[(z * in_h + y) * in_w + column];
        }
      }
    }
    out[i] = (scalar_t)(total / (acc_t)DIVISOR(oz, oy, ox));
  }
}

// Every input element gathers from the windows that hold it.
extern "C" __global__ void avg_pool_backward(const scalar_t* __restrict__ g,
                                             scalar_t* __restrict__ dx, index_t planes,
                                             index_t count_include_pad, index_t divisor,
                                             WINDOW_PARAMETERS) {
  index_t size = in_d * in_h * in_w;
  GRID_STRIDE(i, planes * size) {
    index_t x = i % in_w, y = i / in_w % in_h, z = i / (in_w * in_h) % in_d;
    const scalar_t* plane = g + i / size * out_d * out_h * out_w;
    acc_t total = 0;
    for (index_t a = 0; a < kernel_d; a++) {
      index_t oz = window_of(z, a, pad_d, stride_d, 1, out_d);
      if (oz < 0) continue;
      for (index_t b = 0; b < kernel_h; b++) {
        index_t oy = window_of(y, b, pad_h, stride_h, 1, out_h);
        if (oy < 0) continue;
        for (index_t c = 0; c < kernel_w; c++) {
          index_t ox = window_of(x, c, pad_w, stride_w, 1, out_w);
          if (ox < 0) continue;
          total += (acc_t)plane[(oz * out_h + oy) * out_w + ox] / (acc_t)DIVISOR(oz, oy, ox);
        }
      }
    }
    dx[i] = (scalar_t)total;
  }
}
