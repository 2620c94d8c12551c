# What the core needs, found in the same way by its own build and by the installed package. Sets osculate_missing to a
# sentence where something required is not there.
set(osculate_missing "")
set(osculate_prefix_path "${CMAKE_PREFIX_PATH}")

# The cmeel-eigen wheel puts Eigen under <site-packages>/cmeel.prefix. Four levels up from the installed config inside
# the Python package lies its site-packages.
set(osculate_roots ${CMAKE_PREFIX_PATH})
get_filename_component(osculate_site "${CMAKE_CURRENT_LIST_DIR}/../../../.." ABSOLUTE)
list(APPEND osculate_roots "${osculate_site}")
list(TRANSFORM osculate_roots APPEND /cmeel.prefix)
list(PREPEND CMAKE_PREFIX_PATH ${osculate_roots})
find_package(Eigen3 CONFIG QUIET)  # no version here: the config of Eigen 5 refuses 3.4
set(CMAKE_PREFIX_PATH "${osculate_prefix_path}")
if(NOT Eigen3_FOUND)
  set(osculate_missing "osculate needs Eigen 3.4 or newer, and CMake found none: install libeigen3-dev, eigen or \
`pip install cmeel-eigen`, and name its prefix (site-packages for the latter) in CMAKE_PREFIX_PATH")
elseif(Eigen3_VERSION VERSION_LESS 3.4)
  set(osculate_missing "osculate needs Eigen 3.4 or newer, found ${Eigen3_VERSION} in ${Eigen3_DIR}")
endif()

find_package(Threads QUIET)
if(NOT Threads_FOUND)
  set(osculate_missing "osculate needs a threads library, and CMake found none")
endif()

find_package(OpenMP QUIET COMPONENTS CXX)

# Defines osculate::openmp where the compiler has OpenMP.
macro(osculate_add_openmp)
  if(OpenMP_CXX_FOUND AND NOT TARGET osculate::openmp)
    add_library(osculate::openmp INTERFACE IMPORTED GLOBAL)
    target_link_libraries(osculate::openmp INTERFACE osculate::osculate OpenMP::OpenMP_CXX)
  endif()
endmacro()
