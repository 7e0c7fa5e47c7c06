// Functions that pointwise programs (codegen.py) need beyond CUDA's own, with NumPy's semantics.

#define GC_NAN(T) ((T)__int_as_float(0x7fc00000))
#define GC_INFINITY(T) ((T)__int_as_float(0x7f800000))

// NaN wins, unlike in fmax and fmin.
template <class T>
__device__ T gc_maximum(T a, T b) { return (a > b || a != a) ? a : b; }
template <class T>
__device__ T gc_minimum(T a, T b) { return (a < b || a != a) ? a : b; }
template <class T>
__device__ T gc_clip(T x, T low, T high) { return gc_minimum(gc_maximum(x, low), high); }
template <class T>
__device__ T gc_sign(T x) { return x != x ? x : (T)((x > (T)0) - (x < (T)0)); }
template <class T>
__device__ T gc_heaviside(T x, T at_zero) {
  return x != x ? x : x == (T)0 ? at_zero : (T)(x > (T)0);
}

// Python's % and //: the sign of the divisor.
template <class T>
__device__ T gc_remainder(T a, T b) {
  T r = fmod(a, b);
  if (r != (T)0) return (r < (T)0) != (b < (T)0) ? r + b : r;
  return copysign(r, b);
}
template <class T>
__device__ T gc_floor_divide(T a, T b) {
  if (b == (T)0) return a / b;
  T r = fmod(a, b), q = (a - r) / b;
  if (r != (T)0 && (r < (T)0) != (b < (T)0)) q -= (T)1;
  if (q == (T)0) return copysign((T)0, a / b);
  T whole = floor(q);
  return q - whole > (T)0.5 ? whole + (T)1 : whole;
}
// Integers: division by zero gives 0, as in NumPy.
template <class T>
__device__ T gc_int_remainder(T a, T b) {
  if (b == 0 || b == (T)-1) return 0;
  T r = a % b;
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
template <class T>
__device__ T gc_int_floor_divide(T a, T b) {
  if (b == 0) return 0;
  if (b == (T)-1 && (T)-1 < 0) return -a;
  T q = a / b;
  return q * b != a && (a < 0) != (b < 0) ? q - 1 : q;
}
template <class T>
__device__ T gc_int_fmod(T a, T b) { return b == 0 || b == (T)-1 ? (T)0 : (T)(a % b); }
template <class T>
__device__ T gc_int_power(T base, T exponent) {
  T result = 1;
  if (exponent < 0) return base == 1 ? 1 : base == (T)-1 ? (exponent % 2 ? -1 : 1) : 0;
  for (; exponent > 0; exponent /= 2, base *= base)
    if (exponent % 2) result *= base;
  return result;
}
template <class T>
__device__ T gc_gcd(T a, T b) {
  while (b != 0) {
    T r = a % b;
    a = b;
    b = r;
  }
  return a < 0 ? -a : a;
}
template <class T>
__device__ T gc_lcm(T a, T b) {
  T divisor = gc_gcd(a, b);
  if (divisor == 0) return 0;
  T product = a / divisor * b;
  return product < 0 ? -product : product;
}
// Shifts by the width or more are defined here, unlike in C.
template <class T>
__device__ T gc_left_shift(T a, T b) {
  return b < 0 || b >= (T)(8 * sizeof(T)) ? (T)0 : (T)(a << b);
}
template <class T>
__device__ T gc_right_shift(T a, T b) {
  return b < 0 || b >= (T)(8 * sizeof(T)) ? (a < 0 ? (T)-1 : (T)0) : (T)(a >> b);
}

template <class T>
__device__ T gc_logaddexp(T a, T b) {
  if (a == b) return a + (T)0.6931471805599453;
  T high = gc_maximum(a, b), low = gc_minimum(a, b);
  return high + log1p(exp(low - high));
}
template <class T>
__device__ T gc_logaddexp2(T a, T b) {
  if (a == b) return a + (T)1;
  T high = gc_maximum(a, b), low = gc_minimum(a, b);
  return high + log1p(exp2(low - high)) * (T)1.4426950408889634;
}
// exp of a negative number in either branch: no overflow.
template <class T>
__device__ T gc_expit(T x) {
  if (x >= (T)0) return (T)1 / ((T)1 + exp(-x));
  T e = exp(x);
  return x != x ? x : e / ((T)1 + e);
}
template <class T>
__device__ T gc_logit(T x) { return log(x / ((T)1 - x)); }

// Recurrence up to 10, then the asymptotic series (Abramowitz and Stegun 6.3.18); below 0 by
// reflection.
template <class T>
__device__ T gc_digamma(T x) {
  const T pi = (T)3.14159265358979323846;
  if (x == (T)0) return copysign(GC_INFINITY(T), -x);
  T result = 0;
  if (x < (T)0) {
    if (x == floor(x)) return GC_NAN(T);
    T fraction = x - floor(x);
    result = -pi / tan(pi * fraction);
    x = (T)1 - x;
  }
  while (x < (T)10) {
    result -= (T)1 / x;
    x += (T)1;
  }
  T z = (T)1 / (x * x);
  T series =
      z * ((T)(1. / 12) -
           z * ((T)(1. / 120) -
                z * ((T)(1. / 252) -
                     z * ((T)(1. / 240) -
                          z * ((T)(1. / 132) - z * ((T)(691. / 32760) - z * (T)(1. / 12)))))));
  return result + log(x) - (T)0.5 / x - series;
}
