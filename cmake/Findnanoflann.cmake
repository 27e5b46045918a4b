# Finds nanoflann as nanoflann::nanoflann: by its own CMake package, or by its one header (Debian: libnanoflann-dev,
# which has no such package). nanoflann_INCLUDE_DIR may point at a copy.
include(FindPackageHandleStandardArgs)

find_package(nanoflann QUIET CONFIG)
if(nanoflann_FOUND)
  find_package_handle_standard_args(nanoflann CONFIG_MODE)
  return()
endif()
find_path(nanoflann_INCLUDE_DIR nanoflann.hpp DOC "Where nanoflann.hpp is (Debian: libnanoflann-dev)")
mark_as_advanced(nanoflann_INCLUDE_DIR)
find_package_handle_standard_args(nanoflann REQUIRED_VARS nanoflann_INCLUDE_DIR)
if(nanoflann_FOUND AND NOT TARGET nanoflann::nanoflann)
  add_library(nanoflann::nanoflann INTERFACE IMPORTED)
  set_target_properties(nanoflann::nanoflann PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${nanoflann_INCLUDE_DIR}")
endif()
