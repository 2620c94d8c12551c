// Which instruction-set levels this processor, with its operating system, can run. Compiled for the plainest
// processor. levels.cmake also builds it as a program, to learn the level of the machine that builds.
#include <string>
#include <vector>

namespace {

std::vector<std::string> supported_levels() {
#if defined(__x86_64__) && defined(__GNUC__) && (!defined(__clang__) || __clang_major__ >= 18)
  std::vector<std::string> levels;
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v2")) levels.emplace_back("generic");
  if (__builtin_cpu_supports("x86-64-v3")) levels.emplace_back("v3");
  if (__builtin_cpu_supports("x86-64-v4")) levels.emplace_back("v4");
  return levels;
#else
  return {"generic"};
#endif
}

}  // namespace

#if defined(OSCULATE_DETECT_AT_BUILD)

#include <cstdio>

int main() {
  const char* separator = "";
  for (const std::string& level : supported_levels()) {
    std::printf("%s%s", separator, level.c_str());
    separator = ";";
  }
}

#else

#include <pybind11/pybind11.h>

PYBIND11_MODULE(_cpu, m) {
  pybind11::list levels;
  for (const std::string& level : supported_levels()) levels.append(level);
  m.attr("levels") = pybind11::tuple(levels);
}

#endif
