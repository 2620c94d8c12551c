#pragma once
// One Levenberg-Marquardt step of every lane within its radius and bounds: linsolve/secular.hpp and
// globalize/bounds.hpp for many small problems at once, with Cholesky of the scaled normal equations. A
// matrix that is singular to rounding is damped just enough to be factored.

#include "small_cholesky.hpp"

namespace osculate::batch {

template <class S>
class BoundedStep {
 public:
  explicit BoundedStep(int n)
      : held(rows(n)),
        displacement(rows(n)),
        step(rows(n)),
        n_(n),
        scaled_(triangle(n)),
        masked_(triangle(n)),
        g_(rows(n)),
        scaled_g_(rows(n)),
        z_(rows(n)),
        best_(rows(n)),
        fixed_(rows(n)),
        work_(rows(n)),
        factor_(n) {}

  // The lanes of one part: the first ones.
  Rows<S> held;          ///< 1 where a variable may not move
  Rows<S> displacement;  ///< by how much it is moved all the same: onto its bound
  Rows<S> step;          ///< out: d

  /// Solves for lanes in `active` of the part at `offset`. `matrix` and `gradient` are J'J and J'r,
  /// `inverse_scale` 1 / D, `radius` bounds |D d| and `damping` is a guess of lambda and becomes its value.
  /// With bounds, lower - x and upper - x. `free` promises that no variable is held.
  void solve(const WideMask<S>& active, const Rows<S>& matrix, const Rows<S>& gradient,
             const Rows<S>& inverse_scale, const Wide<S>& radius, Wide<S>& damping, const Rows<S>* low,
             const Rows<S>* high, int offset, bool free = false) {
    const auto inverse_of = [&](int u) { return Wide<S>::load(inverse_scale[row(u)] + offset); };
    for (int u = 0; u < n_; ++u) {
      const Wide<S> du = inverse_of(u);
      (Wide<S>::load(gradient[row(u)] + offset) * du).store(scaled_g_[row(u)]);
      for (int v = 0; v <= u; ++v)
        (Wide<S>::load(matrix[at(u, v)] + offset) * (du * inverse_of(v))).store(scaled_[at(u, v)]);
    }
    if (free && !low) {
      matrix_ = &scaled_, right_ = &scaled_g_;
      secular(active, radius, damping);
      for (int u = 0; u < n_; ++u) (Wide<S>::load(best_[row(u)]) * inverse_of(u)).store(step[row(u)]);
      return;
    }
    for (int u = 0; u < n_; ++u) Wide<S>::load(held[row(u)]).store(fixed_[row(u)]);
    constexpr S most_rounds = 10;
    Wide<S> rounds(0);
    for (WideMask<S> todo = active; todo.any();) {
      restrict(inverse_scale, offset);
      Wide<S> lambda = damping;
      secular(todo, radius, lambda);
      damping = choose(todo, lambda, damping);
      for (int u = 0; u < n_; ++u) {
        const WideMask<S> is_held = Wide<S>::load(held[row(u)]) != Wide<S>(0);
        const Wide<S> d = Wide<S>::load(best_[row(u)]) * inverse_of(u);
        choose(todo, choose(is_held, Wide<S>::load(displacement[row(u)]), d), Wide<S>::load(step[row(u)]))
            .store(step[row(u)]);
      }
      if (!low) return;
      const WideMask<S> again = hold(todo, *low, *high, offset);
      const WideMask<S> inside = todo & !again & (rounds < Wide<S>(most_rounds));
      rounds = choose(inside, rounds + Wide<S>(1), rounds);
      todo = again | release(inside, inverse_scale, damping, *low, *high, offset);
    }
  }

 private:
  static std::size_t rows(int n) { return static_cast<std::size_t>(n); }
  static std::size_t triangle(int n) { return static_cast<std::size_t>(packed(n, 0)); }
  static std::size_t row(int u) { return static_cast<std::size_t>(u); }
  static std::size_t at(int u, int v) {
    return static_cast<std::size_t>(u >= v ? packed(u, v) : packed(v, u));
  }

