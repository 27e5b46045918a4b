# Install rules: headers, the CMake package in share/cmake/tutti, pkg-config in share/pkgconfig.
include(CMakePackageConfigHelpers)

set(tutti_package_dir "${CMAKE_INSTALL_DATADIR}/cmake/tutti")

install(TARGETS tutti EXPORT tuttiTargets FILE_SET HEADERS)
install(EXPORT tuttiTargets NAMESPACE tutti:: DESTINATION "${tutti_package_dir}")
foreach(door IN LISTS tutti_doors)
  install(TARGETS tutti_${door} EXPORT tutti_${door} FILE_SET HEADERS)
  install(EXPORT tutti_${door} NAMESPACE tutti:: DESTINATION "${tutti_package_dir}")
endforeach()

configure_package_config_file(cmake/tuttiConfig.cmake.in tuttiConfig.cmake INSTALL_DESTINATION "${tutti_package_dir}")
write_basic_package_version_file(tuttiConfigVersion.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/tuttiConfig.cmake" "${CMAKE_CURRENT_BINARY_DIR}/tuttiConfigVersion.cmake"
              cmake/FindTuttiAsio.cmake cmake/Findnanoflann.cmake
              cmake/Findhiredis.cmake DESTINATION "${tutti_package_dir}")

if(TUTTI_ASIO STREQUAL "boost")
  set(tutti_pc_definitions "-DTUTTI_USE_BOOST_ASIO")
else()
  set(tutti_pc_definitions "-DTUTTI_USE_STANDALONE_ASIO -DASIO_STANDALONE")
endif()
configure_file(cmake/tutti.pc.in tutti.pc @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/tutti.pc" DESTINATION "${CMAKE_INSTALL_DATADIR}/pkgconfig")
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")
