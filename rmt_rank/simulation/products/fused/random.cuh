// Random numbers from counters: Philox, normal numbers, lengths of Gaussian vectors.
//
// A number depends on the key, the matrix, the layer and the place of the draw, and on nothing else.
// Philox4x32-10: Salmon, Moraes, Dror, Shaw, doi:10.1145/2063384.2063405.

struct Key { unsigned low, high; };

HERE void philox(Key key, const word counter[4], word out[4]) {
  word c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  UNROLL
  for (int round = 0; round < 10; round++) {
    word high0, low0, high1, low1;
    multiply_words(0xD2511F53u, c0, high0, low0);
    multiply_words(0xCD9E8D57u, c2, high1, low1);
    c0 = high1 ^ c1 ^ key.low, c1 = low1, c2 = high0 ^ c3 ^ key.high, c3 = low0;
    key.low += 0x9E3779B9u, key.high += 0xBB67AE85u;
  }
  out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

// sum of c[k] z^k, k < 2 terms, as two series in z^2, whose steps may overlap.
template <int terms>
HERE real polynomial(const double (&c)[2 * terms], real z) {
  real square = z * z, even = splat(c[2 * terms - 2]), odd = splat(c[2 * terms - 1]);
  UNROLL
  for (int k = terms - 2; k >= 0; k--) {
    even = multiply_add(even, square, splat(c[2 * k]));
    odd = multiply_add(odd, square, splat(c[2 * k + 1]));
  }
  return multiply_add(odd, z, even);
}

// Log of a normal float x > 0, within two units in the last place.
HERE real logarithm(real x) {
  integer representation = bits(x);
  real exponent = to_real((representation >> 52) - 1023);
  real m = from_bits((representation & 0x000FFFFFFFFFFFFFll) | 0x3FF0000000000000ll);
  mask high = m > 1.4142135623730951;
  m = high ? 0.5 * m : m;
  exponent = high ? exponent + 1.0 : exponent;
  // log(1 + f) = f - f^2/2 + s (f^2/2 + R), s = f/(2 + f), R = sum 2 s^(2k)/(2k + 1)
  const double terms[12] = {2.0 / 3,  2.0 / 5,  2.0 / 7,  2.0 / 9,  2.0 / 11, 2.0 / 13,
                            2.0 / 15, 2.0 / 17, 2.0 / 19, 2.0 / 21, 2.0 / 23, 2.0 / 25};
  real f = m - 1.0, s = f / (2.0 + f), z = s * s, series = polynomial<6>(terms, z);
  real half_square = 0.5 * f * f;
  real rest = half_square - s * multiply_add(z, series, half_square);
  return multiply_add(exponent, splat(0.6931471805599453), f - rest);
}

// cos and sin of 2 pi turns, 0 <= turns <= 1.
HERE void cosine_sine(real turns, real& cosine, real& sine) {
  const double sin_terms[8] = {-1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880, -1.0 / 39916800,
                               1.0 / 6227020800, -1.0 / 1307674368000, 1.0 / 355687428096000};
  const double cos_terms[8] = {-1.0 / 2, 1.0 / 24, -1.0 / 720, 1.0 / 40320, -1.0 / 3628800,
                               1.0 / 479001600, -1.0 / 87178291200, 1.0 / 20922789888000};
  real x = 4.0 * turns, quarter = nearest_integer(x);
  real angle = (x - quarter) * 1.5707963267948966, z = angle * angle;
  real s = multiply_add(angle * z, polynomial<4>(sin_terms, z), angle);
  real c = multiply_add(z, polynomial<4>(cos_terms, z), splat(1));
  mask odd = (quarter == 1.0) | (quarter == 3.0);
  real first = odd ? s : c, second = odd ? c : s;
  cosine = (quarter == 1.0) | (quarter == 2.0) ? -first : first;
  sine = (quarter == 2.0) | (quarter == 3.0) ? -second : second;
}

// What belongs to a group of matrices and a layer.
struct Stream { Key key; unsigned layer; word matrix; };

// Two uniform numbers k/2^53, k = 1, ..., 2^53.
HERE void uniform_pair(const Stream& stream, unsigned draw, real out[2]) {
  word counter[4] = {words(draw), words(stream.layer), stream.matrix, words(0)}, w[4];
  philox(stream.key, counter, w);
  for (int e = 0; e < 2; e++) {
    real high = from_word(w[2 * e]), low = from_word((w[2 * e + 1] & 0xFFFFFFFFu) >> 11);
    out[e] = multiply_add(high, splat(2097152), low + 1.0) * 1.1102230246251565e-16;
  }
}

// Two normal numbers (Box and Muller).
HERE void normal_pair(const Stream& stream, unsigned draw, real out[2]) {
  real u[2];
  uniform_pair(stream, draw, u);
  real radius = square_root(-2.0 * logarithm(u[0]));
  cosine_sine(u[1], out[0], out[1]);
  out[0] = radius * out[0], out[1] = radius * out[1];
}

#define LENGTHS 0x80000000u  // draws of lengths; entries come before

// The lengths of two Gaussian vectors whose entries have the mean square 1, by their numbers of
// entries n: sqrt(2 g), g with the gamma law of shape n/2 (complex: sqrt(g), shape n).  Marsaglia
// and Tsang's rejection (doi:10.1145/358407.358414) for shapes from 1 on, which repeats less than
// once in twenty times; a sum of n squares takes as many normal numbers as a row has.
STEP void two_lengths(const Stream& stream, unsigned pair, const int entries[2], real out[2]) {
  real g[2] = {splat(0), splat(0)};
  mask pending[2] = {g[0] == 0.0, g[1] == 0.0};
  for (unsigned attempt = 0; any(pending[0] | pending[1]); attempt++) {
    unsigned draw = LENGTHS | attempt << 16 | pair << 1;
    real normal[2], uniform[2];
    normal_pair(stream, draw, normal);
    uniform_pair(stream, draw | 1, uniform);
    for (int e = 0; e < 2; e++) {
      real x = normal[e], square = x * x;
      if (!COMPLEX && entries[e] == 1) {
        g[e] = pending[e] ? 0.5 * square : g[e];
        pending[e] = square < 0.0;
        continue;
      }
      double d = (COMPLEX ? entries[e] : 0.5 * entries[e]) - 1.0 / 3;
      real v = multiply_add(x, splat(1.0 / scalar_root(9.0 * d)), splat(1)), cube = v * v * v;
      mask accepted = uniform[e] < 1.0 - 0.0331 * square * square;
      if (any(pending[e] & !accepted)) {
        real bound = 0.5 * square + d * (1.0 - cube + logarithm(v > 0.0 ? cube : splat(1)));
        accepted = accepted | (logarithm(uniform[e]) < bound);
      }
      accepted = pending[e] & accepted & (v > 0.0);
      g[e] = accepted ? d * cube : g[e];
      pending[e] = pending[e] & !accepted;
    }
  }
  for (int e = 0; e < 2; e++) out[e] = square_root(COMPLEX ? g[e] : 2.0 * g[e]);
}
