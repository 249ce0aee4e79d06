// Lanes, numbers and reductions: the only code that differs between a GPU and a host.
//
// A group of LANES lanes works on one matrix.  EACH(i, begin, end) distributes independent work over
// them, and BARRIER() makes what they have written visible to all.  On a GPU a lane is a thread and
// `real` is a double.  On the host there is one lane, and `real` holds one double of each of VECTOR
// matrices, so that arithmetic becomes vector instructions.  Hence a branch on data is a selection,
// c ? a : b, and a loop runs until the last matrix is done, without changing the others.
//
// Compilers must join no multiplication with an addition (--fmad=false, -ffp-contract=off): only
// multiply_add does.  Sums have a fixed order.  So a GPU and a host give the same bits.

#define PARTS (WIDTH <= 8 ? 8 : WIDTH <= 16 ? 16 : 32)  // partial sums of a reduction

#ifdef __CUDACC__

#define HERE static __device__ __forceinline__
#define STEP HERE
#define UNROLL _Pragma("unroll")
#define LANE ((int)threadIdx.x % LANES)
#define ONE_LANE if (LANE == 0)
#define EACH(i, begin, end) for (int i = (begin) + LANE; i < (end); i += LANES)

typedef double real;
typedef long long integer;
typedef unsigned word;
typedef bool mask;

// Threads of the warp that belong to the same group.
HERE unsigned together() {
  return LANES >= 32 ? 0xFFFFFFFFu : ((1u << (LANES % 32)) - 1) << (threadIdx.x % 32 / LANES * LANES);
}
HERE void BARRIER() {
  if (LANES > 32) __syncthreads(); else __syncwarp(together());
}
HERE real splat(double x) { return x; }
HERE word words(unsigned x) { return x; }
HERE real multiply_add(real a, real b, real c) { return fma(a, b, c); }
HERE real square_root(real x) { return sqrt(x); }
HERE double scalar_root(double x) { return sqrt(x); }
HERE integer bits(real x) { return __double_as_longlong(x); }
HERE real from_bits(integer x) { return __longlong_as_double(x); }
HERE real from_word(word x) { return (double)x; }
HERE bool any(mask m) { return m; }
HERE void multiply_words(unsigned a, word b, word& high, word& low) {
  unsigned long long product = (unsigned long long)a * b;
  high = (unsigned)(product >> 32), low = (unsigned)product;
}
HERE word matrix_numbers(long long first) { return (unsigned)first; }
HERE void store(double* to, long long m, long long count, real x) { if (m < count) to[m] = x; }
HERE real load(const double* from, long long m, long long count) { return m < count ? from[m] : 0; }

// Reduce term(begin), ..., term(end - 1); every lane receives the result.
template <class Join, class Term>
HERE real reduced(int begin, int end, Join join, Term term) {
  real part = 0;
  for (int i = (int)threadIdx.x % PARTS; i < end; i += PARTS)
    if (i >= begin) part = join(part, term(i));
  for (int gap = PARTS / 2; gap > 0; gap /= 2)
    part = join(part, __shfl_xor_sync(together(), part, gap));
  return part;
}

#else

#define HERE static inline __attribute__((always_inline))
#define STEP static __attribute__((noinline))
#define UNROLL _Pragma("GCC unroll 16")
#ifdef REVERSED  // a test that no lane needs what another does since the last barrier
#define EACH(i, begin, end) for (int i = (end) - 1; i >= (begin); i--)
#else
#define EACH(i, begin, end) for (int i = (begin); i < (end); i++)
#endif

#if defined(__AVX2__)
#include <immintrin.h>
#endif

typedef double real __attribute__((vector_size(8 * VECTOR)));
typedef long long integer __attribute__((vector_size(8 * VECTOR)));
typedef unsigned long long word __attribute__((vector_size(8 * VECTOR)));  // 32 bits; others ignored
typedef integer mask;

#define ONE_LANE
#define BARRIER() do {} while (0)
HERE real splat(double x) { return real{} + x; }
HERE word words(unsigned x) { return word{} + x; }
HERE real multiply_add(real a, real b, real c) {
  real result;
  for (int v = 0; v < VECTOR; v++) result[v] = __builtin_fma(a[v], b[v], c[v]);
  return result;
}
HERE real square_root(real x) {
  real result;
  for (int v = 0; v < VECTOR; v++) result[v] = __builtin_sqrt(x[v]);
  return result;
}
HERE double scalar_root(double x) { return __builtin_sqrt(x); }
HERE integer bits(real x) { return (integer)x; }
HERE real from_bits(integer x) { return (real)x; }
HERE real from_word(word x) {  // behind the bits of 2^52
  return (real)((x & 0xFFFFFFFFull) | 0x4330000000000000ull) - 4503599627370496.0;
}
HERE bool any(mask m) {
  long long found = 0;
  for (int v = 0; v < VECTOR; v++) found |= m[v];
  return found != 0;
}
HERE void multiply_words(unsigned a, word b, word& high, word& low) {
#if VECTOR == 4 && defined(__AVX2__)
  low = (word)_mm256_mul_epu32((__m256i)words(a), (__m256i)b);
#else
  low = (b & 0xFFFFFFFFull) * (unsigned long long)a;
#endif
  high = low >> 32;
}
HERE word matrix_numbers(long long first) {
  word result;
  for (int v = 0; v < VECTOR; v++) result[v] = (unsigned long long)(first + v);
  return result;
}
HERE void store(double* to, long long m, long long count, real x) {
  for (int v = 0; v < VECTOR; v++) if (m + v < count) to[m + v] = x[v];
}
HERE real load(const double* from, long long m, long long count) {
  real result;
  for (int v = 0; v < VECTOR; v++) result[v] = m + v < count ? from[m + v] : 0.0;
  return result;
}

