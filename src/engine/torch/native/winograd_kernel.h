// The transforms of winograd_tile.h for one instruction set. This file has no include guard: winograd_tile.cc
// includes it once for every instruction set, inside a namespace of its own, with SF_LANES (floats in a
// vector) set.

typedef float Vector __attribute__((vector_size(4 * SF_LANES)));
typedef float UnalignedVector __attribute__((vector_size(4 * SF_LANES), aligned(4), may_alias));

#define SF_INLINE_KERNEL inline __attribute__((always_inline))

SF_INLINE_KERNEL Vector load(const float* from) { return *reinterpret_cast<const UnalignedVector*>(from); }
SF_INLINE_KERNEL void store(float* to, Vector value) { *reinterpret_cast<UnalignedVector*>(to) = value; }

// B^T of six values `step` apart.
struct Input {
  static constexpr int from = 6, to = 6;
  static SF_INLINE_KERNEL void apply(const Vector* d, int step, Vector* v) {
    const Vector d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step];
    const Vector even_a = d4 - kB2 * d2, odd_a = d3 - kB2 * d1;
    const Vector even_b = d4 - kA2 * d2, odd_b = d3 - kA2 * d1;
    v[0] = d4 - (kA2 + kB2) * d2 + kA2 * kB2 * d[0];
    v[1] = even_a + kA * odd_a;
    v[2] = even_a - kA * odd_a;
    v[3] = even_b + kB * odd_b;
    v[4] = even_b - kB * odd_b;
    v[5] = d[5 * step] - (kA2 + kB2) * d3 + kA2 * kB2 * d1;
  }
};

// A^T of six values.
struct Output {
  static constexpr int from = 6, to = 4;
  static SF_INLINE_KERNEL void apply(const Vector* m, int step, Vector* y) {
    const Vector sum_a = m[step] + m[2 * step], difference_a = m[step] - m[2 * step];
    const Vector sum_b = m[3 * step] + m[4 * step], difference_b = m[3 * step] - m[4 * step];
    y[0] = m[0] + sum_a + sum_b;
    y[1] = kA * difference_a + kB * difference_b;
    y[2] = kA2 * sum_a + kB2 * sum_b;
    y[3] = kA * kA2 * difference_a + kB * kB2 * difference_b + m[5 * step];
  }
};

// G of three values.
struct Filter {
  static constexpr int from = 3, to = 6;
  static SF_INLINE_KERNEL void apply(const Vector* g, int step, Vector* u) {
    const Vector even_a = kGA * g[0] + kGA * kA2 * g[2 * step], odd_a = kGA * kA * g[step];
    const Vector even_b = kGB * g[0] + kGB * kB2 * g[2 * step], odd_b = kGB * kB * g[step];
    u[0] = kG0 * g[0];
    u[1] = even_a + odd_a;
    u[2] = even_a - odd_a;
    u[3] = even_b + odd_b;
    u[4] = even_b - odd_b;
    u[5] = g[2 * step];
  }
};

// A of four values.
struct OutputGradient {
  static constexpr int from = 4, to = 6;
  static SF_INLINE_KERNEL void apply(const Vector* y, int step, Vector* m) {
    const Vector even_a = y[0] + kA2 * y[2 * step], odd_a = kA * y[step] + kA * kA2 * y[3 * step];
    const Vector even_b = y[0] + kB2 * y[2 * step], odd_b = kB * y[step] + kB * kB2 * y[3 * step];
    m[0] = y[0];
    m[1] = even_a + odd_a;
    m[2] = even_a - odd_a;
    m[3] = even_b + odd_b;
    m[4] = even_b - odd_b;
    m[5] = y[3 * step];
  }
};