  /// Puts on its bound what the step moves beyond it; the mask tells the lanes where something is.
  WideMask<S> hold(const WideMask<S>& todo, const Rows<S>& low, const Rows<S>& high, int offset) {
    WideMask<S> any = Wide<S>(0) != Wide<S>(0);
    for (int u = 0; u < n_; ++u) {
      const Wide<S> d = Wide<S>::load(step[row(u)]), l = Wide<S>::load(low[row(u)] + offset),
                    h = Wide<S>::load(high[row(u)] + offset);
      const WideMask<S> outside = todo & (Wide<S>::load(held[row(u)]) == Wide<S>(0)) & ((d < l) | (d > h));
      choose(outside, smaller(larger(d, l), h), Wide<S>::load(displacement[row(u)]))
          .store(displacement[row(u)]);
      choose(outside, Wide<S>(1), Wide<S>::load(held[row(u)])).store(held[row(u)]);
      any = any | outside;
    }
    return any;
  }

  /// Lets go of variables that hold() put on a bound and the model at the step pulls inward again.
  WideMask<S> release(const WideMask<S>& todo, const Rows<S>& inverse_scale, const Wide<S>& damping,
                      const Rows<S>& low, const Rows<S>& high, int offset) {
    const Wide<S> zero(0);
    WideMask<S> any = zero != zero, candidates = any;
    for (int u = 0; u < n_; ++u)
      candidates = candidates | (Wide<S>::load(held[row(u)]) != Wide<S>::load(fixed_[row(u)]));
    candidates = candidates & todo;
    if (!candidates.any()) return any;
    for (int u = 0; u < n_; ++u) {
      const Wide<S> inverse = Wide<S>::load(inverse_scale[row(u)] + offset);
      choose(inverse > zero, Wide<S>::load(step[row(u)]) / inverse, zero).store(z_[row(u)]);
    }
    for (int u = 0; u < n_; ++u) {
      const Wide<S> l = Wide<S>::load(low[row(u)] + offset), h = Wide<S>::load(high[row(u)] + offset),
                    displaced = Wide<S>::load(displacement[row(u)]);
      Wide<S> pull = fma(damping, Wide<S>::load(z_[row(u)]), Wide<S>::load(scaled_g_[row(u)]));
      for (int v = 0; v < n_; ++v)
        pull = fma(Wide<S>::load(scaled_[at(u, v)]), Wide<S>::load(z_[row(v)]), pull);
      const WideMask<S> lower = displaced == l, inward = choose(lower, -pull, pull) > zero;
      const WideMask<S> was_held = Wide<S>::load(held[row(u)]) != Wide<S>::load(fixed_[row(u)]);
      const WideMask<S> freed = candidates & was_held & inward & (l != h);
      choose(freed, zero, displaced).store(displacement[row(u)]);
      choose(freed, zero, Wide<S>::load(held[row(u)])).store(held[row(u)]);
      any = any | freed;
    }
    return any;
  }

  /// Rows and columns of held variables become the identity's; their displacement moves to the right-hand
  /// side.
  void restrict(const Rows<S>& inverse_scale, int offset) {
    const Wide<S> zero(0);
    WideMask<S> any = zero != zero, moved = zero != zero;
    for (int u = 0; u < n_; ++u) {
      any = any | (Wide<S>::load(held[row(u)]) != zero);
      moved = moved | (Wide<S>::load(displacement[row(u)]) != zero);
    }
    matrix_ = &scaled_, right_ = &scaled_g_;
    if (!any.any()) return;
    matrix_ = &masked_, right_ = &g_;
    const Wide<S> size = magnitude(), diagonal = choose(size > zero, size, Wide<S>(1));
    for (int u = 0; u < n_; ++u) {
      const WideMask<S> is_held = Wide<S>::load(held[row(u)]) != zero;
      Wide<S> g = Wide<S>::load(scaled_g_[row(u)]);
      if (moved.any())
        for (int v = 0; v < n_; ++v) {
          const Wide<S> d = Wide<S>::load(displacement[row(v)]),
                        inverse = Wide<S>::load(inverse_scale[row(v)] + offset);
          const Wide<S> z = choose(inverse > zero, d / inverse, zero);
          g = fma(Wide<S>::load(scaled_[at(u, v)]), z, g);
        }
      choose(is_held, zero, g).store(g_[row(u)]);
      for (int v = 0; v < u; ++v) {
        const WideMask<S> either = is_held | (Wide<S>::load(held[row(v)]) != zero);
        choose(either, zero, Wide<S>::load(scaled_[at(u, v)])).store(masked_[at(u, v)]);
      }
      choose(is_held, diagonal, Wide<S>::load(scaled_[at(u, u)])).store(masked_[at(u, u)]);
    }
  }

