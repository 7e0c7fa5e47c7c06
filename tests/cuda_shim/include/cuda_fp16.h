// The part of CUDA's header that gradcore's kernels use, over the compiler's _Float16.
#pragma once
#include <string>

struct __half {
  _Float16 value;
  __half() = default;
  template <class T>
  __half(T v) : value((_Float16)(float)v) {}
  operator float() const { return (float)value; }
  static std::string shim_code() { return "h2"; }
};
inline float __half2float(__half h) { return h; }
inline __half __float2half(float f) { return __half(f); }
