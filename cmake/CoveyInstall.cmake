# What `cmake --install` puts where: the command, libcovey, covey.h, covey.pc
# and the package for find_package(Covey).
include(CMakePackageConfigHelpers)

set(COVEY_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/Covey)

install(TARGETS covey_shared EXPORT CoveyTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
# The static library needs its dependencies at link time; it has an export of
# its own, so that who links the shared one needs none of them.
install(TARGETS covey_static EXPORT CoveyStaticTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS covey RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY ${CMAKE_BINARY_DIR}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
  FILES_MATCHING PATTERN "*.1")
install(FILES ${CMAKE_BINARY_DIR}/man/covey.bash
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME covey)
install(FILES include/covey.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES proto/event.proto proto/wire.proto proto/control.proto proto/store.proto
  DESTINATION ${CMAKE_INSTALL_DATADIR}/covey/proto)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

install(EXPORT CoveyTargets NAMESPACE Covey:: DESTINATION ${COVEY_CMAKE_DIR})
install(EXPORT CoveyStaticTargets NAMESPACE Covey:: DESTINATION ${COVEY_CMAKE_DIR})
configure_package_config_file(cmake/CoveyConfig.cmake.in
  ${CMAKE_BINARY_DIR}/CoveyConfig.cmake INSTALL_DESTINATION ${COVEY_CMAKE_DIR})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/CoveyConfigVersion.cmake
  VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/CoveyConfig.cmake ${CMAKE_BINARY_DIR}/CoveyConfigVersion.cmake
  DESTINATION ${COVEY_CMAKE_DIR})

# pcfiledir makes covey.pc right under any prefix, also one given at install.
file(RELATIVE_PATH COVEY_PC_UP
  ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/covey.pc.in ${CMAKE_BINARY_DIR}/covey.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/covey.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
