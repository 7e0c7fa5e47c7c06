// Convolution as matrix products (columns) and, for depthwise weights, directly.

// columns[(c, tap), image, position] = x[image, c, window(position) at tap], 0 in the padding.
extern "C" __global__ void im2col(const scalar_t* __restrict__ x, scalar_t* __restrict__ columns,
                                  index_t images, index_t channels, index_t image_stride,
                                  WINDOW_PARAMETERS) {
  index_t taps = kernel_d * kernel_h * kernel_w;
  index_t positions = out_d * out_h * out_w;
  GRID_STRIDE(i, channels * taps * images * positions) {
    index_t position = i % positions;
    index_t image = i / positions % images;
    index_t tap = i / (positions * images) % taps;
    index_t channel = i / (positions * images * taps);
    index_t z = position / (out_h * out_w) * stride_d - pad_d +
                tap / (kernel_h * kernel_w) * dilation_d;
    index_t y = position / out_w % out_h * stride_h - pad_h + tap / kernel_w % kernel_h * dilation_h;
    index_t w = position % out_w * stride_w - pad_w + tap % kernel_w * dilation_w;
    bool inside = z >= 0 && z < in_d && y >= 0 && y < in_h && w >= 0 && w < in_w;
    columns[i] = inside ? x[image * image_stride + ((channel * in_d + z) * in_h + y) * in_w + w]
                        : (scalar_t)0.0f;
  }
}

// The adjoint of im2col: every input element gathers the columns it was copied to.
extern "C" __global__ void col2im(const scalar_t* __restrict__ columns, scalar_t* __restrict__ x,
                                  index_t images, index_t channels, index_t image_stride,
                                  WINDOW_PARAMETERS) {
  index_t positions = out_d * out_h * out_w;
  index_t size = in_d * in_h * in_w;
  GRID_STRIDE(i, images * channels * size) {
    index_t w = i % in_w, y = i / in_w % in_h, z = i / (in_w * in_h) % in_d;
    index_t channel = i / size % channels, image = i / (size * channels);
    acc_t total = 0;
    for (index_t a = 0; a < kernel_d; a++) {
      index_t oz = window_of(z, a, pad_d, stride_d, dilation_d, out_d);
      if (oz < 0) continue;
      for (index_t b = 0; b < kernel_h; b++) {
        index_t oy = window_of(y, b, pad_h, stride_h, dilation_h, out_h);
        if (oy < 0) continue;
        for (index_t c = 0; c < kernel_w; c++) {
          index_t ox = window_of(w, c, pad_w, stride_w, dilation_w, out_w);
          if (ox < 0) continue;
          index_t row = ((channel * kernel_d + a) * kernel_h + b) * kernel_w + c;
          total += (acc_t)columns[(row * images + image) * positions +
                                  (oz * out_h + oy) * out_w + ox];
        }
      }
    }
    x[image * image_stride + channel * size + i % size] = (scalar_t)total;
  }
}

// Depthwise: output channel o reads input channel o / multiplier alone.
extern "C" __global__ void depthwise(const scalar_t* __restrict__ x,
                                     const scalar_t* __restrict__ weight,
                                     const scalar_t* __restrict__ bias, scalar_t* __restrict__ out,
                                     index_t images, index_t outputs, index_t multiplier,
                                     WINDOW_PARAMETERS) {
  index_t positions = out_d * out_h * out_w;
  index_t taps = kernel_d * kernel_h * kernel_w;
  GRID_STRIDE(i, images * outputs * positions) {
    index_t ox = i % out_w, oy = i / out_w % out_h, oz = i / (out_w * out_h) % out_d;
    index_t output = i / positions % outputs, image = i / (positions * outputs);
    const scalar_t* plane =
        x + (image * (outputs / multiplier) + output / multiplier) * in_d * in_h * in_w;
    const scalar_t* w = weight + output * taps;
    acc_t total = bias ? (acc_t)bias[output] : (acc_t)0;
    for (index_t a = 0; a < kernel_d; a++) {
      index_t z = oz * stride_d - pad_d + a * dilation_d;
      if (z < 0 || z >= in_d) continue;
      for (index_t b = 0; b < kernel_h; b++) {
        index_t y = oy * stride_h - pad_h + b * dilation_h;
        if (y < 0 || y >= in_h) continue;
        for (index_t c = 0; c < kernel_w; c++) {
          index_t column = ox * stride_w - pad_w + c * dilation_w;
          if (column >= 0 && column < in_w)
            total += (acc_t)plane[(z * in_h + y) * in_w + column] *
                     (acc_t)w[(a * kernel_h + b) * kernel_w + c];
        }
      }
    }
    out[i] = (scalar_t)total;
  }
}

