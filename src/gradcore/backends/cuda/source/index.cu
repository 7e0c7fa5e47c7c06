// Adding into rows that indices name. Indices were checked where they were made; one that is out
// of range here stops the kernel (as PyTorch's device-side assert does) and never writes elsewhere.

// out[indices[i], :] += rows[i, :]; sums are kept in acc_t.
extern "C" __global__ void add_rows(acc_t* out, const long long* __restrict__ indices,
                                    const scalar_t* __restrict__ rows, index_t count,
                                    index_t width, index_t limit, acc_t alpha) {
  GRID_STRIDE(i, count * width) {
    long long row = indices[i / width];
    if (row < 0 || row >= limit) __trap();
    add_atomically(out + row * width + i % width, (acc_t)rows[i] * alpha);
  }
}

// out[a, index[a, i, b], b] += source[a, i, b] for arrays seen as (outer, n, inner).
extern "C" __global__ void scatter_add(acc_t* out, const long long* __restrict__ index,
                                       const scalar_t* __restrict__ source, index_t outer,
                                       index_t n, index_t inner, index_t limit) {
  GRID_STRIDE(i, outer * n * inner) {
    long long at = index[i];
    if (at < 0 || at >= limit) __trap();
    add_atomically(out + (i / (n * inner) * limit + at) * inner + i % inner, (acc_t)source[i]);
  }
}
