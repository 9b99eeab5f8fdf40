# What an installation holds: the programs with their man page, and the package for users of the
# library. libexecport holds the wire codecs today; the client joins them in the same library, so
# the file names and the SONAME stay. docs/decisions.md says why it is built this way.
set(include_dir ${CMAKE_INSTALL_INCLUDEDIR}/execport)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/execport)

install(TARGETS execport-runner RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
if(TARGET execport-load)
  install(TARGETS execport-load RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(FILES docs/execport-load.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
if(NOT WIN32)
  install(FILES docs/execport-runner.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
install(FILES LICENSE README.md CHANGELOG.md SECURITY.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

# A library that was built with a sanitizer is of no use to anyone else.
set(EXECPORT_PACKAGE OFF)
if(EXECPORT_SANITIZE OR EXECPORT_FUZZ OR WIN32)
  return()
endif()
set(EXECPORT_PACKAGE ON)

# The codecs once more as position-independent code that shows its names; the linker script then
# lets only those with the folder's prefix out.
execport_sources(wire_sources wire)
if(NOT wire_sources)
  set(wire_sources ${PROJECT_SOURCE_DIR}/cmake/empty.c)
endif()
add_library(execport_objects OBJECT ${wire_sources})
set_target_properties(execport_objects PROPERTIES
  POSITION_INDEPENDENT_CODE ON C_VISIBILITY_PRESET default)
target_compile_options(execport_objects PRIVATE -fno-semantic-interposition)
target_include_directories(execport_objects PUBLIC
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:${include_dir}>)

add_library(execport_shared SHARED $<TARGET_OBJECTS:execport_objects>)
add_library(execport_static STATIC $<TARGET_OBJECTS:execport_objects>)
set_target_properties(execport_shared PROPERTIES OUTPUT_NAME execport EXPORT_NAME execport
  VERSION ${PROJECT_VERSION} SOVERSION 0 LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/exports.map)
set_target_properties(execport_static PROPERTIES OUTPUT_NAME execport)
target_link_options(execport_shared PRIVATE
  -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/exports.map -Wl,--no-undefined)
foreach(kind shared static)
  target_include_directories(execport_${kind} INTERFACE $<INSTALL_INTERFACE:${include_dir}>)
  target_compile_features(execport_${kind} INTERFACE c_std_11)
endforeach()

install(TARGETS execport_shared execport_static EXPORT execport
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})

# Headers whose opening comment says "Internal to ..." are not part of the interface.
file(GLOB headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/wire/*.h)
foreach(header IN LISTS headers)
  file(READ ${header} opening LIMIT 1200)
  if(NOT opening MATCHES "Internal to")
    install(FILES ${header} DESTINATION ${include_dir}/wire)
  endif()
endforeach()

install(EXPORT execport NAMESPACE execport:: FILE execportTargets.cmake DESTINATION ${package_dir})

include(CMakePackageConfigHelpers)
configure_package_config_file(cmake/execportConfig.cmake.in execportConfig.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(execportConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/execportConfig.cmake
  ${PROJECT_BINARY_DIR}/execportConfigVersion.cmake DESTINATION ${package_dir})
configure_file(cmake/execport.pc.in execport.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/execport.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
