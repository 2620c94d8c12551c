#pragma once

namespace tests {

/// How often the program has asked for memory so far; see batch_allocations.cpp.
long allocations();

}  // namespace tests
