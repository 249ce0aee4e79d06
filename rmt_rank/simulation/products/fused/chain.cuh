// Kernels: chains of Gaussian matrices, given matrices, and given bidiagonal matrices.
//
// The matrix is the last index of all arrays.

// What is to be computed.  Depths are in increasing order; the last one is the number of layers.
struct Chains {
  Key key;
  long long count;       // of matrices
  int layers, depths;    // numbers of both
  const int* others;     // (layers,): the widths that are not the smallest, see `triangular_factors.py`
  const int* wanted;     // (depths,)
  double scale;          // root mean square of an entry
  double* diagonal;      // (depths, N, count): bidiagonal forms, or with LOGS log singular values
  double* above;         // (depths, N - 1, count)
  double* exponent;      // (depths, count): of the powers of two taken out of them
  double* squares;       // (depths, count): sums of squares of the entries
  double* log_diagonal;  // (N, count): log |diagonal| of the factors, added up over layers
};

HERE void copy_triangle(const number* from, number* to) {
  EACH(j, 0, WIDTH) for (int i = 0; i <= j; i++) to[i * LD + j] = from[i * LD + j];
  BARRIER();
}

// Results at one depth.
HERE void finish(Work& w, number* P, const Chains& c, int which, real exponent, long long m) {
  const long long n = WIDTH;
  double* diagonal = c.diagonal + which * n * c.count;
  if (LOGS) {
    log_singular_values(w, P, diagonal, m, c.count);
    return;
  }
  exponent = exponent + scale_to_one(P, true);
  clear_below(P);
  real square = sum(0, WIDTH, [&](int j) {
    real found = splat(0);
    for (int i = 0; i <= j; i++) found = found + squared(P[i * LD + j]);
    return found;
  });
  ONE_LANE {
    store(c.squares + which * c.count, m, c.count, square);
    store(c.exponent + which * c.count, m, c.count, exponent);
  }
  bidiagonalise(P, w.rows[0], diagonal, c.above + which * (n - 1) * c.count, m, c.count);
}

// The matrices from m on (one, or VECTOR of them); `saved` has a place for a copy of P if there is
// more than one depth.
HERE void one_chain(Work& w, number* P, number* saved, const Chains& c, long long m) {
  Stream stream = {c.key, 0, matrix_numbers(m)};
  real exponent = splat(0);
  int which = 0;
  for (int layer = 0; layer < c.layers; layer++) {
    stream.layer = layer;
    draw_lengths(w, stream, c.others[layer], c.scale);
    BARRIER();
    if (layer == 0) start_product(w, P);
    else multiply_product(w, P, stream, c.scale);
    BARRIER();
    multiply_diagonal(w);
    if (!LOGS && (layer + 1) % RESCALE_EVERY == 0) exponent = exponent + scale_to_one(P, true);
    if (layer + 1 != c.wanted[which]) continue;
    const bool more = which + 1 < c.depths;
    if (more) copy_triangle(P, saved);
    finish(w, P, c, which, exponent, m);
    if (more) copy_triangle(saved, P);
    which++;
  }
  EACH(i, 0, WIDTH) {
    real log = multiply_add(w.exponent[i], splat(0.6931471805599453), logarithm(w.mantissa[i]));
    store(c.log_diagonal + i * c.count, m, c.count, log);
  }
  BARRIER();
}

// A given matrix, entries (N, N, count), complex ones as pairs; results as those of one depth.
HERE void one_matrix(Work& w, number* P, const double* entries, const Chains& c, long long m) {
  EACH(j, 0, WIDTH) for (int i = 0; i < WIDTH; i++) {
#if COMPLEX
    const double* entry = entries + 2 * (i * WIDTH + j) * c.count;
    P[i * LD + j] = complex(load(entry, m, c.count), load(entry + c.count, m, c.count));
#else
    P[i * LD + j] = load(entries + (i * WIDTH + j) * c.count, m, c.count);
#endif
  }
  BARRIER();
  real exponent = scale_to_one(P, false);
  real square = sum(0, WIDTH, [&](int j) {
    real found = splat(0);
    for (int i = 0; i < WIDTH; i++) found = found + squared(P[i * LD + j]);
    return found;
  });
  ONE_LANE {
    store(c.squares, m, c.count, square);
    store(c.exponent, m, c.count, exponent);
  }
  bidiagonalise(P, w.rows[0], c.diagonal, c.above, m, c.count);
}

#define ARGUMENTS                                                                              \
  double *outside, unsigned long long key, long long count, int layers, int depths,           \
      const int *others, const int *wanted, double scale, double *diagonal, double *above,    \
      double *exponent, double *squares, double *log_diagonal
