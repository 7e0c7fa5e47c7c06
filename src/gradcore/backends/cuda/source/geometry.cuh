// The sizes of a sliding window over up to three spatial dimensions; missing ones have size 1.
#define WINDOW_PARAMETERS                                                            \
  index_t in_d, index_t in_h, index_t in_w, index_t out_d, index_t out_h, index_t out_w, \
      index_t kernel_d, index_t kernel_h, index_t kernel_w, index_t stride_d,        \
      index_t stride_h, index_t stride_w, index_t pad_d, index_t pad_h, index_t pad_w, \
      index_t dilation_d, index_t dilation_h, index_t dilation_w

// The output position whose window holds input position `at` at kernel position `tap`, or -1.
__device__ __forceinline__ index_t window_of(index_t at, index_t tap, index_t pad,
                                             index_t stride, index_t dilation, index_t out) {
  index_t shifted = at + pad - tap * dilation;
  if (shifted < 0 || shifted % stride != 0) return -1;
  return shifted / stride < out ? shifted / stride : -1;
}
