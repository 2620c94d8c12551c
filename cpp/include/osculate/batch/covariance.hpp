#pragma once
// Covariance of fits that have ended, collected until a group of lanes is full and then inverted at once:
// s^2 (J'J)^-1 over the parameters that are free, with s^2 = 2 cost / (points - rank) or 1. Where J'J is
// singular to rounding, an eigenvalue decomposition tells which parameters the data determine; the others get
// NaN.

#include <Eigen/Eigenvalues>

#include "small_cholesky.hpp"

namespace osculate::batch {

enum Flag : std::uint8_t {
  flag_at_bound = 1,         ///< a parameter ended on a bound
  flag_rank_deficient = 2,   ///< the data do not determine a parameter
  flag_nonfinite_model = 4,  ///< model or data were not finite
  flag_points_excluded = 8,  ///< a sigma was not positive, or NaN
  flag_no_freedom = 16,      ///< no more points than free parameters: the scatter is unknown
};

template <class S>
class Covariance {
 public:
  explicit Covariance(int n)
      : n_(n),
        matrix_(static_cast<std::size_t>(packed(n, 0)) + 1),
        inverse_(matrix_size()),
        result_(matrix_size()),
        work_(matrix_size()),
        scale_(static_cast<std::size_t>(n) + 1),
        errors_(static_cast<std::size_t>(n) + 1),
        fixed_(static_cast<std::size_t>(n) + 1),
        factor_(n) {}

  struct Entry {
    std::ptrdiff_t fit;
    S twice_cost;
    std::ptrdiff_t points;
  };

  bool absolute = false;  ///< s^2 = 1

  bool full() const { return count_ == lanes<S>; }
  bool empty() const { return count_ == 0; }

  /// Takes J'J of a lane; `fixed(k)` tells whether parameter k is not free, which with `all_free` none is.
  template <class Fixed>
  void add(const Entry& entry, const Rows<S>& matrix, int lane, bool all_free, Fixed&& fixed) {
    entries_[count_] = entry;
    for (int k = 0; k < packed(n_, 0); ++k) matrix_[row(k)][count_] = matrix[row(k)][lane];
    flags_[count_] = 0;
    for (int k = 0; k < n_; ++k) {
      fixed_[row(k)][count_] = 0;
      if (all_free) continue;
      fixed_[row(k)][count_] = fixed(k) ? S(1) : S(0);
      if (matrix[at(k, k)][lane] == 0) flags_[count_] |= flag_rank_deficient;  // without influence
    }
    ++count_;
  }

  /// Calls write(fit, covariance, errors, reduced chi-square, flags) for each: packed lower triangle and
  /// standard errors, a lane's numbers `lanes` apart.
  template <class Write>
  void flush(Write&& write) {
    for (int offset = 0; offset < count_; offset += part<S>) invert(offset);
    for (int lane = 0; lane < count_; ++lane)
      write(entries_[lane].fit, result_.data() + lane, errors_.data() + lane, reduced_[0][lane],
            flags_[lane]);
    count_ = 0;
  }

 private:
  std::size_t matrix_size() const { return static_cast<std::size_t>(packed(n_, 0)) + 1; }
  static std::size_t row(int k) { return static_cast<std::size_t>(k); }
  static std::size_t at(int u, int v) { return static_cast<std::size_t>(packed(u, v)); }

