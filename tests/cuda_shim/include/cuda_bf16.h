// The part of CUDA's header that gradcore's kernels use; rounds to nearest even.
#pragma once
#include <cstdint>
#include <cstring>
#include <string>

struct __nv_bfloat16 {
  uint16_t bits;
  __nv_bfloat16() = default;
  template <class T>
  __nv_bfloat16(T v) {
    float f = (float)v;
    uint32_t u;
    memcpy(&u, &f, 4);
    bool nan = (u & 0x7fffffff) > 0x7f800000;
    bits = nan ? 0x7fff : (u + 0x7fff + ((u >> 16) & 1)) >> 16;
  }
  operator float() const {
    uint32_t u = uint32_t(bits) << 16;
    float f;
    memcpy(&f, &u, 4);
    return f;
  }
  static std::string shim_code() { return "B2"; }
};
inline float __bfloat162float(__nv_bfloat16 h) { return h; }
inline __nv_bfloat16 __float2bfloat16(float f) { return __nv_bfloat16(f); }
