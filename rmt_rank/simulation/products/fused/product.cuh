// The product of the triangular factors of a chain, as `triangular_factors.py` has them, drawn on the way.
//
// A new factor stands on the left, and the product P is upper triangular, so that row i of the new
// product needs rows i and below of the old one only: P is overwritten, a few rows at a time, and
// of the factor only these rows exist.
//
// With LOGS, the product is D P for a diagonal matrix D kept as 2^exponent mantissa, and rows of P
// have 1 on the diagonal, see `logarithms.py`.

#define ROWS 4
#define LD (WIDTH | 1)  // odd, so that columns are in different banks
#define RESCALE_EVERY 16

// Storage of a group of lanes besides P.
struct Work {
  number rows[2][ROWS * WIDTH];  // of the factor; later the vectors of `bidiagonalise`
  real lengths[2 * WIDTH];       // the factor's diagonal, and of the first factor the entries above
  real inverse[WIDTH];           // with LOGS, 1/(new mantissa) of D
  real mantissa[WIDTH], exponent[WIDTH];  // of the product of the diagonals: D
  real sizes[WIDTH], powers[WIDTH];       // of the lengths of rows, in `jacobi.cuh`
};

// The lengths of a layer of n others: of n - i entries, then, in the first layer, of N - 1 - i.
STEP void draw_lengths(Work& w, const Stream& stream, int n, double scale) {
  const int total = stream.layer == 0 ? 2 * WIDTH - 1 : WIDTH;
  EACH(pair, 0, (total + 1) / 2) {
    int entries[2];
    for (int e = 0; e < 2; e++) {
      int place = 2 * pair + e;
      entries[e] = place >= total ? 1 : place < WIDTH ? n - place : 2 * WIDTH - 1 - place;
    }
    real found[2];
    two_lengths(stream, pair, entries, found);
    for (int e = 0; e < 2; e++)
      if (2 * pair + e < total) w.lengths[2 * pair + e] = found[e] * scale;
  }
}

// The entries in column k of rows i, ..., i + ROWS - 1 of a later factor.
HERE void draw_column(const Work& w, const Stream& stream, int i, int k, double scale,
                      number* column) {
  for (int r = 0; r < ROWS; r++) column[r] = from_real(splat(0));
#if COMPLEX
  for (int r = 0; r < ROWS; r++) {
    if (k <= i + r) continue;
    real pair[2];
    normal_pair(stream, (i + r) * WIDTH + k, pair);
    column[r] = complex(pair[0] * (scale * 0.7071067811865476), pair[1] * (scale * 0.7071067811865476));
  }
#else
  for (int r = 0; r < ROWS; r += 2) {
    if (k <= i + r) continue;
    real pair[2];
    normal_pair(stream, (i + r) / 2 * WIDTH + k, pair);
    column[r] = pair[0] * scale;
    if (k > i + r + 1) column[r + 1] = pair[1] * scale;
  }
#endif
  if (k < i + ROWS) column[k - i] = from_real(w.lengths[k]);
}

// D_k/D'_i for the old D and the new D', of which 1/mantissa is in w.inverse.
HERE real ratio_of_rows(const Work& w, int k, int i) {
  return w.mantissa[k] * w.inverse[i] * power_of_two(w.exponent[k] - w.exponent[i]);
}

// P = the first factor, which is bidiagonal.
STEP void start_product(Work& w, number* P) {
  EACH(j, 0, WIDTH) {
    for (int i = 0; i < j; i++) P[i * LD + j] = from_real(splat(0));
    real above = j > 0 ? w.lengths[WIDTH + j - 1] : splat(0), diagonal = w.lengths[j];
    if (LOGS && j > 0) above = above / w.lengths[j - 1];
    if (j > 0) P[(j - 1) * LD + j] = from_real(above);
    P[j * LD + j] = from_real(LOGS ? splat(1) : diagonal);
    w.mantissa[j] = splat(1), w.exponent[j] = splat(0);
  }
}

// P = R P for a later factor R; the second one meets a bidiagonal P.
STEP void multiply_product(Work& w, number* P, const Stream& stream, double scale) {
  if (LOGS) {
    EACH(i, 0, WIDTH) w.inverse[i] = 1.0 / (w.mantissa[i] * w.lengths[i]);
    BARRIER();
  }
  for (int i = 0, half = 0; i < WIDTH; i += ROWS, half ^= 1) {
    // two halves in turns: no lane writes what another may still read
    number* rows = w.rows[half];
    EACH(k, i, WIDTH) {
      number column[ROWS];
      draw_column(w, stream, i, k, scale, column);
      for (int r = 0; r < ROWS; r++) {
        if (LOGS && i + r < k) column[r] = times(column[r], ratio_of_rows(w, k, i + r));
        if (LOGS && i + r == k) column[r] = from_real(splat(1));
        rows[k * ROWS + r] = column[r];
      }
    }
    BARRIER();
    EACH(j, i, WIDTH) {
      number s[ROWS];
      for (int r = 0; r < ROWS; r++) s[r] = from_real(splat(0));
      for (int k = stream.layer == 1 && j > i ? j - 1 : i; k <= j; k++) {
        number p = P[k * LD + j];
        for (int r = 0; r < ROWS; r++) s[r] = add_product(s[r], rows[k * ROWS + r], p);
      }
      for (int r = 0; r < ROWS; r++) if (i + r <= j) P[(i + r) * LD + j] = s[r];
    }
  }
  BARRIER();
}

// Update D by the diagonal of a factor.
STEP void multiply_diagonal(Work& w) {
  EACH(i, 0, WIDTH) {
    real m = w.mantissa[i] * w.lengths[i], k = exponent_of(m);
    w.mantissa[i] = m * power_of_two(-k), w.exponent[i] = w.exponent[i] + k;
  }
  BARRIER();
}

// Multiply by a power of two so that the largest entry is of order 1; returns the exponent.
STEP real scale_to_one(number* a, bool triangular) {
  real k = scaling_exponent(maximum(0, WIDTH, [&](int j) {
    real found = splat(0);
    for (int i = 0; i < (triangular ? j + 1 : WIDTH); i++)
      found = larger(found, largest_part(a[i * LD + j]));
    return found;
  }));
  BARRIER();
  EACH(j, 0, WIDTH)
    for (int i = 0; i < (triangular ? j + 1 : WIDTH); i++)
      a[i * LD + j] = times(a[i * LD + j], power_of_two(-k));
  BARRIER();
  return k;
}

HERE void clear_below(number* a) {
  EACH(j, 0, WIDTH) for (int i = j + 1; i < WIDTH; i++) a[i * LD + j] = from_real(splat(0));
  BARRIER();
}