// G^T of six values.
struct FilterGradient {
  static constexpr int from = 6, to = 3;
  static SF_INLINE_KERNEL void apply(const Vector* u, int step, Vector* g) {
    const Vector sum_a = u[step] + u[2 * step], difference_a = u[step] - u[2 * step];
    const Vector sum_b = u[3 * step] + u[4 * step], difference_b = u[3 * step] - u[4 * step];
    g[0] = kG0 * u[0] + kGA * sum_a + kGB * sum_b;
    g[1] = kGA * kA * difference_a + kGB * kB * difference_b;
    g[2] = kGA * kA2 * sum_a + kGB * kB2 * sum_b + u[5 * step];
  }
};

// Calls write(i, j, .) with the elements, in order, of T x T^T for the transform T, where x[i][j] = read(i,
// j).
template <typename Transform, typename Read, typename Write>
SF_INLINE_KERNEL void transform_both(const Read& read, const Write& write) {
  Vector half[Transform::from][Transform::to];  // [column j][row of T x]
#pragma GCC unroll 6
  for (int j = 0; j < Transform::from; ++j) {
    Vector column[Transform::from];
#pragma GCC unroll 6
    for (int i = 0; i < Transform::from; ++i) column[i] = read(i, j);
    Transform::apply(column, 1, half[j]);
  }
#pragma GCC unroll 6
  for (int i = 0; i < Transform::to; ++i) {
    Vector row[Transform::to];
    Transform::apply(&half[0][i], Transform::to, row);
#pragma GCC unroll 6
    for (int j = 0; j < Transform::to; ++j) write(i, j, row[j]);
  }
}

template <typename Transform>
void spread(const float* from, int64_t row, int64_t pixel, int64_t lines, float* to, int64_t to_line,
            int64_t to_position) {
  for (int64_t line = 0; line < lines; ++line) {
    for (int64_t lane = 0; lane < kLine; lane += SF_LANES) {
      const float* x = from + line * kLine + lane;
      float* v = to + line * to_line + lane;
      transform_both<Transform>([&](int i, int j) SF_ALWAYS { return load(x + i * row + j * pixel); },
                                [&](int, int, Vector value) SF_ALWAYS {
                                  store(v, value);
                                  v += to_position;
                                });
    }
  }
}

void collect_output(const float* m, int64_t m_position, int64_t lines, const OutputTile& tile) {
  for (int64_t channel = 0; channel < lines * kLine; channel += SF_LANES) {
    const Vector bias = tile.bias == nullptr ? Vector{} : load(tile.bias + channel);
    transform_both<Output>([&](int i, int j)
                               SF_ALWAYS { return load(m + channel + (i * kPatch + j) * m_position); },
                           [&](int i, int j, Vector value) SF_ALWAYS {
                             if (i >= tile.rows || j >= tile.columns) return;
                             const int64_t place = i * tile.row + j * tile.pixel + channel;
                             value += bias;
                             if (tile.residual != nullptr) value += load(tile.residual + place);
                             // Of ReLU nothing is left below zero, not even of -inf; a NaN stays one.
                             if (tile.slope != 1) {
                               const Vector below = tile.slope == 0 ? Vector{} : tile.slope * value;
                               value = value < 0 ? below : value;
                             }
                             store(tile.y + place, value);
                           });
  }
}

void collect_filter_gradient(const float* u, int64_t u_position, float* g, int64_t tap, bool accumulate) {
  for (int64_t lane = 0; lane < kLine; lane += SF_LANES) {
    transform_both<FilterGradient>([&](int i, int j)
                                       SF_ALWAYS { return load(u + lane + (i * kPatch + j) * u_position); },
                                   [&](int i, int j, Vector value) SF_ALWAYS {
                                     float* to = g + lane + (i * 3 + j) * tap;
                                     store(to, accumulate ? load(to) + value : value);
                                   });
  }
}

WinogradKernels winograd_kernels() {
  return {&spread<Input>, &spread<Filter>, &spread<OutputGradient>, &collect_output,
          &collect_filter_gradient};
}

#undef SF_INLINE_KERNEL
