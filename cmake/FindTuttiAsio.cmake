# Finds one Asio, `standalone` or `boost` (the component asked for), and pins the choice for every user of the target
# TuttiAsio::<component>: two translation units of one program must never pick different ones.
#
# TuttiAsio_INCLUDE_DIR may point at a vendored standalone Asio.
include(FindPackageHandleStandardArgs)

if(NOT TuttiAsio_FIND_COMPONENTS)
  set(TuttiAsio_FIND_COMPONENTS standalone)
endif()

foreach(_tutti_asio IN LISTS TuttiAsio_FIND_COMPONENTS)
  if(_tutti_asio STREQUAL "standalone")
    find_path(TuttiAsio_INCLUDE_DIR asio/version.hpp DOC "Where asio/version.hpp is (Debian: libasio-dev)")
    mark_as_advanced(TuttiAsio_INCLUDE_DIR)
    if(TuttiAsio_INCLUDE_DIR)
      file(STRINGS "${TuttiAsio_INCLUDE_DIR}/asio/version.hpp" _tutti_asio_line REGEX "define ASIO_VERSION ")
      string(REGEX MATCH "[0-9]+" _tutti_asio_number "${_tutti_asio_line}")
      math(EXPR _tutti_asio_minor "${_tutti_asio_number} / 100 % 1000")
      math(EXPR _tutti_asio_major "${_tutti_asio_number} / 100000")
      if(_tutti_asio_number LESS 102200)
        set(TuttiAsio_NOT_FOUND_MESSAGE "Asio ${_tutti_asio_major}.${_tutti_asio_minor} is older than 1.22")
      else()
        set(TuttiAsio_standalone_FOUND TRUE)
      endif()
    endif()
    if(TuttiAsio_standalone_FOUND AND NOT TARGET TuttiAsio::standalone)
      add_library(TuttiAsio::standalone INTERFACE IMPORTED)
      set_target_properties(TuttiAsio::standalone PROPERTIES
        INTERFACE_INCLUDE_DIRECTORIES "${TuttiAsio_INCLUDE_DIR}"
        INTERFACE_COMPILE_DEFINITIONS "TUTTI_USE_STANDALONE_ASIO;ASIO_STANDALONE")
    endif()
  elseif(_tutti_asio STREQUAL "boost")
    find_package(Boost 1.74 QUIET)
    set(TuttiAsio_boost_FOUND ${Boost_FOUND})
    if(Boost_FOUND AND NOT TARGET TuttiAsio::boost)
      add_library(TuttiAsio::boost INTERFACE IMPORTED)
      set_target_properties(TuttiAsio::boost PROPERTIES
        INTERFACE_LINK_LIBRARIES Boost::headers
        INTERFACE_COMPILE_DEFINITIONS TUTTI_USE_BOOST_ASIO)
    endif()
  else()
    set(TuttiAsio_NOT_FOUND_MESSAGE "TUTTI_ASIO is standalone or boost, not '${_tutti_asio}'")
  endif()
endforeach()

find_package_handle_standard_args(TuttiAsio HANDLE_COMPONENTS REASON_FAILURE_MESSAGE "${TuttiAsio_NOT_FOUND_MESSAGE}")