  /// Inverts the matrices of the part at `offset`.
  void invert(int offset) {
    const auto get = [offset](const Rows<S>& r, std::size_t k) { return Wide<S>::load(r[k] + offset); };
    const auto set = [offset](Rows<S>& r, std::size_t k, const Wide<S>& value) {
      value.store(r[k] + offset);
    };
    const Wide<S> zero(0), one(1), nan(std::numeric_limits<S>::quiet_NaN());
    Wide<S> free(0);
    for (int k = 0; k < n_; ++k) {
      const Wide<S> diagonal = get(matrix_, at(k, k));
      const WideMask<S> fixed = (get(fixed_, row(k)) != zero) | !(diagonal > zero);
      set(fixed_, row(k), choose(fixed, one, zero));
      set(scale_, row(k), choose(fixed, zero, one / sqrt(diagonal)));
      free += choose(fixed, zero, one);
    }
    set(rank_, 0, free);
    for (int u = 0; u < n_; ++u) {
      const Wide<S> su = get(scale_, row(u));
      for (int v = 0; v < u; ++v) {  // 0 * inf of a fixed variable must not reach the others
        const Wide<S> sv = get(scale_, row(v));
        set(matrix_, at(u, v), choose((su == zero) | (sv == zero), zero, get(matrix_, at(u, v)) * su * sv));
      }
      set(matrix_, at(u, u), one);
    }
    set(good_, 0, choose(factor_.factorize(matrix_, zero, offset), one, zero));
    factor_.inverse(inverse_, work_);
    for (int k = 0; k < packed(n_, 0); ++k) set(result_, row(k), Wide<S>::load(inverse_[row(k)]));
    for (int lane = offset; lane < std::min(offset + part<S>, count_); ++lane) {
      const S before = rank_[0][lane];
      if (good_[0][lane] == 0) rank_[0][lane] = static_cast<S>(deficient(lane));
      if (rank_[0][lane] < before) flags_[lane] |= flag_rank_deficient;
      freedom_[0][lane] = static_cast<S>(entries_[lane].points) - rank_[0][lane];
      if (!(freedom_[0][lane] > 0)) flags_[lane] |= flag_no_freedom;
      twice_cost_[0][lane] = entries_[lane].twice_cost;
    }
    const Wide<S> freedom = get(freedom_, 0);
    set(reduced_, 0, choose(freedom > zero, get(twice_cost_, 0) / freedom, nan));
    const Wide<S> variance = absolute ? one : get(reduced_, 0);
    for (int u = 0; u < n_; ++u) {
      const Wide<S> su = variance * get(scale_, row(u));
      for (int v = 0; v <= u; ++v) {
        const WideMask<S> unknown = (get(fixed_, row(u)) != zero) | (get(fixed_, row(v)) != zero);
        const Wide<S> c = get(result_, at(u, v)) * (su * get(scale_, row(v)));
        set(result_, at(u, v), choose(unknown, nan, c));
      }
      set(errors_, row(u), sqrt(get(result_, at(u, u))));
    }
  }

  /// Pseudo-inverse of a lane's matrix into result_, with what is not determined marked as fixed; the rank.
  int deficient(int lane) {
    std::vector<int> free;
    for (int k = 0; k < n_; ++k)
      if (fixed_[row(k)][lane] == 0) free.push_back(k);
    const auto m = static_cast<Eigen::Index>(free.size());
    Eigen::MatrixXd a(m, m);
    for (Eigen::Index i = 0; i < m; ++i)
      for (Eigen::Index j = 0; j <= i; ++j)
        a(i, j) = a(j, i) =
            double(matrix_[at(free[static_cast<std::size_t>(i)], free[static_cast<std::size_t>(j)])][lane]);
    if (!a.allFinite()) {
      for (const int k : free) fixed_[row(k)][lane] = 1;
      return 0;
    }
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(a);
    const double least =
        double(std::numeric_limits<S>::epsilon()) * double(m) * eigen.eigenvalues().maxCoeff();
    int rank = 0;
    Eigen::MatrixXd inverse = Eigen::MatrixXd::Zero(m, m);
    Eigen::VectorXd lost = Eigen::VectorXd::Zero(m);
    for (Eigen::Index k = 0; k < m; ++k) {
      const Eigen::VectorXd v = eigen.eigenvectors().col(k);
      if (eigen.eigenvalues()[k] > least) {
        inverse += v * v.transpose() / eigen.eigenvalues()[k];
        ++rank;
      } else {
        lost += v.cwiseAbs2();
      }
    }
    for (Eigen::Index i = 0; i < m; ++i) {
      const int u = free[static_cast<std::size_t>(i)];
      for (Eigen::Index j = 0; j <= i; ++j)
        result_[at(u, free[static_cast<std::size_t>(j)])][lane] = static_cast<S>(inverse(i, j));
      // the null space touches the parameter beyond the rounding of the vectors
      if (lost[i] > std::sqrt(double(std::numeric_limits<S>::epsilon()))) fixed_[row(u)][lane] = 1;
    }
    return rank;
  }

  int n_, count_ = 0;
  Rows<S> matrix_, inverse_, result_, work_, scale_, errors_, fixed_;
  Rows<S> good_{1}, rank_{1}, freedom_{1}, twice_cost_{1}, reduced_{1};
  SmallCholesky<S> factor_;
  Entry entries_[lanes<S>];
  unsigned flags_[lanes<S>] = {};
};

}  // namespace osculate::batch
