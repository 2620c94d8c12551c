#pragma once
// A + lambda I = L D L' for the small matrices of many fits at once, one a lane, as rows of a packed lower
// triangle.

#include <limits>

#include "accumulate.hpp"

namespace osculate::batch {

template <class S>
class SmallCholesky {
 public:
  explicit SmallCholesky(int n)
      : n_(n),
        l_(static_cast<std::size_t>(packed(n, 0)) + 1),
        inverse_pivot_(static_cast<std::size_t>(n) + 1) {}

  /// Factors the lanes of the part at `offset`, which are the first ones in whatever else is given or kept
  /// here; the mask tells the lanes whose matrix is positive definite beyond rounding. The others have their
  /// bad pivots replaced, so that what is solved with them is finite where they are semidefinite.
  WideMask<S> factorize(const Rows<S>& a, const Wide<S>& lambda, int offset = 0) {
    if (n_ > unrolled || n_ == 0) return factorize_any(a, lambda, offset);
    WideMask<S> good;
    detail::with_constant<unrolled>(n_, [&](auto n) { good = factorize_unrolled<n>(a, lambda, offset); });
    return good;
  }

  /// z = -(A + lambda I)^-1 g.
  void solve(const Rows<S>& g, Rows<S>& z) const {
    if (n_ > unrolled || n_ == 0) return solve_sized<0>(g, z);
    detail::with_constant<unrolled>(n_, [&](auto n) { solve_sized<n>(g, z); });
  }

  /// z'(A + lambda I)^-1 z, using `work` (n rows).
  Wide<S> inverse_form(const Rows<S>& z, Rows<S>& work) const {
    Wide<S> sum(0);
    for (int u = 0; u < n_; ++u) {
      Wide<S> s = Wide<S>::load(z[row(u)]);
      for (int w = 0; w < u; ++w) s = fnma(Wide<S>::load(l_[at(u, w)]), Wide<S>::load(work[row(w)]), s);
      s.store(work[row(u)]);
      sum = fma(s * s, Wide<S>::load(inverse_pivot_[row(u)]), sum);
    }
    return sum;
  }

  /// The inverse, as a packed lower triangle: L'^-1 D^-1 L^-1.
  void inverse(Rows<S>& to, Rows<S>& work) const {
    // work row (u, v), u >= v: element of L^-1
    for (int v = 0; v < n_; ++v) {
      Wide<S>(1).store(work[at(v, v)]);
      for (int u = v + 1; u < n_; ++u) {
        Wide<S> s = -Wide<S>::load(l_[at(u, v)]);
        for (int w = v + 1; w < u; ++w)
          s = fnma(Wide<S>::load(l_[at(u, w)]), Wide<S>::load(work[at(w, v)]), s);
        s.store(work[at(u, v)]);
      }
    }
    for (int u = 0; u < n_; ++u)
      for (int v = 0; v <= u; ++v) {
        Wide<S> s(0);
        for (int w = u; w < n_; ++w)
          s = fma(Wide<S>::load(work[at(w, u)]) * Wide<S>::load(inverse_pivot_[row(w)]),
                  Wide<S>::load(work[at(w, v)]), s);
        s.store(to[at(u, v)]);
      }
  }

  int size() const { return n_; }

 private:
  static constexpr int unrolled = 6;

  WideMask<S> factorize_any(const Rows<S>& a, const Wide<S>& lambda, int offset) {
    Wide<S> least(std::numeric_limits<S>::max()), largest(0);
    for (int u = 0; u < n_; ++u) {
      Wide<S> pivot = Wide<S>::load(a[at(u, u)] + offset) + lambda;
      for (int v = 0; v < u; ++v) {
        Wide<S> c = Wide<S>::load(a[at(u, v)] + offset);
        for (int w = 0; w < v; ++w) c = fnma(Wide<S>::load(c_row(w)), Wide<S>::load(l_[at(v, w)]), c);
        c.store(c_row(v));
      }
      for (int v = 0; v < u; ++v) {
        const Wide<S> c = Wide<S>::load(c_row(v)), l = c * Wide<S>::load(inverse_pivot_[row(v)]);
        l.store(l_[at(u, v)]);
        pivot = fnma(c, l, pivot);
      }
      least = smaller(pivot, least);  // keeps a NaN out of sight, which `largest` then shows
      largest = larger(largest, pivot);
      const WideMask<S> good = pivot > Wide<S>(0);
      (Wide<S>(1) / choose(good, pivot, Wide<S>(1))).store(inverse_pivot_[row(u)]);
    }
    return well_conditioned(least, largest);
  }

  /// What follows is the same, in the same order, with the numbers of a row of L in registers.
  template <int n>
  WideMask<S> factorize_unrolled(const Rows<S>& a, const Wide<S>& lambda, int offset) {
    Wide<S> least(std::numeric_limits<S>::max()), largest(0), l[packed(n, 0)], inverse[n];
#pragma GCC unroll 8
    for (int u = 0; u < n; ++u) {
      Wide<S> pivot = Wide<S>::load(a[at(u, u)] + offset) + lambda, c[n];
#pragma GCC unroll 8
      for (int v = 0; v < u; ++v) {
        c[v] = Wide<S>::load(a[at(u, v)] + offset);
#pragma GCC unroll 8
        for (int w = 0; w < v; ++w) c[v] = fnma(c[w], l[packed(v, w)], c[v]);
      }
#pragma GCC unroll 8
      for (int v = 0; v < u; ++v) {
        l[packed(u, v)] = c[v] * inverse[v];
        l[packed(u, v)].store(l_[at(u, v)]);
        pivot = fnma(c[v], l[packed(u, v)], pivot);
      }
      least = smaller(pivot, least);
      largest = larger(largest, pivot);
      inverse[u] = Wide<S>(1) / choose(pivot > Wide<S>(0), pivot, Wide<S>(1));
      inverse[u].store(inverse_pivot_[row(u)]);
    }
    return well_conditioned(least, largest);
  }

  /// `fixed`: n, or 0 where it is known only now.
  template <int fixed>
  void solve_sized(const Rows<S>& g, Rows<S>& z) const {
    const int n = fixed > 0 ? fixed : n_;
#pragma GCC unroll 8
    for (int u = 0; u < n; ++u) {
      Wide<S> s = -Wide<S>::load(g[row(u)]);
#pragma GCC unroll 8
      for (int w = 0; w < u; ++w) s = fnma(Wide<S>::load(l_[at(u, w)]), Wide<S>::load(z[row(w)]), s);
      s.store(z[row(u)]);
    }
#pragma GCC unroll 8
    for (int u = n - 1; u >= 0; --u) {
      Wide<S> s = Wide<S>::load(z[row(u)]) * Wide<S>::load(inverse_pivot_[row(u)]);
#pragma GCC unroll 8
      for (int w = u + 1; w < n; ++w) s = fnma(Wide<S>::load(l_[at(w, u)]), Wide<S>::load(z[row(w)]), s);
      s.store(z[row(u)]);
    }
  }

  static WideMask<S> well_conditioned(const Wide<S>& least, const Wide<S>& largest) {
    return least > Wide<S>(4 * std::numeric_limits<S>::epsilon()) * largest;
  }

  static std::size_t at(int u, int v) { return static_cast<std::size_t>(packed(u, v)); }
  static std::size_t row(int u) { return static_cast<std::size_t>(u); }
  S* c_row(int v) { return c_[row(v)]; }

  int n_;
  Rows<S> l_, inverse_pivot_;
  Rows<S> c_{static_cast<std::size_t>(n_) + 1};
};

}  // namespace osculate::batch
