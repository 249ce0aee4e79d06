// Singular values of bidiagonal matrices by the differential quotient difference algorithm.
//
// K. V. Fernando, B. N. Parlett, doi:10.1007/s002110050024.  q and e are the squares of the diagonal
// and of the entries above it.  A sweep takes q, e to those of a matrix whose squared singular
// values are less by a shift.  The shift is Laguerre's lower bound of the smallest one, which
// needs trace (B B^T)^-1 and trace (B B^T)^-2; both are sums of positive terms, and are found
// during the sweep before.  No value is taken below 0, and no sweep needs to be repeated.
// Where an e vanishes the matrix splits, and only its last part is shifted; hence a sum of shifts
// for each row.  One thread works on one matrix: there are no lanes.

#define EPS 2.220446049250313e-16
#define MOST_SWEEPS 100  // for one value; 3 on average, and a value that needs more is nan

// What a sweep has found about the part of a matrix that ends at some row.
struct Part { real start, inverse, inverse_squares; };

HERE Part choose_part(mask c, const Part& a, const Part& b) {
  Part p = {c ? a.start : b.start, c ? a.inverse : b.inverse,
            c ? a.inverse_squares : b.inverse_squares};
  return p;
}

// Laguerre's bound below the least of the squares, of those of rows start, ..., last.
HERE real lower_bound(const Part& part, int last) {
  real rows = 1.0 + last - part.start;
  real squares = rows * part.inverse_squares;
  real spread = squares - part.inverse * part.inverse;
  // plus its rounding: the traces have relative errors of a few eps for each row
  spread = (spread > 0.0 ? spread : splat(0)) + 16.0 * EPS * rows * squares;
  real bound = rows / (part.inverse + square_root((rows - 1.0) * spread));
  bound = bound * (1.0 - 8.0 * EPS * rows);
  return bound > 0.0 ? bound : splat(0);  // 0, too, if a sum has overflowed
}

// Add the value of row `last` to those behind it, which are in descending order.
HERE void insert_value(real* q, const real* shifts, long long step, int last, int n) {
  real value = q[last * step] + shifts[last * step];
  int k = last;
  for (; k + 1 < n; k++) {
    real next = q[(k + 1) * step];
    mask less = value < next;
    if (!any(less)) break;
    q[k * step] = less ? next : value;
    value = less ? value : next;
  }
  q[k * step] = value;
}

// Replace d, a bidiagonal matrix's diagonal, by its singular values in descending order; entries of
// an array are `step` apart.  above and shifts (n places) are lost.  Returns the number of sweeps.
STEP int singular_values(real* q, real* e, real* shifts, long long step, int n) {
  real largest = splat(0);
  for (int k = 0; k < n; k++) {
    largest = larger(largest, absolute(q[k * step]));
    if (k + 1 < n) largest = larger(largest, absolute(e[k * step]));
  }
  real exponent = scaling_exponent(largest), scale = power_of_two(-exponent), total = splat(0);
  for (int k = 0; k < n; k++) {
    real d = q[k * step] * scale, a = k + 1 < n ? e[k * step] * scale : splat(0);
    q[k * step] = d * d, shifts[k * step] = splat(0);
    if (k + 1 < n) e[k * step] = a * a;
    total = total + (d * d + a * a);
  }
  // entries of (eps sigma_1/8)^2 and less change singular values by eps sigma_1/8 at most
  const real negligible = total * (EPS * EPS / 64 / n), tiny = total * 1e-150;
  for (int k = 0; k < n; k++) q[k * step] = larger(q[k * step], negligible);
  Part part = {splat(0), splat(1), splat(0)}, before;
  real shift = splat(0);
  int sweeps = 0;
  for (int last = n - 1; last > 0; last--) {
    mask active = e[(last - 1) * step] > negligible;
    const mask given = active;
    before = part;
    for (int count = 0; any(active); count++, sweeps++) {
      real d = q[0] - (part.start <= 0.0 ? shift : splat(0));
      real u = splat(0), w = splat(0), e_before = splat(0);
      Part found = {splat(0), splat(0), splat(0)}, ended = found;
      for (int k = 0; k < last; k++) {
        real e_k = e[k * step], q_next = q[(k + 1) * step];
        real q_new = d + e_k, inverse = 1.0 / q_new, t = q_next * inverse, e_new = e_k * t;
        // u and w + u^2: diagonal entries of the inverse, and what a row adds to trace (..)^-2
        w = e_before * multiply_add(2.0 * u, u, w) * inverse;
        u = multiply_add(e_before, u, splat(1)) * inverse;
        found.inverse = found.inverse + u;
        found.inverse_squares = found.inverse_squares + multiply_add(u, u, w);
        mask shifted = part.start <= (double)(k + 1);
        d = multiply_add(d, t, shifted ? -shift : splat(0));
        d = larger(d, tiny);
        mask splits = e_new <= negligible;
        if (k + 1 == last) {
          // the last row, whose off-diagonal entry may also be small next to its value
          real value = EPS / 16 * (shifts[last * step] + shift + d);
          splits = splits | ((e_new <= value) & (e_new * d <= value * value));
        }
        e_new = splits ? splat(0) : e_new;
        ended = choose_part(splits, found, ended);
        Part next = {splat(k + 1), splat(0), splat(0)};
        found = choose_part(splits, next, found);
        u = splits ? splat(0) : u, w = splits ? splat(0) : w;
        e_before = e_new;
        q[k * step] = active ? q_new : q[k * step];
        e[k * step] = active ? e_new : e[k * step];
        real sum_of_shifts = shifts[k * step];
        shifts[k * step] = active & (part.start <= (double)k) ? sum_of_shifts + shift : sum_of_shifts;
      }
      q[last * step] = active ? d : q[last * step];
      shifts[last * step] = shifts[last * step] + (active ? shift : splat(0));
      real inverse = 1.0 / d;
      w = e_before * multiply_add(2.0 * u, u, w) * inverse;
      u = multiply_add(e_before, u, splat(1)) * inverse;
      found.inverse = found.inverse + u;
      found.inverse_squares = found.inverse_squares + multiply_add(u, u, w);
      before = choose_part(active, ended, before);
      part = choose_part(active, found, part);
      shift = active ? lower_bound(found, last) : shift;
      active = active & (e[(last - 1) * step] > 0.0);
      if (count == MOST_SWEEPS) {
        q[last * step] = active ? splat(0) / splat(0) : q[last * step];
        active = active & !active;
      }
    }
    // the row before, if it was reached by a sweep; otherwise a sweep without shift follows
    Part none = {splat(0), splat(1), splat(0)};
    part = choose_part(given, before, none);
    shift = given ? lower_bound(before, last - 1) : splat(0);
    insert_value(q, shifts, step, last, n);
  }
  insert_value(q, shifts, step, 0, n);
  for (int k = 0; k < n; k++) q[k * step] = square_root(q[k * step]) * power_of_two(exponent);
  return sweeps;
}
