# What comes from elsewhere, by one name on every system:
#   EXECPORT_SYSTEM   libraries of the system that the engine needs
#   EXECPORT_CRYPTO   hashes: nettle, on Windows the system's own
#   execport_cmocka, execport_jansson (targets, with EXECPORT_TESTS): for tests only
# Linux finds by pkg-config; Windows by the packages' CMake files, as vcpkg and tools/dev/win-deps
# install them, and what comes without one by name.
if(WIN32)
  set(EXECPORT_SYSTEM ws2_32 bcrypt)
  set(EXECPORT_CRYPTO bcrypt)
else()
  find_package(Threads REQUIRED)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(NETTLE REQUIRED IMPORTED_TARGET nettle)
  set(EXECPORT_SYSTEM Threads::Threads)
  set(EXECPORT_CRYPTO PkgConfig::NETTLE)
endif()

# execport_found(NAME TARGET): the target execport_NAME stands for TARGET.
function(execport_found name target)
  add_library(execport_${name} INTERFACE)
  target_link_libraries(execport_${name} INTERFACE ${target})
endfunction()

# execport_find_by_name(NAME HEADER LIBRARIES...): the same for the first of the libraries found.
function(execport_find_by_name name header)
  find_path(EXECPORT_${name}_INCLUDE ${header} REQUIRED)
  find_library(EXECPORT_${name}_LIBRARY NAMES ${ARGN} REQUIRED)
  execport_found(${name} ${EXECPORT_${name}_LIBRARY})
  target_include_directories(execport_${name} SYSTEM INTERFACE ${EXECPORT_${name}_INCLUDE})
endfunction()

if(EXECPORT_TESTS AND WIN32)
  find_package(jansson CONFIG QUIET)
  if(NOT jansson_FOUND)
    message(FATAL_ERROR "The tests need jansson and cmocka. tools/dev/win-deps builds them for the "
      "preset windows; on Windows itself vcpkg brings them (CONTRIBUTING.md).")
  endif()
  execport_found(jansson jansson::jansson)
  find_package(cmocka CONFIG QUIET)
  if(TARGET cmocka::cmocka)
    execport_found(cmocka cmocka::cmocka)
  else()
    execport_find_by_name(cmocka cmocka.h cmocka-static cmocka)
  endif()
elseif(EXECPORT_TESTS)
  pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
  pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
  execport_found(cmocka PkgConfig::CMOCKA)
  execport_found(jansson PkgConfig::JANSSON)
endif()