#define CHAINS                                                                                 \
  Chains c = {{(unsigned)key, (unsigned)(key >> 32)}, count, layers, depths, others, wanted,  \
              scale, diagonal, above, exponent, squares, log_diagonal}

#ifdef __CUDACC__

extern __shared__ double shared_memory[];

// A block has blockDim.x/LANES groups; each takes every gridDim.x * groups-th matrix.  All groups
// of a block take as many turns, since they meet at barriers; a turn beyond the last matrix stores
// nothing.  P is in shared memory, or if PLACE_OUTSIDE in `outside`, where the saved copies are.
#define GROUPS_OF_LANES(body)                                                                  \
  static_assert(sizeof(Work) == 8 * WORK_DOUBLES, "the caller reserves WORK_DOUBLES");        \
  const int group = threadIdx.x / LANES, groups = blockDim.x / LANES;                          \
  const long long matrix_doubles = WIDTH * LD * (COMPLEX ? 2 : 1);                             \
  const long long place = (long long)blockIdx.x * groups + group;                              \
  Work& w = *(Work*)(shared_memory + group * WORK_DOUBLES);                                    \
  double* inside = shared_memory + groups * WORK_DOUBLES + group * matrix_doubles;             \
  number* P = (number*)(PLACE_OUTSIDE ? outside + 2 * place * matrix_doubles : inside);        \
  for (long long first = (long long)blockIdx.x * groups; first < c.count;                      \
       first += (long long)gridDim.x * groups) {                                               \
    const long long m = first + group;                                                         \
    body;                                                                                      \
  }

extern "C" __global__ void __launch_bounds__(128) chains(ARGUMENTS) {
  CHAINS;
  GROUPS_OF_LANES(
      one_chain(w, P, (number*)(outside + (2 * place + 1) * matrix_doubles), c, m))
}

extern "C" __global__ void __launch_bounds__(128) matrices(ARGUMENTS, const double* entries) {
  CHAINS;
  GROUPS_OF_LANES(one_matrix(w, P, entries, c, m))
}

extern "C" __global__ void __launch_bounds__(128)
bidiagonals(double*, int n, long long count, double* diagonal, double* above, double* shifts) {
  long long m = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (m < count) singular_values(diagonal + m, above + m, shifts + m, count, n);
}

#else

// Storage of a thread.
static thread_local Work host_work;
static thread_local number host_product[WIDTH * LD], host_saved[WIDTH * LD];

extern "C" void chains(ARGUMENTS) {
  CHAINS;
  (void)outside;
  for (long long m = 0; m < c.count; m += VECTOR)
    one_chain(host_work, host_product, host_saved, c, m);
}

extern "C" void matrices(ARGUMENTS, const double* entries) {
  CHAINS;
  (void)outside;
  for (long long m = 0; m < c.count; m += VECTOR)
    one_matrix(host_work, host_product, entries, c, m);
}

// Returns the largest number of sweeps, on average over the singular values.
extern "C" double bidiagonals(double*, int n, long long count, double* diagonal, double* above,
                              double*) {
  double most = 0;
  real* q = (real*)__builtin_alloca_with_align(3 * n * sizeof(real), 512);
  real *e = q + n, *shifts = e + n;
  for (long long m = 0; m < count; m += VECTOR) {
    for (int k = 0; k < n; k++) q[k] = load(diagonal + k * count, m, count);
    for (int k = 0; k + 1 < n; k++) e[k] = load(above + k * count, m, count);
    double sweeps = (double)singular_values(q, e, shifts, 1, n) / n;
    most = sweeps > most ? sweeps : most;
    for (int k = 0; k < n; k++) store(diagonal + k * count, m, count, q[k]);
  }
  return most;
}

extern "C" void philox_block(const unsigned* counter, const unsigned* key, unsigned* out) {
  word c[4], w[4];
  for (int i = 0; i < 4; i++) c[i] = words(counter[i]);
  philox(Key{key[0], key[1]}, c, w);
  for (int i = 0; i < 4; i++) out[i] = (unsigned)w[i][0];
}

// The first normal pair of each matrix, (2, count).
extern "C" void normal_pairs(unsigned long long key, long long count, double* out) {
  for (long long m = 0; m < count; m += VECTOR) {
    Stream stream = {{(unsigned)key, (unsigned)(key >> 32)}, 0, matrix_numbers(m)};
    real pair[2];
    normal_pair(stream, 0, pair);
    for (int e = 0; e < 2; e++) store(out + e * count, m, count, pair[e]);
  }
}

#endif
