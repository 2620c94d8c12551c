#pragma once
// The vectors of conjugate gradients and the passes over them: everything that costs O(n) beside the
// products.

#include "sweep.hpp"

namespace osculate {

/// The vectors of a solve. Kept from one solve to the next they are not allocated again.
template <class S>
struct CgWorkspace {
  Vector<S> x;  ///< the start where it is warm, and the solution
  Vector<S> r;  ///< b - (A + damping I) x, but for a power of two
  Vector<S> p;  ///< the last direction, but for its length
  Vector<S> q, z;
  std::vector<double> models;  ///< the last values of the quadratic
  /// Lanczos' tridiagonal matrix of M^-1 (A + damping I): its eigenvalues are the Ritz values.
  std::vector<double> ritz_diagonal, ritz_offdiagonal;
};

namespace detail {

template <class S>
struct CgPasses {
  CgWorkspace<S>& work;
  S damping = 0;
  const S* inverse = nullptr;  ///< a diagonal preconditioner, M^-1
  Sweep<S> sweep;

  double dot(const S* a, const S* b) {
    return sweep.template operator()<1>(
        [=](const auto& at) { at.template add<0>(at.load(a), at.load(b)); })[0];
  }
  void copy(const S* from, S* to) {
    sweep([=](const auto& at) { at.store(to, at.load(from)); });
  }

  /// r = scale (b - (A + damping I) x), without a product x is zero. Gives |r|^2, scale^2 x'(b + r / scale),
  /// and |scale b|^2.
  std::array<double, 3> residual(const S* b, S scale, const S* product) {
    const S *x = work.x.data(), shift = damping;
    S* r = work.r.data();
    return sweep.template operator()<3>([=](const auto& at) {
      const Lanes<S> whole = scale * at.load(b);
      Lanes<S> left = whole;
      if (product) {
        const Lanes<S> place = scale * at.load(x);
        left -= scale * at.load(product) + shift * place;
        at.template add<1>(place, whole + left);
      }
      at.store(r, left);
      at.template add<0>(left, left);
      at.template add<2>(whole, whole);
    });
  }

  /// r'M^-1 r for a diagonal preconditioner.
  double weighted_square() {
    const S *r = work.r.data(), *d = inverse;
    return sweep.template operator()<1>([=](const auto& at) {
      const Lanes<S> v = at.load(r);
      at.template add<0>(v, v * at.load(d));
    })[0];
  }

  /// p'(A + damping I)p from q = A p. Reads 2 n numbers.
  double curvature(const S* q) {
    const S* p = work.p.data();
    if (damping == 0) return dot(p, q);
    const auto [pq, pp] = sweep.template operator()<2>([=](const auto& at) {
      const Lanes<S> v = at.load(p);
      at.template add<0>(v, at.load(q));
      at.template add<1>(v, v);
    });
    return pq + static_cast<double>(damping) * pp;
  }

  /// r -= length (q + damping p). Gives |r|^2 and, for a diagonal preconditioner, r'M^-1 r. Reads and writes
  /// 3 n.
  std::array<double, 2> reduce(const S* q, S length) {
    const S *p = work.p.data(), *d = inverse, shift = damping;
    S* r = work.r.data();
    return sweep.template operator()<2>([=](const auto& at) {
      Lanes<S> v = at.load(q);
      if (shift != 0) v += shift * at.load(p);
      v = at.load(r) - length * v;
      at.store(r, v);
      at.template add<0>(v, v);
      if (d) at.template add<1>(v, v * at.load(d));
    });
  }

  /// x += length p, then p = M^-1 r + keep p, where M^-1 r is `z` if that is given. Reads and writes 5 n.
  /// Where they are `measured`, gives x'r, and p'r of the old p.
  template <bool measured>
  std::array<double, 2> turn(const S* z, S length, S keep) {
    const S *r = work.r.data(), *d = inverse;
    S *x = work.x.data(), *p = work.p.data();
    return sweep.template operator()<2>([=](const auto& at) {
      const Lanes<S> residual = at.load(r), old = at.load(p), moved = at.load(x) + length * old;
      Lanes<S> next = z ? at.load(z) : residual;
      if (d) next *= at.load(d);
      next += keep * old;
      at.store(x, moved);
      at.store(p, next);
      if constexpr (measured) {
        at.template add<0>(moved, residual);
        at.template add<1>(old, residual);
      }
    });
  }

  /// p = M^-1 r.
  void first_direction(const S* z) {
    const S *from = z ? z : work.r.data(), *d = inverse;
    S* p = work.p.data();
    sweep([=](const auto& at) {
      Lanes<S> v = at.load(from);
      if (d) v *= at.load(d);
      at.store(p, v);
    });
  }

  /// x += length p.
  void move(S length) {
    const S* p = work.p.data();
    S* x = work.x.data();
    sweep([=](const auto& at) { at.store(x, at.load(x) + length * at.load(p)); });
  }
};

}  // namespace detail
}  // namespace osculate
