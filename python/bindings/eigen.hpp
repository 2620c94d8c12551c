#pragma once
// Eigen's factorizations that several units use: compiled once a module, in eigen.cpp. The precompiled header
// brings this to every unit.

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <Eigen/QR>

extern template class Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>;
extern template class Eigen::LLT<Eigen::MatrixXd, Eigen::Lower>;
extern template class Eigen::HouseholderQR<Eigen::MatrixXd>;