template <class Join, class Term>
HERE real reduced(int begin, int end, Join join, Term term) {
  real part[PARTS];
  for (int i = 0; i < PARTS; i++) part[i] = real{};
  for (int i = begin; i < end; i++) part[i % PARTS] = join(part[i % PARTS], term(i));
  for (int gap = PARTS / 2; gap > 0; gap /= 2)
    for (int i = 0; i < gap; i++) part[i] = join(part[i], part[i + gap]);
  return part[0];
}

#endif

template <class Term>
HERE real sum(int begin, int end, Term term) {
  return reduced(begin, end, [](real a, real b) { return a + b; }, term);
}

HERE real larger(real a, real b) { return a > b ? a : b; }
HERE real absolute(real x) { return x < 0.0 ? -x : x; }

// The largest of non-negative terms.
template <class Term>
HERE real maximum(int begin, int end, Term term) {
  return reduced(begin, end, [](real a, real b) { return larger(a, b); }, term);
}

#define MAGIC 6755399441055744.0  // 1.5 * 2^52, in whose last bits small integers stand

// An integer of at most 2^50 as a real, and back.
HERE real to_real(integer k) { return from_bits(k + bits(splat(MAGIC))) - MAGIC; }
HERE integer to_integer(real k) { return bits(k + MAGIC) - bits(splat(MAGIC)); }
HERE real nearest_integer(real x) { return (x + MAGIC) - MAGIC; }

// The exponent of x > 0: x = m 2^exponent, 1 <= m < 2; 0 for 0.
HERE real exponent_of(real x) {
  return x > 0.0 ? to_real((bits(x) >> 52) - 1023) : splat(0);
}

// 2^k for an integer k; 0 below the normal floats.
HERE real power_of_two(real k) {
  real inside = k < -1022.0 ? splat(-1022) : k > 1023.0 ? splat(1023) : k;
  return k < -1022.0 ? splat(0) : from_bits((to_integer(inside) + 1023) << 52);
}

// An exponent such that x 2^-exponent is of order 1 (as near as floats allow), exactly.
HERE real scaling_exponent(real x) {
  real k = exponent_of(x);
  return k < -1022.0 ? splat(-1022) : k > 1022.0 ? splat(1022) : k;
}

#if COMPLEX
struct number { real re, im; };
HERE number complex(real re, real im) { number z; z.re = re, z.im = im; return z; }
HERE number from_real(real x) { return complex(x, splat(0)); }
HERE number conjugate(number a) { return complex(a.re, -a.im); }
HERE number times(number a, real x) { return complex(a.re * x, a.im * x); }
HERE number add(number a, number b) { return complex(a.re + b.re, a.im + b.im); }
HERE number choose(mask c, number a, number b) {
  return complex(c ? a.re : b.re, c ? a.im : b.im);
}
// s + a b
HERE number add_product(number s, number a, number b) {
  s.re = multiply_add(a.re, b.re, s.re), s.im = multiply_add(a.re, b.im, s.im);
  s.re = multiply_add(-a.im, b.im, s.re), s.im = multiply_add(a.im, b.re, s.im);
  return s;
}
HERE real squared(number a) { return multiply_add(a.re, a.re, a.im * a.im); }
HERE real largest_part(number a) { return larger(absolute(a.re), absolute(a.im)); }
template <class Term>
HERE number sum_of_numbers(int begin, int end, Term term) {
  return complex(sum(begin, end, [&](int i) { return term(i).re; }),
                 sum(begin, end, [&](int i) { return term(i).im; }));
}
#else
typedef real number;
HERE number from_real(real x) { return x; }
HERE number conjugate(number a) { return a; }
HERE number times(number a, real x) { return a * x; }
HERE number add(number a, number b) { return a + b; }
HERE number choose(mask c, number a, number b) { return c ? a : b; }
HERE number add_product(number s, number a, number b) { return multiply_add(a, b, s); }
HERE real squared(number a) { return a * a; }
HERE real largest_part(number a) { return absolute(a); }
template <class Term>
HERE number sum_of_numbers(int begin, int end, Term term) { return sum(begin, end, term); }
#endif

// s + conj(a) b, and s - a b
HERE number add_inner(number s, number a, number b) { return add_product(s, conjugate(a), b); }
HERE number subtract_product(number s, number a, number b) {
  return add_product(s, times(a, splat(-1)), b);
}
