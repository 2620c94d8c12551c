#pragma once
// The vectors of MINRES and the passes over them: everything that costs O(n) beside the products.

#include "sweep.hpp"

namespace osculate {

/// The vectors of a solve. Kept from one solve to the next they are not allocated again.
template <class S>
struct MinresWorkspace {
  Vector<S> x;            ///< the start where it is warm, and the solution
  Vector<S> v;            ///< Lanczos' vector, whose product is asked for
  Vector<S> y, y_before;  ///< beta v in the paper, whose M^-1 is asked for: the two change places
  Vector<S> w, w_before;  ///< directions
  Vector<S> product, z;
};

namespace detail {

template <class S>
struct MinresPasses {
  MinresWorkspace<S>& work;
  S shift = 0;
  const S* inverse = nullptr;  ///< a diagonal preconditioner, M^-1
  Sweep<S> sweep;

  double dot(const S* a, const S* b) {
    return sweep.template operator()<1>(
        [=](const auto& at) { at.template add<0>(at.load(a), at.load(b)); })[0];
  }

  /// y = scale (b - (A - shift I) x), without a product x is zero.
  void residual(const S* b, S scale, const S* q) {
    const S *x = work.x.data(), s = shift;
    S* y = work.y.data();
    sweep([=](const auto& at) {
      Lanes<S> left = at.load(b);
      if (q) left -= at.load(q) - s * at.load(x);
      at.store(y, scale * left);
    });
  }

  /// y'y, or y'M^-1 y for a diagonal preconditioner.
  double squared_y() {
    const S *y = work.y.data(), *d = inverse;
    return sweep.template operator()<1>([=](const auto& at) {
      const Lanes<S> v = at.load(y);
      at.template add<0>(v, d ? Lanes<S>(v * at.load(d)) : v);
    })[0];
  }

  /// v'(A - shift I)v, less what rounding leaves of v'y_before. Reads 3 n numbers.
  double quotient(const S* q, S coupling) {
    const S *v = work.v.data(), *y = work.y_before.data(), s = shift;
    return sweep.template operator()<1>([=](const auto& at) {
      const Lanes<S> left = at.load(v);
      at.template add<0>(left, at.load(q) - s * left - coupling * at.load(y));
    })[0];
  }

  /// y for the next vector: (A - shift I)v less its parts along the last two; gives squared_y(). Reads and
  /// writes 4 n.
  double lanczos(const S* q, S along, S coupling) {
    const S *v = work.v.data(), *y = work.y.data(), *d = inverse, s = shift;
    S* next = work.y_before.data();
    const double square = sweep.template operator()<1>([=](const auto& at) {
      Lanes<S> left = at.load(q) - coupling * at.load(next) - along * at.load(y);
      if (s != 0) left -= s * at.load(v);
      at.store(next, left);
      at.template add<0>(left, d ? Lanes<S>(left * at.load(d)) : left);
    })[0];
    work.y.swap(work.y_before);
    return square;
  }

  /// v = M^-1 y / beta, where M^-1 y is `z` if that is given.
  void first_vector(const S* z, S unit) {
    const S *y = z ? z : work.y.data(), *d = inverse;
    S* v = work.v.data();
    sweep([=](const auto& at) {
      Lanes<S> u = unit * at.load(y);
      if (d) u *= at.load(d);
      at.store(v, u);
    });
  }

  /// w = inverse_gamma (v - epsilon w_before - delta w), x += length w, and then first_vector(z, unit). Reads
  /// and writes 8 n.
  void advance(const S* z, S unit, S inverse_gamma, S epsilon, S delta, S length) {
    const S *w = work.w.data(), *y = z ? z : work.y.data(), *d = inverse;
    S *v = work.v.data(), *next = work.w_before.data(), *x = work.x.data();
    sweep([=](const auto& at) {
      Lanes<S> u = unit * at.load(y);
      if (d) u *= at.load(d);
      const Lanes<S> direction = inverse_gamma * (at.load(v) - epsilon * at.load(next) - delta * at.load(w));
      at.store(next, direction);
      at.store(x, at.load(x) + length * direction);
      at.store(v, u);
    });
    work.w.swap(work.w_before);
  }
};

}  // namespace detail
}  // namespace osculate
