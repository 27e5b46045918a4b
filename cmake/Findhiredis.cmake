# Finds hiredis as hiredis::hiredis: by its own CMake package, or by header and library (Debian: libhiredis-dev, which
# has no such package before version 1). hiredis_INCLUDE_DIR and hiredis_LIBRARY may point at a copy.
include(FindPackageHandleStandardArgs)

find_package(hiredis QUIET CONFIG)
if(hiredis_FOUND)
  find_package_handle_standard_args(hiredis CONFIG_MODE)
  return()
endif()
find_path(hiredis_INCLUDE_DIR hiredis/hiredis.h DOC "Where hiredis/hiredis.h is (Debian: libhiredis-dev)")
find_library(hiredis_LIBRARY hiredis DOC "The library hiredis")
mark_as_advanced(hiredis_INCLUDE_DIR hiredis_LIBRARY)
find_package_handle_standard_args(hiredis REQUIRED_VARS hiredis_LIBRARY hiredis_INCLUDE_DIR)
if(hiredis_FOUND AND NOT TARGET hiredis::hiredis)
  add_library(hiredis::hiredis UNKNOWN IMPORTED)
  set_target_properties(hiredis::hiredis PROPERTIES
    IMPORTED_LOCATION "${hiredis_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${hiredis_INCLUDE_DIR}")
endif()
