// Optimizer steps over many tensors in one launch. Block b works on chunk b: elements
// [chunk_start[b], chunk_start[b] + CHUNK) of tensor chunk_tensor[b].
// addresses is (tensors, arrays per tensor): parameter, gradient, then the state buffers.
#define CHUNK 16384

#define EACH_OF_CHUNK(i)                                                                     \
  long long t = chunk_tensor[blockIdx.x], start = chunk_start[blockIdx.x];                   \
  long long stop = start + CHUNK < sizes[t] ? start + CHUNK : sizes[t];                      \
  for (long long i = start + threadIdx.x; i < stop; i += blockDim.x)

#define TABLE                                                                              \
  const unsigned long long *__restrict__ addresses, const long long *__restrict__ sizes,   \
      const long long *__restrict__ chunk_tensor, const long long *__restrict__ chunk_start

// torch.optim.SGD. has_momentum: a buffer per tensor; first: the buffers are still empty.
extern "C" __global__ void sgd(TABLE, acc_t lr, acc_t momentum, acc_t dampening,
                               acc_t weight_decay, index_t nesterov, index_t maximize,
                               index_t has_momentum, index_t first) {
  EACH_OF_CHUNK(i) {
    const unsigned long long* row = addresses + t * (has_momentum ? 3 : 2);
    scalar_t* parameter = (scalar_t*)row[0];
    acc_t p = (acc_t)parameter[i], g = (acc_t)((const scalar_t*)row[1])[i];
    if (maximize) g = -g;
    g += weight_decay * p;
    if (has_momentum) {
      scalar_t* buffer = (scalar_t*)row[2];
      acc_t b = first ? g : momentum * (acc_t)buffer[i] + ((acc_t)1 - dampening) * g;
      buffer[i] = (scalar_t)b;
      g = nesterov ? g + momentum * b : b;
    }
    parameter[i] = (scalar_t)(p - lr * g);
  }
}

// torch.optim.Adam and AdamW. correction1 = 1 - beta1^t, correction2 = 1 - beta2^t, taken on the
// host in double precision.
extern "C" __global__ void adam(TABLE, acc_t lr, acc_t beta1, acc_t beta2, acc_t eps,
                                acc_t weight_decay, acc_t correction1, acc_t correction2,
                                index_t decoupled, index_t maximize, index_t amsgrad) {
  EACH_OF_CHUNK(i) {
    const unsigned long long* row = addresses + t * (amsgrad ? 5 : 4);
    scalar_t* parameter = (scalar_t*)row[0];
    scalar_t* average = (scalar_t*)row[2];
    scalar_t* square = (scalar_t*)row[3];
    acc_t p = (acc_t)parameter[i], g = (acc_t)((const scalar_t*)row[1])[i];
    if (maximize) g = -g;
    if (decoupled) p -= lr * weight_decay * p;
    else g += weight_decay * p;
    acc_t m = (acc_t)average[i], v = (acc_t)square[i];
    m += ((acc_t)1 - beta1) * (g - m);
    v = beta2 * v + ((acc_t)1 - beta2) * g * g;
    average[i] = (scalar_t)m;
    square[i] = (scalar_t)v;
    if (amsgrad) {
      scalar_t* largest = (scalar_t*)row[4];
      acc_t before = (acc_t)largest[i];
      v = v > before ? v : before;
      largest[i] = (scalar_t)v;
    }
    parameter[i] = (scalar_t)(p - lr / correction1 * m / (sqrt(v) / sqrt(correction2) + eps));
  }
}
