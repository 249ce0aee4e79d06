// Log singular values of D P by one-sided Jacobi rotations, as `logarithms.py`.
//
// Rows are unit vectors, their lengths are kept as 2^powers sizes, so that lengths of any ratio can
// meet.  In a round every row meets one other (a tournament on a circle); a lane works on a pair.

#define PLAYERS (WIDTH + WIDTH % 2)
#define JACOBI_TOLERANCE (EPS * 0.5 * PARTS)  // at least sqrt(N) eps, and twice that at most
#define MOST_ROUNDS (60 * (PLAYERS - 1))

HERE void set_length(Work& w, int i, real size, real power) {
  real k = exponent_of(size);
  w.sizes[i] = size * power_of_two(-k), w.powers[i] = power + k;
}

// Make rows a and b orthogonal; returns the cosine of their angle before.
STEP real rotate_rows(Work& w, number* P, int a, int b) {
  number *row_a = P + a * LD, *row_b = P + b * LD;
  mask ordered = (w.powers[a] > w.powers[b]) |
                 ((w.powers[a] == w.powers[b]) & (w.sizes[a] >= w.sizes[b]));
  number inner = from_real(splat(0));
  for (int j = 0; j < WIDTH; j++)
    inner = add_inner(inner, choose(ordered, row_a[j], row_b[j]),
                      choose(ordered, row_b[j], row_a[j]));
  real cosine = square_root(squared(inner));
  mask turn = cosine > JACOBI_TOLERANCE;
  if (!any(turn)) return cosine;
  // rotate rows p and r q, r <= 1: the smaller root t of t^2 g - t d - g = 0, g = r |cos|,
  // d = 1 - r^2, over r
  real size_p = ordered ? w.sizes[a] : w.sizes[b], power_p = ordered ? w.powers[a] : w.powers[b];
  real size_q = ordered ? w.sizes[b] : w.sizes[a], power_q = ordered ? w.powers[b] : w.powers[a];
  real r = size_q / size_p * power_of_two(power_q - power_p);
  real d = (1.0 - r) * (1.0 + r), g = 2.0 * r * cosine;
  real divisor = d + square_root(multiply_add(d, d, g * g));
  number t = times(inner, 2.0 / divisor);
  number down = times(conjugate(t), r * r), up = times(t, splat(-1));
  real square_p = splat(0), square_q = splat(0);
  for (int j = 0; j < WIDTH; j++) {
    number p = choose(ordered, row_a[j], row_b[j]), q = choose(ordered, row_b[j], row_a[j]);
    number new_p = add_product(p, down, q), new_q = add_product(q, up, p);
    square_p = square_p + squared(new_p), square_q = square_q + squared(new_q);
    row_a[j] = choose(turn, choose(ordered, new_p, new_q), row_a[j]);
    row_b[j] = choose(turn, choose(ordered, new_q, new_p), row_b[j]);
  }
  real length_p = square_root(square_p), length_q = square_root(square_q);
  real scale_a = turn ? 1.0 / (ordered ? length_p : length_q) : splat(1);
  real scale_b = turn ? 1.0 / (ordered ? length_q : length_p) : splat(1);
  for (int j = 0; j < WIDTH; j++) {
    row_a[j] = times(row_a[j], scale_a);
    row_b[j] = times(row_b[j], scale_b);
  }
  // both were divided by the cosine of the rotation's angle
  real shrink = 1.0 / square_root(multiply_add(squared(t) * r, r, splat(1)));
  size_p = turn ? size_p * length_p * shrink : size_p;
  size_q = turn ? size_q * length_q * shrink : size_q;
  real size_a = ordered ? size_p : size_q, size_b = ordered ? size_q : size_p;
  set_length(w, a, size_a, w.powers[a]);
  set_length(w, b, size_b, w.powers[b]);
  return cosine;
}

// Store the log singular values in descending order; P is lost.
STEP void log_singular_values(Work& w, number* P, double* logs, long long m, long long count) {
  clear_below(P);
  EACH(i, 0, WIDTH) {
    real square = splat(0);
    for (int j = i; j < WIDTH; j++) square = square + squared(P[i * LD + j]);
    real length = square_root(square);
    for (int j = i; j < WIDTH; j++) P[i * LD + j] = times(P[i * LD + j], 1.0 / length);
    set_length(w, i, w.mantissa[i] * length, w.exponent[i]);
  }
  BARRIER();
  real* cosines = w.inverse;
  mask unfinished = splat(WIDTH) > 1.0;
  for (int round = 0; any(unfinished); round++) {
    const int place = round % (PLAYERS - 1);
    EACH(i, 0, PLAYERS / 2) {
      int a = i == 0 ? PLAYERS - 1 : (place + i) % (PLAYERS - 1);
      int b = (place + PLAYERS - 1 - i) % (PLAYERS - 1);
      real before = place == 0 ? splat(0) : cosines[i];
      cosines[i] = a < WIDTH && b < WIDTH ? larger(before, rotate_rows(w, P, a, b)) : before;
    }
    BARRIER();
    if (place == PLAYERS - 2) {  // every row has met every other
      unfinished = maximum(0, PLAYERS / 2, [&](int i) { return cosines[i]; }) > JACOBI_TOLERANCE;
      if (round >= MOST_ROUNDS) break;
      BARRIER();
    }
  }
  // the tallest first, in rounds of exchanges of neighbours; nan if there was no convergence
  real* sorted = w.lengths;
  EACH(i, 0, WIDTH) {
    real found = multiply_add(w.powers[i], splat(0.6931471805599453), logarithm(w.sizes[i]));
    sorted[i] = unfinished ? splat(0) / splat(0) : found;
  }
  BARRIER();
  for (int round = 0; round < WIDTH; round++) {
    EACH(i, 0, WIDTH / 2) {
      int k = 2 * i + round % 2;
      if (k + 1 >= WIDTH) continue;
      real first = sorted[k], second = sorted[k + 1];
      sorted[k] = first < second ? second : first;
      sorted[k + 1] = first < second ? first : second;
    }
    BARRIER();
  }
  EACH(i, 0, WIDTH) store(logs + i * count, m, count, sorted[i]);
  BARRIER();
}