  /// The largest diagonal element.
  Wide<S> magnitude() const {
    Wide<S> largest(0);
    for (int u = 0; u < n_; ++u) largest = larger(Wide<S>::load(scaled_[at(u, u)]), largest);
    return largest;
  }
  Wide<S> norm(const Rows<S>& z) const {
    Wide<S> sum(0);
    for (int u = 0; u < n_; ++u) sum = fma(Wide<S>::load(z[row(u)]), Wide<S>::load(z[row(u)]), sum);
    return sqrt(sum);
  }
  /// best = z for the lanes in the mask.
  void keep(const WideMask<S>& mask) {
    for (int u = 0; u < n_; ++u)
      choose(mask, Wide<S>::load(z_[row(u)]), Wide<S>::load(best_[row(u)])).store(best_[row(u)]);
  }

  /// linsolve/secular.hpp, with the same names.
  void secular(const WideMask<S>& lanes_to_solve, const Wide<S>& radius, Wide<S>& damping) {
    constexpr S tolerance = S(0.1);
    constexpr int most_attempts = 60;
    const Wide<S> zero(0), eps(std::numeric_limits<S>::epsilon()), tiny(std::numeric_limits<S>::min());
    const WideMask<S> full_rank = factor_.factorize(*matrix_, zero);
    factor_.solve(*right_, z_);
    Wide<S> length = norm(z_);
    keep(lanes_to_solve);
    const WideMask<S> inside = full_rank & (length <= (Wide<S>(1) + Wide<S>(tolerance)) * radius);
    WideMask<S> todo = lanes_to_solve & !inside;
    Wide<S> lambda = zero;
    if (!todo.any()) {
      damping = lambda;
      return;
    }
    const Wide<S> gradient_norm = norm(*right_);
    const WideMask<S> still = gradient_norm == zero;  // nothing to do: z is zero
    todo = todo & !still;
    Wide<S> lower = (length - radius) / radius * (length * length / factor_.inverse_form(z_, work_));
    lower = choose(full_rank & finite(lower) & (lower > zero), lower, zero);
    Wide<S> upper = larger(gradient_norm / radius, lower);
    Wide<S> guess = smaller(larger(damping, lower), upper);
    guess = choose(guess > zero, guess,
                   choose(full_rank & (length > zero) & finite(length), gradient_norm / length,
                          Wide<S>(S(0.001)) * upper));
    lambda = choose(todo, guess, zero);
    Wide<S> previous = choose(full_rank, length - radius, zero);
    for (int attempt = 0; attempt < most_attempts && todo.any(); ++attempt) {
      lambda = choose(todo & !(lambda > zero), larger(Wide<S>(S(0.001)) * upper, tiny), lambda);
      const WideMask<S> factored = factor_.factorize(*matrix_, lambda);
      factor_.solve(*right_, z_);
      length = norm(z_);
      const Wide<S> excess = length - radius;
      keep(todo & factored);
      // The hard case of a singular matrix: |z| stays below the radius however small lambda is.
      const WideMask<S> hard = (lower == zero) & (excess < zero) & (previous < zero) & (excess <= previous);
      const WideMask<S> late = attempt >= 10 ? excess < zero : zero != zero;
      const WideMask<S> done = factored & ((abs(excess) <= Wide<S>(tolerance) * radius) | hard | late);
      // too small beside the rounding of the matrix
      const WideMask<S> raised = todo & !factored;
      const WideMask<S> go_on = todo & factored & !done;
      lower = choose(raised | (go_on & (excess > zero)), larger(lower, lambda), lower);
      upper = choose(go_on & !(excess > zero), smaller(upper, lambda), upper);
      const Wide<S> newton = excess / radius * (length * length / factor_.inverse_form(z_, work_));
      const Wide<S> next = larger(lower, lambda + newton);
      lambda = choose(go_on, next, choose(raised, larger(Wide<S>(4) * lambda, eps * magnitude()), lambda));
      upper = choose(raised, larger(upper, lambda), upper);
      previous = choose(go_on, excess, previous);
      todo = raised | go_on;
    }
    damping = lambda;
  }

  int n_;
  Rows<S> scaled_, masked_, g_, scaled_g_, z_, best_, fixed_, work_;
  const Rows<S>*matrix_ = nullptr, *right_ = nullptr;  ///< what is solved: the scaled or the masked system
  SmallCholesky<S> factor_;
};

}  // namespace osculate::batch
