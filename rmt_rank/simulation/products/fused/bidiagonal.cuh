// Bidiagonal form by Householder reflections (Golub and Kahan).

#define NEGLIGIBLE 1e-290  // a sum of squares of a matrix of order 1 that counts as 0

// The first entry v_0 and the factor f of the reflection I - f v v^H that takes a vector, of first
// entry alpha and given sum of squares, to a multiple of e_0; v has the vector's other entries.
HERE void reflection(number alpha, real square, number& first, real& length, real& factor) {
  length = square_root(square);
  real modulus = square_root(squared(alpha));
  mask turned = modulus > 0.0;
  // alpha + length alpha/|alpha|, which does not cancel
  first = choose(turned, times(alpha, 1.0 + length / (turned ? modulus : splat(1))),
                 from_real(length));
  factor = square > NEGLIGIBLE ? 1.0 / (length * (length + modulus)) : splat(0);
}

// Reduce a to an upper bidiagonal matrix with the same singular values and store that; a is lost.
// Its entries are moduli: phases of a bidiagonal matrix do not change its singular values.
//
// One step: the reflection I - f v v^H takes column k to a multiple of e_k, I - g z z^H, on the
// right, takes row k to one of e_(k+1).  Both are applied together, A - v y^T - x z^H, with
// y^T = f v^H A and x = g (A - v y^T) z.
STEP void bidiagonalise(number* a, number* vectors, double* diagonal, double* above, long long m,
                        long long count) {
  number *v = vectors, *y = v + WIDTH, *x = y + WIDTH, *z = x + WIDTH;
  for (int k = 0; k < WIDTH; k++) {
    real square = sum(k, WIDTH, [&](int i) { return squared(a[i * LD + k]); });
    number v_first;
    real length, f;
    reflection(a[k * LD + k], square, v_first, length, f);
    ONE_LANE store(diagonal + k * count, m, count, length);
    if (k + 1 == WIDTH) break;
    EACH(i, k, WIDTH) v[i] = i == k ? v_first : a[i * LD + k];
    BARRIER();
    EACH(j, k + 1, WIDTH) {
      number s = from_real(splat(0));
      for (int i = k; i < WIDTH; i++) s = add_inner(s, v[i], a[i * LD + j]);
      y[j] = times(s, f);
      z[j] = conjugate(subtract_product(a[k * LD + j], v[k], y[j]));
    }
    BARRIER();
    square = sum(k + 1, WIDTH, [&](int j) { return squared(z[j]); });
    number z_first;
    real g;
    reflection(z[k + 1], square, z_first, length, g);
    ONE_LANE store(above + k * count, m, count, length);
    number yz = add_product(from_real(splat(0)), y[k + 1], z_first);
    yz = add(yz, sum_of_numbers(k + 2, WIDTH, [&](int j) {
      return add_product(from_real(splat(0)), y[j], z[j]);
    }));
    EACH(i, k + 1, WIDTH) {
      number s = add_product(from_real(splat(0)), a[i * LD + k + 1], z_first);
      for (int j = k + 2; j < WIDTH; j++) s = add_product(s, a[i * LD + j], z[j]);
      x[i] = times(subtract_product(s, v[i], yz), g);
    }
    BARRIER();
    EACH(j, k + 1, WIDTH) {
      number minus_z = times(conjugate(j == k + 1 ? z_first : z[j]), splat(-1));
      number minus_y = times(y[j], splat(-1));
      for (int i = k + 1; i < WIDTH; i++) {
        number changed = add_product(a[i * LD + j], v[i], minus_y);
        a[i * LD + j] = add_product(changed, x[i], minus_z);
      }
    }
    BARRIER();
  }
}
