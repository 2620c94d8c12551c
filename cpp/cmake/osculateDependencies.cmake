# What the core needs, found in the same way by its own build and by the installed package. Sets osculate_missing to a
# sentence where something required is not there, and osculate_batch_missing where only the batch engine's xsimd is.
set(osculate_missing "")
set(osculate_prefix_path "${CMAKE_PREFIX_PATH}")

# The cmeel-eigen wheel puts Eigen under <site-packages>/cmeel.prefix. Four levels up from the installed config inside
# the Python package lies its site-packages.
set(osculate_roots ${CMAKE_PREFIX_PATH})
get_filename_component(osculate_site "${CMAKE_CURRENT_LIST_DIR}/../../../.." ABSOLUTE)
list(APPEND osculate_roots "${osculate_site}")
set(osculate_cmeel_roots ${osculate_roots})
list(TRANSFORM osculate_cmeel_roots APPEND /cmeel.prefix)
list(PREPEND CMAKE_PREFIX_PATH ${osculate_cmeel_roots})
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

# xsimd, for batch/ alone: a target of this name, else its package (any version here: the package of 14 refuses to be
# asked for 13), else the headers that an installed osculate carries (osculate_external), else those in the pythran wheel.
# The latter are copied, because beside them lie folders of pythran's with names that other projects include by.
set(osculate_batch_missing "")
set(osculate_xsimd_dir "")
if(NOT TARGET xsimd)
  find_package(xsimd CONFIG QUIET)
endif()
set(osculate_xsimd_target FALSE)
if(TARGET xsimd AND NOT (xsimd_FOUND AND xsimd_VERSION VERSION_LESS 13))
  set(osculate_xsimd_target TRUE)
elseif(osculate_external AND EXISTS "${osculate_external}/xsimd/xsimd.hpp")
  set(osculate_xsimd_dir "${osculate_external}")
else()
  foreach(root IN LISTS osculate_roots)
    if(EXISTS "${root}/pythran/xsimd/xsimd.hpp")
      set(osculate_xsimd_dir "${CMAKE_CURRENT_BINARY_DIR}/osculate_external")
      file(COPY "${root}/pythran/xsimd" DESTINATION "${osculate_xsimd_dir}" FILES_MATCHING PATTERN "*.hpp")
      break()
    endif()
  endforeach()
  if(NOT osculate_xsimd_dir)
    set(osculate_batch_missing "osculate::batch needs xsimd 13 or newer, and CMake found none: install libxsimd-dev, \
xsimd or `pip install pythran`, and name its prefix (site-packages for the latter) in CMAKE_PREFIX_PATH")
  endif()
endif()

# Defines osculate::openmp where the compiler has OpenMP.
macro(osculate_add_openmp)
  if(OpenMP_CXX_FOUND AND NOT TARGET osculate::openmp)
    add_library(osculate::openmp INTERFACE IMPORTED GLOBAL)
    target_link_libraries(osculate::openmp INTERFACE osculate::osculate OpenMP::OpenMP_CXX)
  endif()
endmacro()

# Defines osculate::batch, the core with xsimd, where there is xsimd.
macro(osculate_add_batch)
  if(NOT osculate_batch_missing AND NOT TARGET osculate::batch)
    add_library(osculate::batch INTERFACE IMPORTED GLOBAL)
    target_link_libraries(osculate::batch INTERFACE osculate::osculate)
    if(osculate_xsimd_target)
      target_link_libraries(osculate::batch INTERFACE xsimd)
    else()
      target_include_directories(osculate::batch SYSTEM INTERFACE "${osculate_xsimd_dir}")
    endif()
  endif()
endmacro()
