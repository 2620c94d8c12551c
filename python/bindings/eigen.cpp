// The one unit of a module that instantiates Eigen's factorizations.
#include "eigen.hpp"

template class Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>;
template class Eigen::LLT<Eigen::MatrixXd, Eigen::Lower>;
template class Eigen::HouseholderQR<Eigen::MatrixXd>;