extern "C" __global__ void depthwise_input(const scalar_t* __restrict__ g,
                                           const scalar_t* __restrict__ weight,
                                           const scalar_t* __restrict__ bias,
                                           scalar_t* __restrict__ dx, index_t images,
                                           index_t outputs, index_t multiplier,
                                           WINDOW_PARAMETERS) {
  index_t channels = outputs / multiplier, size = in_d * in_h * in_w;
  index_t positions = out_d * out_h * out_w, taps = kernel_d * kernel_h * kernel_w;
  GRID_STRIDE(i, images * channels * size) {
    index_t x = i % in_w, y = i / in_w % in_h, z = i / (in_w * in_h) % in_d;
    index_t channel = i / size % channels, image = i / (size * channels);
    acc_t total = bias ? (acc_t)bias[channel] : (acc_t)0;
    for (index_t tap = 0; tap < taps; tap++) {
      index_t oz = window_of(z, tap / (kernel_h * kernel_w), pad_d, stride_d, dilation_d, out_d);
      index_t oy = window_of(y, tap / kernel_w % kernel_h, pad_h, stride_h, dilation_h, out_h);
      index_t ox = window_of(x, tap % kernel_w, pad_w, stride_w, dilation_w, out_w);
      if (oz < 0 || oy < 0 || ox < 0) continue;
      for (index_t m = 0; m < multiplier; m++) {
        index_t output = channel * multiplier + m;
        total += (acc_t)g[(image * outputs + output) * positions + (oz * out_h + oy) * out_w + ox] *
                 (acc_t)weight[output * taps + tap];
      }
    }
    dx[i] = (scalar_t)total;
  }
}

// One block per (output channel, tap).
extern "C" __global__ void depthwise_weight(const scalar_t* __restrict__ x,
                                            const scalar_t* __restrict__ g,
                                            scalar_t* __restrict__ dw, index_t images,
                                            index_t outputs, index_t multiplier,
                                            WINDOW_PARAMETERS) {
  index_t taps = kernel_d * kernel_h * kernel_w, positions = out_d * out_h * out_w;
  index_t output = blockIdx.x / taps, tap = blockIdx.x % taps;
  index_t channel = output / multiplier, channels = outputs / multiplier;
  acc_t total = 0;
  for (index_t i = threadIdx.x; i < images * positions; i += blockDim.x) {
    index_t image = i / positions, position = i % positions;
    index_t z = position / (out_h * out_w) * stride_d - pad_d +
                tap / (kernel_h * kernel_w) * dilation_d;
    index_t y = position / out_w % out_h * stride_h - pad_h + tap / kernel_w % kernel_h * dilation_h;
    index_t w = position % out_w * stride_w - pad_w + tap % kernel_w * dilation_w;
    if (z < 0 || z >= in_d || y < 0 || y >= in_h || w < 0 || w >= in_w) continue;
    total += (acc_t)x[(((image * channels + channel) * in_d + z) * in_h + y) * in_w + w] *
             (acc_t)g[(image * outputs + output) * positions + position];
  }
  total = row_reduce(total, Sum());
  if (threadIdx.x == 0) dw[blockIdx.x] = (scalar_t)total;
}
