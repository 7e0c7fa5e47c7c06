// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
// state = {seed, offset}, both in device memory so that a captured graph draws anew on replay.

__device__ __forceinline__ uint4 philox(unsigned long long seed, unsigned long long counter) {
  unsigned key0 = (unsigned)seed, key1 = (unsigned)(seed >> 32);
  uint4 c = make_uint4((unsigned)counter, (unsigned)(counter >> 32), 0u, 0u);
  for (int round = 0; round < 10; round++) {
    unsigned high0 = __umulhi(0xD2511F53u, c.x), low0 = 0xD2511F53u * c.x;
    unsigned high1 = __umulhi(0xCD9E8D57u, c.z), low1 = 0xCD9E8D57u * c.z;
    c = make_uint4(high1 ^ c.y ^ key0, low1, high0 ^ c.w ^ key1, low0);
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return c;
}

// Draws per counter: four of up to 32 bits, or two of 64.
#define PER_COUNTER (sizeof(scalar_t) == 8 ? 2 : 4)

// As many bits as scalar_t's fraction holds, so that rounding never gives 1.
__device__ __forceinline__ acc_t unit(unsigned bits, unsigned more) {
  if (sizeof(scalar_t) == 8) {
    unsigned long long wide = ((unsigned long long)bits << 32 | more) >> 11;
    return (acc_t)((double)wide * (1.0 / 9007199254740992.0));
  }
  return (acc_t)((float)(bits >> (32 - UNIT_BITS)) * (1.0f / (float)(1u << UNIT_BITS)));
}

__device__ __forceinline__ void four_units(uint4 c, acc_t* u) {
  if (sizeof(scalar_t) == 8) {
    u[0] = unit(c.x, c.y);
    u[1] = unit(c.z, c.w);
  } else {
    u[0] = unit(c.x, 0);
    u[1] = unit(c.y, 0);
    u[2] = unit(c.z, 0);
    u[3] = unit(c.w, 0);
  }
}

extern "C" __global__ void philox_advance(unsigned long long* state, unsigned long long count) {
  if (blockIdx.x == 0 && threadIdx.x == 0) state[1] += count;
}

extern "C" __global__ void philox_bits(const unsigned long long* __restrict__ state,
                                       unsigned* __restrict__ out, index_t n) {
  GRID_STRIDE(i, (n + 3) / 4) {
    uint4 c = philox(state[0], state[1] + i);
    unsigned words[4] = {c.x, c.y, c.z, c.w};
    for (int j = 0; j < 4; j++)
      if (4 * i + j < n) out[4 * i + j] = words[j];
  }
}

// low + (high - low) * u with u in [0, 1).
extern "C" __global__ void philox_uniform(const unsigned long long* __restrict__ state,
                                          scalar_t* __restrict__ out, index_t n, acc_t low,
                                          acc_t high) {
  const index_t per = PER_COUNTER;
  GRID_STRIDE(i, (n + per - 1) / per) {
    acc_t u[4];
    four_units(philox(state[0], state[1] + i), u);
    for (index_t j = 0; j < per && per * i + j < n; j++) {
      scalar_t value = (scalar_t)(low + (high - low) * u[j]);
      // Rounding to scalar_t may reach high, which the interval excludes.
      out[per * i + j] = (acc_t)value < high || low == high ? value : (scalar_t)low;
    }
  }
}

// Box-Muller: both normals of a pair are used.
extern "C" __global__ void philox_normal(const unsigned long long* __restrict__ state,
                                         scalar_t* __restrict__ out, index_t n, acc_t mean,
                                         acc_t deviation) {
  const index_t per = PER_COUNTER;
  GRID_STRIDE(i, (n + per - 1) / per) {
    uint4 c = philox(state[0], state[1] + i);
    unsigned words[4] = {c.x, c.y, c.z, c.w};
    acc_t z[4];
    for (index_t j = 0; j < per; j += 2) {
      acc_t u, angle;
      if (sizeof(acc_t) == 8) {
        u = (acc_t)(((double)(((unsigned long long)c.x << 32 | c.y) >> 11) + 1) *
                    (1.0 / 9007199254740992.0));
        angle = (acc_t)((double)(((unsigned long long)c.z << 32 | c.w) >> 11) *
                        (2.0 / 9007199254740992.0));
      } else {
        // (0, 1], so that the logarithm is finite.
        u = (acc_t)((float)(words[j] >> 8) + 1.0f) * (1.0f / 16777216.0f);
        angle = (acc_t)((float)(words[j + 1] >> 8) * (2.0f / 16777216.0f));
      }
      acc_t radius = sqrt((acc_t)-2 * log(u));
      z[j] = radius * COSPI(angle);
      z[j + 1] = radius * SINPI(angle);
    }
    for (index_t j = 0; j < per && per * i + j < n; j++)
      out[per * i + j] = (scalar_t)(mean + deviation * z[j]);
  }
}

// mask = u < keep, out = x * scale where mask. One pass over x.
extern "C" __global__ void philox_dropout(const unsigned long long* __restrict__ state,
                                          const scalar_t* __restrict__ x,
                                          scalar_t* __restrict__ out, bool* __restrict__ mask,
                                          index_t n, acc_t keep, acc_t scale) {
  GRID_STRIDE(i, (n + 3) / 4) {
    uint4 c = philox(state[0], state[1] + i);
    unsigned words[4] = {c.x, c.y, c.z, c.w};
    for (index_t j = 0; j < 4 && 4 * i + j < n; j++) {
      index_t at = 4 * i + j;
      bool kept = (acc_t)((float)(words[j] >> 8) * (1.0f / 16777216.0f)) < keep;
      mask[at] = kept;
      out[at] = (scalar_t)(kept ? (acc_t)x[at] * scale : (acc_t)0);
    }
  }
}
