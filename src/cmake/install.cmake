# What `cmake --install` puts down: the command, the public headers, both libraries, and the files by which CMake and
# pkg-config find them. Everything is found relative to itself, so the tree may be moved.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/contain)
set_target_properties(contain_shared PROPERTIES EXPORT_NAME contain)
set_target_properties(contain PROPERTIES EXPORT_NAME contain_static)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/contain/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/contain
        COMPONENT development FILES_MATCHING REGEX "/include/contain/(core/)?[^/]+\\.hpp$"
        PATTERN sys EXCLUDE PATTERN oci EXCLUDE PATTERN storage EXCLUDE PATTERN registry EXCLUDE PATTERN runtime EXCLUDE)
install(TARGETS contain_shared EXPORT containTargets
        LIBRARY COMPONENT runtime NAMELINK_COMPONENT development)
install(TARGETS contain EXPORT containStaticTargets ARCHIVE COMPONENT development)
if(TARGET contain_cli)
  install(TARGETS contain_cli RUNTIME COMPONENT runtime)
endif()

install(EXPORT containTargets NAMESPACE contain:: DESTINATION ${package} COMPONENT development)
install(EXPORT containStaticTargets NAMESPACE contain:: DESTINATION ${package} COMPONENT development)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/containConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/containConfig.cmake
                              INSTALL_DESTINATION ${package} NO_SET_AND_CHECK_MACRO)
# 0.x: a minor release may change the interface.
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/containConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/containConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/containConfigVersion.cmake
        DESTINATION ${package} COMPONENT development)
install(FILES ${CMAKE_CURRENT_LIST_DIR}/dependencies.cmake DESTINATION ${package} COMPONENT development
        RENAME containDependencies.cmake)

set(pkgconfig ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX}/${pkgconfig} OUTPUT_VARIABLE up)
configure_file(${CMAKE_CURRENT_LIST_DIR}/contain.pc.in ${CMAKE_CURRENT_BINARY_DIR}/contain.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/contain.pc DESTINATION ${pkgconfig} COMPONENT development)
